"""Files: found in folders, read within limits, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labeler.errors import LimitError, UnreadableError, UsageError, WriteError

SIDECAR = ".c2pa"


@dataclass(frozen=True)
class Found:
    """A file to look at; ``named`` = the caller named it, so that an unsupported kind is an error.

    ``base`` is the folder it was found in: what an output folder mirrors.
    """

    path: Path
    named: bool
    base: Path

    @property
    def relative(self) -> Path:
        """Below ``base``."""
        return self.path.relative_to(self.base)


def collect(paths: Iterable[str | Path]) -> Iterator[Found]:
    """Named files, and the files of folders in a stable order; sidecars and hidden files are no inputs."""
    for given in map(Path, paths):
        if not given.is_dir():
            yield Found(given, True, given.parent)
            continue
        closed: list[OSError] = []  # folders that cannot be read
        for folder, folders, names in os.walk(given, onerror=closed.append):
            folders[:] = sorted(n for n in folders if not n.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if not name.startswith(".") and path.suffix != SIDECAR and path.is_file():
                    yield Found(path, False, given)
        yield from (Found(Path(e.filename), True, given) for e in closed)


def orphans(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Sidecars in these folders whose file is gone."""
    for given in map(Path, paths):
        for sidecar in sorted(given.rglob(f"*{SIDECAR}")) if given.is_dir() else ():
            if sidecar.is_file() and not next(_owners(sidecar), None):
                yield sidecar


def _is_file(path: Path) -> bool:
    """False too where the name is longer than a name can be."""
    try:
        return path.is_file()
    except OSError:
        return False


def _owners(sidecar: Path) -> Iterator[Path]:
    """``FILE.EXT`` of ``FILE.EXT.c2pa``, then every ``FILE.*`` of ``FILE.c2pa``."""
    exact = sidecar.with_suffix("")
    if _is_file(exact):
        yield exact
    with contextlib.suppress(OSError):
        for sibling in sorted(sidecar.parent.iterdir()):
            if sibling.stem == exact.name and sibling.suffix != SIDECAR and sibling.is_file():
                yield sibling


def sidecar_of(path: Path) -> Path | None:
    """The sidecar beside this file: ``FILE.EXT.c2pa``, else ``FILE.c2pa`` when no other file shares it."""
    exact = path.with_name(path.name + SIDECAR)
    if _is_file(exact):
        return exact
    shared = path.with_suffix(SIDECAR)
    if shared != path and _is_file(shared) and list(_owners(shared)) == [path]:
        return shared
    return None


def names_exactly(sidecar: Path, path: Path) -> bool:
    """Whether the sidecar's name can speak of no other file."""
    return sidecar.name == path.name + SIDECAR


def read(path: Path, limit: int) -> bytes:
    """The whole file.

    Raises:
        UnreadableError: it cannot be read. LimitError: it is larger than ``limit`` bytes.
    """
    try:
        # a FIFO that nobody writes to would block
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as f:
            if not stat.S_ISREG(os.fstat(f.fileno()).st_mode):
                raise UnreadableError("it is not a regular file.", "Name a file or a folder.")
            data = f.read(limit + 1)
    except OSError as e:
        raise UnreadableError(f"it cannot be read ({e.strerror}).", "Check path and permissions.") from e
    except MemoryError as e:
        raise LimitError("it does not fit into memory.", "Use a machine with more memory.") from e
    if len(data) > limit:
        raise LimitError(f"it has more than {limit} bytes.", "Raise the limit if you trust it.")
    return data


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
