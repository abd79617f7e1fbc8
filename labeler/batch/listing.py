"""What is said of archives, apart from how they are read."""

from __future__ import annotations

from dataclasses import dataclass

from labeler.errors import UnreadableError

SEPARATOR = "!/"
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


@dataclass(frozen=True)
class Bounds:
    """What an archive may amount to, those within it included; hitting one ends the reading of that archive.

    ``inflated``: bytes of all members. ``ratio``: of unpacked to packed bytes, of what is large. ``nesting``: how
    many archives deep; what lies deeper is reported, not opened.
    """

    members: int = 100_000
    inflated: int = 16 << 30
    ratio: int = 200
    nesting: int = 2


@dataclass(frozen=True)
class Listing:
    """What an archive holds: names (``/`` between parts, ``!/`` behind an archive in it) and sizes of its members.

    ``error``: why it could not be read to its end.
    """

    members: tuple[tuple[str, int], ...] = ()
    orphans: tuple[str, ...] = ()
    error: UnreadableError | None = None


def named_so(name: str) -> bool:
    """Whether the name promises an archive."""
    return name.lower().endswith(_SUFFIXES)
