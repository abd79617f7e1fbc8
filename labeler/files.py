"""Files: read within limits, with their sidecars; written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labeler.errors import LimitError, UnreadableError, UsageError, WriteError

SIDECAR = ".c2pa"


def _owners(sidecar: Path) -> Iterator[Path]:
    """``FILE.EXT`` of ``FILE.EXT.c2pa``, then every ``FILE.*`` of ``FILE.c2pa``."""
    exact = sidecar.with_suffix("")
    if os.path.isfile(exact):  # False too where the name is longer than a name can be
        yield exact
    with contextlib.suppress(OSError):
        for sibling in sorted(sidecar.parent.iterdir()):
            if sibling.stem == exact.name and sibling.suffix != SIDECAR and sibling.is_file():
                yield sibling


def sidecar_of(path: str | Path) -> Path | None:
    """The sidecar beside this file: ``FILE.EXT.c2pa``, else ``FILE.c2pa`` when no other file shares it."""
    name = os.fspath(path)
    if os.path.isfile(name + SIDECAR):
        return Path(name + SIDECAR)
    shared = os.path.splitext(name)[0] + SIDECAR
    if shared != name and os.path.isfile(shared) and list(_owners(Path(shared))) == [Path(path)]:
        return Path(shared)
    return None


@dataclass(frozen=True)
class Sidecar:
    """A manifest store beside a file; ``exact``: its name can speak of no other file."""

    data: bytes
    exact: bool = True

    @classmethod
    def beside(cls, path: str | Path, limit: int) -> Sidecar | None:
        """Of this file.

        Raises:
            UnreadableError: it cannot be read. LimitError: it is larger than ``limit`` bytes.
        """
        found = sidecar_of(path)
        return cls(read(found, limit), found.name == os.path.basename(path) + SIDECAR) if found else None

    @property
    def key(self) -> str:
        """What findings depend on: its SHA-256, and whether its name is exact."""
        return hashlib.sha256(self.data).hexdigest() + ("" if self.exact else " shared")


def opened(path: str | Path) -> io.FileIO:
    """Raises UnreadableError: it cannot be opened, or is no regular file."""
    try:
        file = io.FileIO(os.fspath(path), opener=_open)
    except OSError as e:
        raise UnreadableError(f"it cannot be read ({e.strerror}).", "Check path and permissions.") from e
    except ValueError as e:
        raise UnreadableError("it cannot be read: no file has such a name.", "Check the path.") from e
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableError("it is not a regular file.", "Name a file or a folder.")
    return file


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a FIFO that nobody writes to would block


def read(path: str | Path, limit: int) -> bytes:
    """The whole file.

    Raises:
        UnreadableError: it cannot be read. LimitError: it is larger than ``limit`` bytes.
    """
    try:
        with opened(path) as f:
            parts, size = list[bytes](), os.fstat(f.fileno()).st_size
            count = size if size > limit else 0
            while count <= limit and (part := f.read(max(size + 1 - count, 1 << 16))):
                parts.append(part)
                count += len(part)
    except OSError as e:
        raise UnreadableError(f"it cannot be read ({e.strerror}).", "Check path and permissions.") from e
    except MemoryError as e:
        raise LimitError("it does not fit into memory.", "Allow more, or use a larger machine.") from e
    if count > limit:
        raise LimitError(
            f"it has more than {limit} bytes.", "If you trust it, allow more: `labeler.Limits` in Python."
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def digest(path: str) -> str:
    """SHA-256 of a file.

    Raises:
        UnreadableError: it cannot be read.
    """
    whole, view = hashlib.sha256(), _buffer()
    with opened(path) as f:
        try:
            while count := f.readinto(view):
                whole.update(view[:count])
        except OSError as e:
            raise UnreadableError(f"it cannot be read ({e.strerror}).", "Check path and permissions.") from e
    return whole.hexdigest()


_local = threading.local()


def _buffer() -> memoryview:
    """The same memory for every file: fresh pages would cost as much as half of the hashing."""
    if not hasattr(_local, "view"):
        _local.view = memoryview(bytearray(1 << 18))
    view: memoryview = _local.view
    return view


def write(path: Path, data: bytes, *, like: Path | None = None, backup: str | None = None) -> None:
    """`write_all` of one file."""
    write_all([(path, data)], like=like, backup=backup)


def write_all(
    files: Sequence[tuple[Path, bytes]], *, like: Path | None = None, backup: str | None = None
) -> None:
    """Replace each file by its data as a whole: temporary files in the same folders, fsync, then the renames.

    All are prepared before the first is replaced, and a rename that fails takes back those before it. A symbolic
    link stays one: its target is replaced. The mode is that of the file replaced, else of ``like``, else what the
    umask gives. ``backup`` keeps the first file's old content under its name with this suffix. A target that is a
    device or a pipe is written to.

    Raises:
        WriteError: a target cannot be written; nothing was changed. UsageError: the backup exists already.
    """
    scratch: list[tuple[Path, str]] = []
    done: list[tuple[Path, str | None]] = []  # replaced, and where the old one waits
    try:
        for path, data in files:
            target = Path(os.path.realpath(path))
            if target.exists() and not target.is_file():
                with open(target, "wb") as f:  # a folder fails here
                    f.write(data)
                continue
            scratch.append((target, _prepare(target, data, target if target.exists() else like)))
        if backup and scratch and scratch[0][0].exists():
            _keep(scratch[0][0], scratch[0][0].with_name(scratch[0][0].name + backup))
        last = len(scratch) - 1
        for i, (target, new) in enumerate(scratch):
            # the last rename needs no way back
            old = _aside(target) if i < last and target.exists() else None
            os.replace(new, target)
            if i < last:
                done.append((target, old))
        for folder in {target.parent for target, _ in scratch}:
            _sync(folder)
    except OSError as e:
        _take_back(done)
        raise _unwritable(e, e.filename2 or e.filename or files[0][0]) from e
    finally:
        for name in [new for _, new in scratch] + [old for _, old in done if old]:
            with contextlib.suppress(OSError):
                os.unlink(name)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece: it replaces ``path`` when the block ends, and is gone when the block fails.

    A symbolic link stays one; a device or a pipe is written to.

    Raises:
        WriteError: it cannot be written there; nothing was changed.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            name, f = None, open(target, "wb")  # noqa: SIM115 - a folder fails here
        else:
            name = _prepare(target, b"", target if target.exists() else None)
            f = open(name, "wb")  # noqa: SIM115 - closed below
    except OSError as e:
        raise _unwritable(e, path) from e
    try:
        with f:
            yield f
            f.flush()
            if name:
                os.fsync(f.fileno())
        if name:
            try:
                os.replace(name, target)
            except OSError as e:
                raise _unwritable(e, path) from e
            _sync(target.parent)
    finally:
        if name:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _unwritable(e: OSError, path: object) -> WriteError:
    return WriteError(
        f"{path} cannot be written ({e.strerror}); nothing was changed.",
        "Check space and permissions of the folder.",
    )


def _prepare(target: Path, data: bytes, pattern: Path | None) -> str:
    """A temporary file beside the target, whole and on disk."""
    mode = stat.S_IMODE(pattern.stat().st_mode) if pattern else 0o666 & ~_umask()
    fd, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            os.fchmod(f.fileno(), mode)
            os.fsync(f.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return name


def _aside(target: Path) -> str:
    """Another name for the file that is there."""
    name = f"{target.with_name('.' + target.name[:40])}.{os.getpid()}.old"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name)
    os.link(target, name)
    return name


def _take_back(done: Sequence[tuple[Path, str | None]]) -> None:
    for target, old in reversed(done):
        with contextlib.suppress(OSError):
            if old:
                os.replace(old, target)
            else:
                os.unlink(target)


def _keep(target: Path, copy: Path) -> None:
    try:
        os.link(target, copy)
    except FileExistsError as e:
        raise UsageError(
            f"The backup {copy} exists already.", "Remove it or choose another --backup suffix."
        ) from e
    except OSError:  # no hard links here: copy
        with open(copy, "xb") as f:
            f.write(target.read_bytes())
            os.fsync(f.fileno())


def _umask() -> int:
    # the only portable way to read it is to set it; Linux tells it without that race between threads
    with contextlib.suppress(OSError, ValueError, StopIteration), open("/proc/self/status") as f:
        return int(next(line for line in f if line.startswith("Umask:")).split()[1], 8)
    old = os.umask(0o077)
    os.umask(old)
    return old


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
