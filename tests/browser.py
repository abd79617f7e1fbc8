"""Debian's chromium, driven over its DevTools pipe: nothing to install but the browser."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")


def find() -> str | None:
    """The path of a chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. ``log`` gathers what the console, exceptions and refused loads said."""

    def __init__(self, binary: str, profile: Path) -> None:
        (to_read, self._to), (self._from, to_write) = os.pipe(), os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]
        flags += ["--disable-dev-shm-usage", f"--user-data-dir={profile}", "--hide-scrollbars"]
        # the pipe's ends are descriptors 3 and 4 of the browser
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}', binary, *flags],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer, self._session = 0, b"", ""
        self.log: list[str] = []
        self.requests: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """One command, and its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self, patience: float = 60) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._from], [], [], patience)[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise RuntimeError("the browser is gone")
            self._buffer += piece
        raw, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(raw)
        method, params = answer.get("method"), answer.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.log.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Runtime.consoleAPICalled":
            self.log.append(str([a.get("value") for a in params["args"]]))
        elif method == "Log.entryAdded":
            self.log.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.log.append(f"dialog: {params['message']}")
        return answer

    def open(
        self, page: Path, width: int = 1280, height: int = 900, *, dark: bool = False, scale: float = 1
    ) -> None:
        """Load a local file and wait until its script has run."""
        self.look(width, height, dark=dark, scale=scale)
        self.send("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + 60
        while not self.run(
            "document.readyState === 'complete' && document.documentElement.className.includes('ready')"
        ):
            if time.monotonic() > end:
                raise TimeoutError(f"the page did not get ready: {self.log}")
            time.sleep(0.02)

    def look(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """The window's size, px, and the user's colour scheme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media="", features=features)

    def run(self, expression: str) -> Any:
        """The value of an expression (awaited), as JSON."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"].get("exception", {}).get("description")))
        return result["result"].get("value")

    def settle(self) -> None:
        """Let two frames pass."""
        self.run("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))")

    def press(self, key: str) -> None:
        """One key, as the user presses it."""
        codes = {
            "ArrowDown": 40,
            "ArrowUp": 38,
            "End": 35,
            "Home": 36,
            "Enter": 13,
            "Escape": 27,
            "Tab": 9,
            "PageDown": 34,
        }
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            extra = text if kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **extra,
            )
        self.settle()

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.send("Input.insertText", text=text)
        self.settle()

    def screenshot(self, path: Path, *, full: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self, path: Path) -> None:
        """What is printed on A4."""
        data = self.send(
            "Page.printToPDF",
            paperWidth=8.27,
            paperHeight=11.69,
            preferCSSPageSize=True,
            printBackground=False,
        )
        path.write_bytes(base64.b64decode(data["data"]))

    def close(self) -> None:
        """End it."""
        os.close(self._to)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser for a while.

    Raises:
        FileNotFoundError: there is none.
    """
    binary = find()
    if binary is None:
        raise FileNotFoundError("chromium")
    made = Browser(binary, profile)
    try:
        yield made
    finally:
        made.close()
