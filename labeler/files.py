"""Files: found in folders, read within limits, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
        for folder, folders, names in os.walk(given):
            folders[:] = sorted(n for n in folders if not n.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if not name.startswith(".") and path.suffix != SIDECAR and path.is_file():
                    yield Found(path, False, given)


def orphans(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Sidecars in these folders whose file is gone."""
    for given in map(Path, paths):
        for sidecar in sorted(given.rglob(f"*{SIDECAR}")) if given.is_dir() else ():
            if sidecar.is_file() and not next(_owners(sidecar), None):
                yield sidecar


def _owners(sidecar: Path) -> Iterator[Path]:
    """``FILE.EXT`` of ``FILE.EXT.c2pa``, then every ``FILE.*`` of ``FILE.c2pa``."""
    exact = sidecar.with_suffix("")
    if exact.is_file():
        yield exact
    with contextlib.suppress(OSError):
        for sibling in sorted(sidecar.parent.iterdir()):
            if sibling.stem == exact.name and sibling.suffix != SIDECAR and sibling.is_file():
                yield sibling


def sidecar_of(path: Path) -> Path | None:
    """The sidecar that speaks of this file: ``FILE.EXT.c2pa``, else ``FILE.c2pa`` when no other file shares it."""
    exact = path.with_name(path.name + SIDECAR)
    if exact.is_file():
        return exact
    shared = path.with_suffix(SIDECAR)
    if shared.is_file() and shared != path and list(_owners(shared)) == [path]:
        return shared
    return None


def read(path: Path, limit: int) -> bytes:
    """The whole file.

    Raises:
        UnreadableError: it cannot be read. LimitError: it is larger than ``limit`` bytes.
    """
    try:
        with open(path, "rb") as f:
            if not stat.S_ISREG(os.fstat(f.fileno()).st_mode):
                raise UnreadableError(f"{path} is not a regular file.", "Name a file or a folder.")
            data = f.read(limit + 1)
    except OSError as e:
        raise UnreadableError(f"{path} cannot be read ({e.strerror}).", "Check path and permissions.") from e
    except MemoryError as e:
        raise LimitError(f"{path} does not fit into memory.", "Use a machine with more memory.") from e
    if len(data) > limit:
        raise LimitError(f"{path} has more than {limit} bytes.", "Raise the limit if you trust it.")
    return data


def write(path: Path, data: bytes, *, like: Path | None = None, backup: str | None = None) -> None:
    """Replace ``path`` by ``data`` as a whole: temporary file in the same folder, fsync, rename.

    A symbolic link stays one: its target is replaced. The mode is that of the file replaced, else of ``like``,
    else what the umask gives. ``backup`` keeps the old file under its name with this suffix.

    Raises:
        WriteError: the target cannot be written; nothing was changed. UsageError: the backup exists already.
    """
    target = Path(os.path.realpath(path))
    pattern = target if target.exists() else like
    scratch: str | None = None
    try:
        mode = stat.S_IMODE(pattern.stat().st_mode) if pattern else 0o666 & ~_umask()
        fd, scratch = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            os.fchmod(f.fileno(), mode)
            os.fsync(f.fileno())
        if backup and target.exists():
            _keep(target, target.with_name(target.name + backup))
        os.replace(scratch, target)
        scratch = None
        _sync(target.parent)
    except OSError as e:
        raise WriteError(
            f"{path} cannot be written ({e.strerror}); nothing was changed.",
            "Check space and permissions of the folder.",
        ) from e
    finally:
        if scratch:
            with contextlib.suppress(OSError):
                os.unlink(scratch)


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
