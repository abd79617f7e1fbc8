"""Which files a batch is about: named ones, those in folders, those in lists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from labeler.errors import UsageError
from labeler.files import SIDECAR

_LONGEST = 1 << 16  # bytes of a path in a list


@dataclass(frozen=True)
class Found:
    """A file to look at; ``named`` = the caller named it, so that an unsupported kind is an error.

    ``relative`` is its path below the folder it was found in, which an output folder mirrors. ``size`` in bytes, of
    files in folders.
    """

    name: str
    named: bool
    relative: str
    size: int = 0

    @property
    def path(self) -> Path:
        return Path(self.name)


@dataclass(frozen=True)
class Globs:
    """Which names to take. ``*`` reaches over folders; a pattern without ``/`` speaks of any one part of the path.

    A pattern that fits a folder speaks of everything in it. Case matters.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def take(self, relative: str) -> bool:
        """Whether the file of this path (below the folder that is walked, ``/`` between parts) is taken."""
        return not self.leave(relative) and (not self.include or _fits(relative, self.include))

    def leave(self, relative: str) -> bool:
        """Whether a file or folder is left out whatever it holds."""
        return bool(self.exclude) and _fits(relative, self.exclude)


def _fits(relative: str, patterns: Iterable[str]) -> bool:
    """``*`` fits ``/`` too."""
    parts = relative.split("/")
    paths = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return any(
        fnmatchcase(name, pattern.rstrip("/"))
        for pattern in patterns
        for name in (paths if "/" in pattern.rstrip("/") else parts)
    )


@dataclass
class Walk:
    """Iterating gives named files, and the files of folders in a stable order; sidecars and hidden files are no inputs.

    ``orphans``: sidecars without a file, met so far.
    """

    paths: Iterable[str | Path]
    globs: Globs = Globs()
    orphans: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Found]:
        for given in map(_path, self.paths):
            if given.is_dir():
                yield from self._folder(os.path.join(given, ""))
            else:
                yield Found(str(given), True, given.name)

    def _folder(self, top: str) -> Iterator[Found]:
        top = "" if top == "./" else top
        folders = [""]  # below the top; what is left to be walked, the next one last
        while folders:
            below = folders.pop()
            try:
                with os.scandir(f"{top}{below}" or ".") as entries:
                    here = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
            except OSError:
                folder = f"{top}{below}".rstrip("/")
                yield Found(folder, True, below.rstrip("/"))  # examining it says why it cannot be read
                continue
            inner, sidecars = [], []
            for entry in here:
                relative = below + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not self.globs.leave(relative):
                        inner.append(f"{relative}/")
                elif entry.name.endswith(SIDECAR):
                    sidecars.append(entry.name)
                elif self.globs.take(relative) and entry.is_file():
                    yield Found(top + relative, False, relative, entry.stat().st_size)
            self.orphans += [top + below + name for name in orphaned(sidecars, [e.name for e in here])]
            folders += reversed(inner)


def orphaned(sidecars: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    """The sidecars of a folder of which no file is left; ``names``: all that is in it."""
    there = set(names)
    stems = {os.path.splitext(name)[0] for name in names if not name.endswith(SIDECAR)}
    for sidecar in sidecars:
        owner = sidecar.removesuffix(SIDECAR)
        if owner not in there and owner not in stems:
            yield sidecar


def _path(given: str | Path) -> Path:
    r"""The path; one written as on Windows (``site\a.png``) where there is no such name here."""
    text = os.fspath(given)
    if "\\" in text and not os.path.lexists(text) and os.path.lexists(plain := text.replace("\\", "/")):
        return Path(plain)
    return Path(given)


def listed(source: BinaryIO, *, null: bool = False) -> Iterator[str]:
    """The paths of a list, one a line, or with a zero byte behind each; any bytes that a file's name can hold.

    Raises:
        UsageError: what should be a path is far too long.
    """
    end, rest = b"\0" if null else b"\n", b""
    while chunk := source.read(_LONGEST):
        *lines, rest = (rest + chunk).split(end)
        yield from _names(lines, null)
        if len(rest) > _LONGEST:
            raise UsageError(
                "The list of files holds something that is no path.",
                "With zero bytes between paths, pass -0.",
            )
    yield from _names([rest], null)


def _names(lines: Iterable[bytes], null: bool) -> Iterator[str]:
    for line in lines:
        if name := line if null else line.removesuffix(b"\r"):
            yield os.fsdecode(name)
