"""Folders, archives and a plugin for tests of batches."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

PLUGIN = """
import os, signal, time

def find(subject):
    with open(os.environ["STEPS_LOG"], "a") as log:
        log.write("x")
    tail = subject.data[-9:]
    if tail == b"#kill####":
        os.kill(os.getpid(), signal.SIGKILL)
    if tail == b"#hang####":
        time.sleep(3600)
    if tail == b"#eat#####":
        held = []
        while True:
            held.append(bytearray(1 << 24))
    if tail == b"#slow####":
        time.sleep(float(os.environ.get("STEPS_SLOW", "0.3")))
    return ()
"""


def install_plugin(folder: Path) -> None:
    """A distribution with an evidence plugin that does to its process what the file's last bytes say."""
    (folder / "steps_plugin.py").write_text(PLUGIN)
    info = folder / "steps_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: steps-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tanba.evidence]\nsteps = steps_plugin:find\n")
    (folder / "log").write_text("")


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()
