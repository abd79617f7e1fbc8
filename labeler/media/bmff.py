"""ISO base media files (HEIF, AVIF, MP4): boxes in boxes, and how a file is written anew when some of them grow.

ISO/IEC 14496-12, sections 4.2 (boxes), 8.11 (metadata); QuickTime's and iTunes' metadata lists. Places in such a file
are counted from its start: whatever moves has to be told wherever it is pointed at.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import boxes
from labeler.media.base import Field, Limits

Range = tuple[int, int]  # of a file, from and to
# boxes of boxes, and the bytes before the first of them; `iinf` has a number there, too
HOLDERS = dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"moof", b"traf", b"mfra"), 0)
HOLDERS |= dict.fromkeys((b"iprp", b"ipco", b"grpl", b"meco"), 0) | dict.fromkeys(
    (b"meta", b"iref", b"iinf"), 4
)
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
# what stands at the top of a file: if one of these is too long, the file is cut short
_TOP = (
    b"ftyp meta moov mdat moof mfra meco sidx ssix styp prft free skip wide uuid pdin udta mpvd sefd".split()
)


@dataclass(frozen=True, eq=False, slots=True)
class Box:
    """From its size on; ``body`` is behind size and type. ``up`` is the box around it, nameless at the top."""

    kind: bytes
    start: int
    body: int
    end: int
    up: Box | None = field(default=None, repr=False)
    inside: list[Box] = field(default_factory=list, repr=False)

    def all(self, kind: bytes) -> Iterator[Box]:
        """The boxes of a kind right inside it."""
        return (box for box in self.inside if box.kind == kind)

    def get(self, *path: bytes) -> Box | None:
        """The first box on that path down."""
        box: Box | None = self
        for kind in path:
            box = next(box.all(kind), None) if box else None
        return box


class Cover:
    """The bytes that some ranges take, as ``ranges`` that are sorted and apart."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.ranges = list[Range]()
        for start, end in sorted(ranges):
            if self.ranges and start <= self.ranges[-1][1]:
                self.ranges[-1] = self.ranges[-1][0], max(end, self.ranges[-1][1])
            elif start < end:
                self.ranges.append((start, end))
        self._ends = [end for _, end in self.ranges]

    def within(self, start: int, end: int) -> Iterator[Range]:
        """Those that meet this range, in their order."""
        for n in range(bisect_right(self._ends, start), len(self.ranges)):
            if self.ranges[n][0] >= end:
                return
            yield self.ranges[n]

    def meets(self, start: int, end: int) -> bool:
        """Whether one of them has a byte of this range."""
        return next(self.within(start, end), None) is not None


class Reader:
    """Numbers and texts of a box, one after another. Its methods raise UnreadableError where the box is too short."""

    def __init__(self, data: bytes, box: Box) -> None:
        self.data, self.box, self.at = data, box, box.body

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if self.at + size > self.box.end:
            raise damaged(f"the box at byte {self.box.start} is too short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, width: int) -> int:
        """The next number, of so many bytes; of none it is 0."""
        return int.from_bytes(self.take(width))

    def numbers(self, width: int, count: int) -> tuple[int, ...]:
        """As many numbers, of 1, 2, 4 or 8 bytes."""
        return struct.unpack(f">{count}{_CODES[width]}", self.take(width * count))

    def version(self) -> tuple[int, int]:
        """Version and flags, which come first in many boxes."""
        head = self.number(4)
        return head >> 24, head & 0xFFFFFF

    def text(self) -> bytes:
        """Up to the next zero byte, or to the end."""
        start, stop = self.at, self.data.find(b"\0", self.at, self.box.end)
        stop = self.box.end if stop < 0 else stop
        self.at = min(stop + 1, self.box.end)
        return self.data[start:stop]


class Room:
    """How many parts may still come.

    Its method raises LimitError when that many are too many.
    """

    def __init__(self, limits: Limits) -> None:
        self.parts, self.depth = limits.max_parts, limits.max_depth

    def take(self, parts: int = 1) -> None:
        self.parts -= parts
        if self.parts < 0:
            raise LimitError(
                "The file has more parts than the limit allows.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )


def damaged(what: str) -> UnreadableError:
    """The error of a malformed file."""
    return UnreadableError(f"The file is damaged: {what}.", "Fetch it anew, or open and export it again.")


def parse(data: bytes, room: Room) -> Box:
    """All boxes, inside one that ends where the last of them does; what begins no box trails.

    A second file behind the first trails, too: its places count from its own start.

    Raises:
        UnreadableError: truncated or malformed. LimitError: too many boxes, or nested too deeply.
    """
    found, at = list[Box](), 0
    top = Box(b"", 0, 0, len(data))
    while at < len(data):
        kind = data[at + 4 : at + 8]
        if at and (kind == b"ftyp" or len(kind) < 4 or not all(31 < c < 127 for c in kind)):
            break
        try:
            box = _box(data, at, top)
        except UnreadableError:
            if kind in _TOP or not at:
                raise
            break
        room.take()
        found.append(box)
        _fill(data, box, room, 1)
        at = box.end
    return Box(b"", 0, 0, at, None, found)


def _fill(data: bytes, box: Box, room: Room, depth: int) -> None:
    if box.kind not in HOLDERS:
        return
    if depth > room.depth:
        raise LimitError("The file's boxes are nested deeper than the limit allows.")
    at = box.body + HOLDERS[box.kind]
    if box.kind == b"iinf":
        at += 4 if data[box.body : box.body + 1] > b"\0" else 2
    if at > box.end:
        raise damaged(f"the box at byte {box.start} is too short")
    for inner in inside(data, box, at):
        room.take()
        box.inside.append(inner)
        _fill(data, inner, room, depth + 1)


def inside(data: bytes, box: Box, at: int) -> Iterator[Box]:
    """The boxes that a box consists of from a place on.

    Raises:
        UnreadableError: malformed.
    """
    while at < box.end:
        inner = _box(data, at, box)
        yield inner
        at = inner.end


def _box(data: bytes, at: int, up: Box) -> Box:
    """The box that begins there; only at the top one may reach to the end without saying where that is."""
    kind, start, body, end = boxes.one(data, at, up.end)
    if up.kind and not any(data[at : at + 4]):
        raise damaged(f"the box at byte {at} has no size")
    return Box(kind, start, body, end, up)


def tags(data: bytes, moov: Box) -> Iterator[Field]:
    """The texts of a film's metadata list, by their keys; nothing malformed raises."""
    for _, at, end in _loose(data, b"udta", moov.body, moov.end):
        for _, start, stop in _loose(data, b"meta", at, end):
            body = (
                start if data[start + 4 : start + 8] == b"hdlr" else start + 4
            )  # QuickTime's has no version
            keys = [
                data[a + 8 : a + int.from_bytes(data[a : a + 4])]
                for _, first, last in _loose(data, b"keys", body, stop)
                for a in _steps(data, first + 8, last)
            ]
            for _, first, last in _loose(data, b"ilst", body, stop):
                for kind, a, z in _loose(data, b"", first, last):
                    names = [data[n + 4 : e] for _, n, e in _loose(data, b"name", a, z)]
                    number = int.from_bytes(kind)
                    names += [keys[number - 1]] if 0 < number <= len(keys) else [kind]
                    for _, v, e in _loose(data, b"data", a, z):
                        yield Field("bmff:ilst", _name(names[0]), data[v + 8 : e])


def _name(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:  # QuickTime's own begin with the sign of copyright in a byte
        return raw.decode("latin-1")


def _steps(data: bytes, at: int, end: int) -> Iterator[int]:
    while at + 8 <= end and (size := int.from_bytes(data[at : at + 4])) >= 8 and at + size <= end:
        yield at
        at += size


def _loose(data: bytes, kind: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, body and end of the boxes there, of one kind or of any, as long as they are well-formed."""
    for at in _steps(data, start, end):
        if not kind or data[at + 4 : at + 8] == kind:
            yield data[at + 4 : at + 8], at + 8, at + int.from_bytes(data[at : at + 4])


def packed(kind: bytes, *parts: bytes) -> bytes:
    """A box of these contents.

    Raises:
        UsageError: it would be larger than 4 GB.
    """
    return b"".join(boxes.packed(kind, *parts))


def _number(value: int, width: int) -> bytes:
    if value >> 8 * width:
        raise UsageError("The file would be larger than its own numbers can tell.", "Use a sidecar.")
    return value.to_bytes(width)


@dataclass(eq=False, slots=True)
class Change:
    """New bytes for a range of the old file, which may be empty; ``at`` is where they come to stand."""

    start: int
    end: int
    new: bytes
    depth: int = 0  # of the box that grows by it
    at: int = 0

    @property
    def growth(self) -> int:
        """Bytes by which everything behind moves."""
        return len(self.new) - (self.end - self.start)


def _overlapping() -> UsageError:
    return UsageError(
        "Parts of this file overlap in a way that lets nothing be put into it.", "Use a sidecar."
    )


def _order(change: Change) -> tuple[int, int, int]:
    return change.start, change.end, -change.depth


class Rewrite:
    """A file on its way to become another: first all that grows or shrinks, `settle`, then all that tells of places."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._changes: list[Change] = []
        self._patches: list[Change] = []
        self._grown: dict[Box, int] = {}
        self._stops: list[int] = []
        self._shifts: list[int] = []

    def put(self, start: int, end: int, new: bytes, within: Box | None) -> Change:
        """Replace a range; the box around it, if there is one, grows with all around that.

        At the same place what is put first comes first, but what ends an inner box comes before what is behind it.
        """
        change = Change(start, end, new)
        self._changes.append(change)
        while within and within.kind:
            change.depth += 1
            self._grown[within] = self._grown.get(within, 0) + change.growth
            within = within.up
        return change

    def settle(self) -> None:
        """From here on places are known, and whatever else is put keeps its length.

        Raises:
            UsageError: a box would be larger than its size can tell.
        """
        self._changes.sort(key=_order)
        self._stops = [c.end for c in self._changes]
        self._shifts = [0, *accumulate(c.growth for c in self._changes)]
        for change, shift in zip(self._changes, self._shifts, strict=False):
            change.at = change.start + shift
        for box, growth in self._grown.items():
            wide = box.body - box.start == 16
            self.patch(box.start + 8 * wide, box.end - box.start + growth, 8 if wide else 4)

    def moved(self, start: int, end: int) -> int:
        """Where a range of the old file begins in the new one.

        Raises:
            UsageError: it does not stay in one piece.
        """
        n = bisect_right(self._stops, start)
        if n < len(self._changes) and self._changes[n].start < end:
            raise _overlapping()
        return start + self._shifts[n]

    def patch(self, at: int, number: int, width: int) -> None:
        """Write a number over what stands in the old file.

        Raises:
            UsageError: it does not fit.
        """
        self._patches.append(Change(at, at + width, _number(number, width)))

    def check(self, kept: Cover) -> None:
        """Raises UsageError: what was told anew lies within data that stay."""
        if any(kept.meets(patch.start, patch.end) for patch in self._patches):
            raise _overlapping()

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The new file."""
        at, view = 0, memoryview(self.data)
        for change in sorted(self._changes + self._patches, key=_order):
            yield view[at : change.start]
            yield change.new
            at = change.end
        yield view[at:]
