"""What workers do: list archives, examine files and members of archives. Everything here can be pickled."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labeler import _verify
from labeler._verify import Depth, Findings
from labeler.batch.listing import SEPARATOR, Bounds, Listing
from labeler.errors import UnreadableError
from labeler.files import Sidecar
from labeler.media.base import Limits
from labeler.signing import trust
from labeler.signing.trust import Anchors

if TYPE_CHECKING:
    from labeler.batch.archives import Archive


@dataclass(frozen=True)
class Item:
    """A file, or the member of that place and name in an archive; ``named``: the caller named it.

    ``relative``: below the folder that was walked, with ``/`` between parts.
    """

    file: str
    named: bool
    relative: str
    size: int = 0
    member: tuple[int, str] | None = None

    @property
    def path(self) -> str:
        """As reported."""
        return f"{self.file}{SEPARATOR}{self.member[1]}" if self.member else self.file


@dataclass(frozen=True)
class How:
    """How files are examined: all that findings depend on besides the file. ``anchors``: besides those kept here."""

    depth: Depth = "default"
    limits: Limits = field(default_factory=Limits)
    anchors: Anchors = ()
    bounds: Bounds = field(default_factory=Bounds)
    likeness: bool = False
    thumbnail: bool = False
    password: str | None = field(default=None, repr=False)


def examine(items: Sequence[Item], how: How) -> Iterator[Findings]:
    """The findings of each."""
    anchors = functools.cache(lambda: (*trust.own_anchors(), *how.anchors))
    for item in items:
        source: str | bytes = item.file
        sidecar = None
        if item.member:
            try:
                source, sidecar = _read(item.file, *item.member, how)
            except UnreadableError as e:
                yield _verify.unexamined(e)
                continue
        yield _verify.examine(
            source,
            depth=how.depth,
            anchors=anchors,
            name=item.path,
            sidecar=sidecar,
            limits=how.limits,
            likeness=how.likeness,
            thumbnail=how.thumbnail,
            password=how.password,
        )


def examine_all(items: Sequence[Item], how: How) -> list[Findings]:
    """`examine` for executors that know no iterators."""
    return list(examine(items, how))


def _read(path: str, place: int, name: str, how: How) -> tuple[bytes, Sidecar | None]:
    """A member's bytes, and its sidecar.

    Raises:
        UnreadableError: damaged, encrypted, or the archive is another one by now. LimitError: a bound was hit.
    """
    archive = _archive(path, how.bounds)
    if place >= len(archive.members) or archive.members[place].name != name:
        raise archive.error or UnreadableError("the archive has changed.", "Run again.")
    data, sidecar = archive.read(place, how.limits.max_bytes)
    return data, Sidecar(*sidecar) if sidecar else None


def listing(path: str, bounds: Bounds) -> Listing | None:
    """What an archive holds; None: it is a document that is a zip file inside."""
    archive = _archive(path, bounds)
    if archive.document:
        return None
    members = tuple((m.name, m.entry.size) for m in archive.members)
    return Listing(members, tuple(archive.orphans), archive.error)


def _archive(path: str, bounds: Bounds) -> Archive:
    try:
        status = os.stat(path)
    except OSError:
        return _opened(path, bounds, 0, 0)
    return _opened(path, bounds, status.st_mtime_ns, status.st_size)


@functools.lru_cache(1)  # tasks come in order: the next one is about the same archive
def _opened(path: str, bounds: Bounds, changed: int, size: int) -> Archive:
    from labeler.batch.archives import Archive  # zipfile, tarfile and what unpacks

    return Archive(Path(path), bounds)
