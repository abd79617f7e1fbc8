"""Functions for worker processes, importable there: what kills, hangs and eats memory does so for real."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def square(x: int) -> int:
    return x * x


def fail(message: str) -> None:
    raise OSError(message)


def unpicklable() -> object:
    return lambda: None


def where() -> tuple[int, bool, list[str]]:
    """Process id, whether ``__main__`` is the caller's, names imported from the working directory's folder."""
    return os.getpid(), hasattr(sys.modules["__main__"], "__file__"), sys.path


def steps(kinds: list[str], slow: float = 0) -> Iterator[str]:
    for kind in kinds:
        time.sleep(slow)
        match kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash":
                ctypes.string_at(0)
            case "exit":
                os._exit(7)
            case "hang":
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                while True:
                    pass
            case "sleep":
                time.sleep(600)
            case "eat":
                bytearray(1 << 34)
            case "eat slowly":
                held = []
                while True:
                    held.append(bytearray(1 << 24))
        yield kind


def alive(pid: int) -> bool:
    """Whether that process runs: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Of all its threads."""
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return sorted(int(child) for text in lists for child in text.split())
