"""Directories of tagged fields: what TIFF files and EXIF blocks are made of, read leniently and written at the end.

TIFF 6.0 section 2 (structure); BigTIFF; Exif 3.0 section 4.5; type 129 is UTF-8 (Exif 3.0 section 4.6.2).

Any byte may be pointed at, also from within a camera's note that only its maker understands. So nothing moves: new
values and tables go behind all that is there, and one pointer is turned to them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

EXIF = 0x8769  # the tag that points to Exif's directory
_LONG, _IFD8 = 4, 18
SIZES = dict.fromkeys((1, 2, 6, 7, 129), 1) | dict.fromkeys((3, 8), 2)  # bytes by type
SIZES |= dict.fromkeys((4, 9, 11, 13), 4) | dict.fromkeys((5, 10, 12, 16, 17, 18), 8)


@dataclass(frozen=True)
class Form:
    """Byte order (as `struct` names it) and width of pointers."""

    order: str
    big: bool

    @cached_property
    def head(self) -> int:
        """Bytes of the file's header; the pointer to the first directory ends it."""
        return 16 if self.big else 8

    @cached_property
    def width(self) -> int:
        """Bytes of a pointer."""
        return 8 if self.big else 4

    @cached_property
    def pointer(self) -> str:
        """`struct` format of a pointer."""
        return self.order + ("Q" if self.big else "I")

    @cached_property
    def count(self) -> str:
        """`struct` format of the number of entries."""
        return self.order + ("Q" if self.big else "H")

    @cached_property
    def entry(self) -> str:
        """`struct` format of an entry without its value: tag, type, count."""
        return self.order + ("HHQ" if self.big else "HHI")

    @cached_property
    def step(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12


FORMS = {
    b"II*\0": Form("<", False),
    b"MM\0*": Form(">", False),
    b"II+\0": Form("<", True),
    b"MM\0+": Form(">", True),
}


class Entry(NamedTuple):
    """A field of a directory: where it stands, and where its value does. ``size`` is 0 where the type is unknown."""

    tag: int
    kind: int
    number: int
    at: int
    place: int
    size: int


class Directory(NamedTuple):
    """From the number of entries to behind the pointer to the next directory."""

    start: int
    stop: int
    entries: tuple[Entry, ...]
    regions: tuple[tuple[int, int], ...] = ()  # offset and length of each strip or tile

    def get(self, tag: int) -> Entry | None:
        """The first field with that tag."""
        return next((e for e in self.entries if e.tag == tag), None)


class Value(NamedTuple):
    """What a field is to hold: its type, how many of it, and their bytes."""

    kind: int
    number: int
    data: bytes


@dataclass(frozen=True)
class Puts:
    """New fields by tag: for the first directory, and for the one that Exif adds to it."""

    first: Mapping[int, Value] = field(default_factory=dict)
    details: Mapping[int, Value] = field(default_factory=dict)


def form(data: bytes) -> Form | None:
    """What the header says; None: it is none."""
    found = FORMS.get(data[:4])
    return found if found and len(data) >= found.head else None


def pointer(data: bytes, form: Form, place: int) -> int:
    """The offset that stands there; past the end where it is not whole."""
    if place > len(data) - form.width:
        return len(data)
    return int(struct.unpack_from(form.pointer, data, place)[0])


def directory(data: bytes, form: Form, start: int) -> Directory | None:
    """The directory that begins there; None: it is cut off.

    Of the fields only the table is known to lie in the data: their values may be anywhere.
    """
    first = start + struct.calcsize(form.count)
    if first > len(data):
        return None
    (count,) = struct.unpack_from(form.count, data, start)
    last = first + count * form.step
    if last + form.width > len(data):
        return None
    entries = []
    for at in range(first, last, form.step):
        tag, kind, number = struct.unpack_from(form.entry, data, at)
        place, size = at + form.step - form.width, number * SIZES.get(kind, 0)
        if size > form.width:
            place = pointer(data, form, place)
        entries.append(Entry(tag, kind, number, at, place, size))
    return Directory(start, last + form.width, tuple(entries))


def edited(
    data: bytes, form: Form, first: Directory, details: Directory | None, puts: Puts, end: int
) -> list[bytes | memoryview]:
    """The data in pieces, with these fields in the first directory and, where any are for it, in that of Exif.

    What stands from ``end`` on goes. All other fields stay, and so does what follows the first directory; nothing
    follows that of Exif, and some writers leave no room to say so.
    """
    tail = _Tail(data, form, end)
    into = dict(puts.first)
    if puts.details:
        place = tail.table(details, puts.details, bytes(form.width))
        into[EXIF] = Value(_IFD8 if form.big else _LONG, 1, struct.pack(form.pointer, place))
    following = data[first.stop - form.width : first.stop]
    place_of_first = struct.pack(form.pointer, tail.table(first, into, following))
    view = memoryview(data)
    return [view[: form.head - form.width], place_of_first, view[form.head : end], *tail.pieces]


class _Tail:
    """What goes behind the first ``end`` bytes: each piece at a multiple of a pointer's width."""

    def __init__(self, data: bytes, form: Form, end: int) -> None:
        self.data, self.form, self.end = data, form, end
        self.pieces: list[bytes] = []

    def append(self, piece: bytes) -> int:
        """Where it will stand."""
        gap = -self.end % self.form.width
        self.pieces += (bytes(gap), piece)
        self.end += gap + len(piece)
        return self.end - len(piece)

    def table(self, old: Directory | None, puts: Mapping[int, Value], following: bytes) -> int:
        """Where the directory will stand."""
        form, kept = self.form, [e for e in old.entries if e.tag not in puts] if old else []
        entries = [(e.tag, self.data[e.at : e.at + form.step]) for e in kept]
        for tag, value in puts.items():
            held = value.data.ljust(form.width, b"\0")
            if len(value.data) > form.width:
                held = struct.pack(form.pointer, self.append(value.data))
            before = sum(other < tag for other, _ in entries)
            entries.insert(before, (tag, struct.pack(form.entry, tag, value.kind, value.number) + held))
        count = struct.pack(form.count, len(entries))
        return self.append(b"".join((count, *(entry for _, entry in entries), following)))


def reclaimed(data: bytes, form: Form, own: Iterable[tuple[int, int]], floor: int) -> int:
    """Where the data end without those of the regions ``own`` (start, stop) that stand last and not below ``floor``."""
    end = len(data)
    for start, stop in sorted(own, reverse=True):
        if start >= floor and 0 <= end - stop < form.width and not any(data[stop:end]):
            end = start
    return end
