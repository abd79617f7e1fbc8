"""Tracks: the samples of films, and every table that counts places from the file's start.

ISO/IEC 14496-12, sections 8.7 (tables of samples, auxiliary data), 8.8 (fragments) and 8.16.3 (segment index).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise, repeat
from typing import NamedTuple

from labeler.errors import UsageError
from labeler.media.bmff import Box, Range, Reader, Rewrite, Room, damaged

# boxes that hold nothing but places, sizes and what the places are of
PLACES = (b"iloc", b"stco", b"co64", b"saio", b"tfhd", b"tfra", b"mfro")
_SHOWN = (b"pict", b"vide", b"auxv")  # handlers of pictures


class Track(NamedTuple):
    """A film. ``chunks`` are the parts of the file that its samples take, in the order of the table of them."""

    box: Box
    table: Box
    chunks: tuple[Range, ...]
    frames: int  # 0 where there is nothing to see

    @property
    def width(self) -> int:
        """Bytes of a place."""
        return 8 if self.table.kind == b"co64" else 4


def parse(data: bytes, top: Box, room: Room) -> tuple[Track, ...]:
    """All tracks, checked to lie in the file.

    Raises:
        UnreadableError: malformed, cut off, or in another file. LimitError: too many parts.
    """
    return tuple(_track(data, box, room) for moov in top.all(b"moov") for box in moov.all(b"trak"))


def _track(data: bytes, box: Box, room: Room) -> Track:
    samples = box.get(b"mdia", b"minf", b"stbl")
    table = next((b for b in samples.inside if b.kind in (b"stco", b"co64")), None) if samples else None
    if not samples or not table:
        raise damaged("a film in it has no table of places")
    sources = box.get(b"mdia", b"minf", b"dinf", b"dref")
    if sources and not _own(Reader(data, sources)):
        raise damaged("a film in it lies in another file")
    reader = Reader(data, table)
    reader.version()
    count = reader.number(4)
    room.take(count)
    starts = reader.numbers(8 if table.kind == b"co64" else 4, count)
    ends, sample, chunks = _ends(data, samples, room), 0, list[Range]()
    for start, many in zip(starts, _per_chunk(data, samples, count, room), strict=True):
        last = min(sample + many, len(ends) - 1)
        chunks.append((start, start + ends[last] - ends[sample]))
        sample = last
    fragments = any(box.up.all(b"mvex")) if box.up else False
    if (sample < len(ends) - 1 and not fragments) or any(end > len(data) for _, end in chunks):
        raise damaged("a film in it is cut off")
    handler = box.get(b"mdia", b"hdlr")
    seen = handler is not None and data[handler.body + 8 : handler.body + 12] in _SHOWN
    return Track(box, table, tuple(chunks), sample if seen else 0)


def _own(reader: Reader) -> bool:
    """Whether all samples come from this file itself."""
    reader.version()
    for _ in range(reader.number(4)):
        size = reader.number(4)
        reader.take(4)
        if not reader.version()[1] & 1:
            return False
        reader.take(max(0, size - 12))
    return True


def _ends(data: bytes, samples: Box, room: Room) -> Sequence[int]:
    """Where each sample would end if they stood in one row; 0 first."""
    if box := samples.get(b"stsz"):
        reader = Reader(data, box)
        reader.version()
        size, count = reader.numbers(4, 2)
        if size:
            return range(0, size * count + 1, size)
        room.take(count)
        return [0, *accumulate(reader.numbers(4, count))]
    if box := samples.get(b"stz2"):
        reader = Reader(data, box)
        _, bits, count = reader.version(), reader.number(4) & 0xFF, reader.number(4)
        room.take(count)
        if bits == 4:
            halves = (n for byte in reader.take((count + 1) // 2) for n in (byte >> 4, byte & 15))
            return [0, *accumulate(islice(halves, count))]
        if bits in (8, 16):
            return [0, *accumulate(reader.numbers(bits // 8, count))]
    raise damaged("a film in it does not tell the sizes of its frames")


def _per_chunk(data: bytes, samples: Box, count: int, room: Room) -> Iterator[int]:
    """How many samples stand in each of so many chunks."""
    runs: tuple[int, ...] = ()
    if box := samples.get(b"stsc"):
        reader = Reader(data, box)
        reader.version()
        entries = reader.number(4)
        room.take(entries)
        runs = reader.numbers(4, 3 * entries)
    firsts = runs[::3]
    if count and (firsts[:1] != (1,) or any(b <= a for a, b in pairwise(firsts))):
        raise damaged("a film in it has a malformed table of chunks")
    for (first, following), many in zip(pairwise((*firsts, count + 1)), runs[1::3], strict=True):
        yield from repeat(many, max(0, min(following, count + 1) - first))


def fragments(top: Box) -> int | None:
    """Where the first fragment or index of fragments begins: from there on, distances must not change."""
    return min((b.start for kind in (b"moof", b"sidx") for b in top.all(kind)), default=None)


def auxiliary(top: Box) -> Iterator[Box]:
    """Tables of places of samples' auxiliary data."""
    for moov in top.all(b"moov"):
        for trak in moov.all(b"trak"):
            if samples := trak.get(b"mdia", b"minf", b"stbl"):
                yield from samples.all(b"saio")


def move(rewrite: Rewrite, top: Box, tracks: Sequence[Track]) -> None:
    """Tell every table of the settled rewrite where things have come to stand.

    Raises:
        UnreadableError: a malformed table. UsageError: a place that does not fit its table.
    """
    for track in tracks:
        for i, (start, end) in enumerate(track.chunks):
            rewrite.patch(track.table.body + 8 + i * track.width, rewrite.moved(start, end), track.width)
    for box in auxiliary(top):
        reader = Reader(rewrite.data, box)
        version, flags = reader.version()
        reader.take(8 if flags & 1 else 0)
        for _ in range(reader.number(4)):
            _shift(rewrite, reader, 8 if version else 4)
    for moof in top.all(b"moof"):
        for box in (head for traf in moof.all(b"traf") for head in traf.all(b"tfhd")):
            reader = Reader(rewrite.data, box)
            if reader.version()[1] & 1:
                reader.take(4)
                _shift(rewrite, reader, 8)
    for box in (table for mfra in top.all(b"mfra") for table in mfra.all(b"tfra")):
        reader = Reader(rewrite.data, box)
        wide = 8 if reader.version()[0] else 4
        reader.take(4)
        sizes = reader.number(4)
        for _ in range(reader.number(4)):
            reader.take(wide)
            _shift(rewrite, reader, wide)
            reader.take(sum((sizes >> n & 3) + 1 for n in (4, 2, 0)))


def _shift(rewrite: Rewrite, reader: Reader, width: int) -> None:
    """Move the place that the reader comes to."""
    at, place = reader.at, reader.number(width)
    rewrite.patch(at, rewrite.moved(place, place), width)


def check_untouched(top: Box, start: int) -> None:
    """Raises UsageError: a change there would move fragments apart."""
    first = fragments(top)
    if first is not None and start > first:
        raise UsageError("A film in fragments cannot be changed in its midst.", "Use a sidecar.")
