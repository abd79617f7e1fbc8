"""TIFF and BigTIFF, of one page or many: directories, and what they point to. Pixels: `labeler.media.tiff_pixels`.

TIFF 6.0, sections 2 (structure), 8 (fields) and 15 (tiles); technical note 1 (SubIFDs); BigTIFF; XMP specification
part 3, 1.1.3 (tag 700); Exif 3.0, 4.6.3 (pointers); DNG 1.7; C2PA technical specification, appendix A (tag 0xCD41).

A TIFF has neither an order nor an end: any byte may be pointed at. So nothing in it moves and nothing is trailing; a new
packet goes behind all that is there, and the first directory, which names it, behind the packet. Cameras' raw files
build on TIFF with private pointers: they are read, never written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import exif
from labeler.media.base import Content, Field, Limits, MediumInfo, Slot, Stream, Surface, whole
from labeler.media.pixels import check_pixels, swaps

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 0x100, 0x101, 0x102, 0x103, 0x106
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 0x111, 0x117, 0x144, 0x145
_SUBFILE, _ORIENTATION, _JPEG_OFFSET, _JPEG_COUNT, _XMP = 0xFE, 0x112, 0x201, 0x202, 0x2BC
_SUB_IFDS, _EXIF, _GPS, _INTEROP = 0x14A, 0x8769, 0x8825, 0xA005
_IPTC, _PHOTOSHOP, _XP, _LAYERS = 0x83BB, 0x8649, range(0x9C9B, 0x9CA0), 0x935C
_DNG, _C2PA = 0xC612, 0xCD41
_SENSOR = (32803, 34892)  # photometric interpretations of raw files
_SLOTS = {Slot.XMP: (_XMP, 1), Slot.C2PA: (_C2PA, 7)}  # tag and type
_PLACES = (STRIP_OFFSETS, TILE_OFFSETS, _JPEG_OFFSET, _SUB_IFDS, _EXIF, _GPS)
_METADATA = (*_PLACES, _XMP, _IPTC, _PHOTOSHOP, *_XP, _C2PA)
_SIZES = dict.fromkeys((1, 2, 6, 7, 129), 1) | dict.fromkeys((3, 8), 2)  # bytes by type
_SIZES |= dict.fromkeys((4, 9, 11, 13), 4) | dict.fromkeys((5, 10, 12, 16, 17, 18), 8)
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_TEXTS = (1, 2, 7, 129)
_ASCII, _SHORT, _LONG, _UTF8 = 2, 3, 4, 129
_MAGICS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}


@dataclass(frozen=True)
class Form:
    """Byte order and width of pointers."""

    order: str
    big: bool

    @property
    def head(self) -> int:
        """Bytes of the file's header; the pointer to the first directory ends it."""
        return 16 if self.big else 8

    @property
    def width(self) -> int:
        """Bytes of a pointer."""
        return 8 if self.big else 4

    @property
    def pointer(self) -> str:
        """`struct` format of a pointer."""
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        """`struct` format of the number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        """`struct` format of an entry without its value: tag, type, count."""
        return self.order + ("HHQ" if self.big else "HHI")

    @property
    def step(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12


class Entry(NamedTuple):
    """A field of a directory: where it stands, and where its value does."""

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


class Tiff(NamedTuple):
    """A file taken apart: the chain of pages, the pictures that these hold, and directories of metadata by place."""

    data: bytes
    form: Form
    pages: tuple[Directory, ...]
    subs: tuple[Directory, ...]
    metas: Mapping[int, Directory]

    def numbers(self, directory: Directory | None, tag: int, most: int = 64) -> tuple[int, ...]:
        """The value of an integer field, at most so many of it; empty if there is none."""
        entry = directory.get(tag) if directory else None
        code = _NUMBERS.get(entry.kind) if entry else None
        if not entry or not code:
            return ()
        return struct.unpack_from(f"{self.form.order}{min(entry.number, most)}{code}", self.data, entry.place)

    def number(self, directory: Directory | None, tag: int, default: int = 0) -> int:
        """The first of them."""
        return (*self.numbers(directory, tag)[:1], default)[0]

    def pointer(self, place: int) -> int:
        """The offset that stands there."""
        return int(struct.unpack_from(self.form.pointer, self.data, place)[0])

    def size(self, directory: Directory) -> tuple[int, int]:
        """Width and height as stored; 0 where it is no picture."""
        return self.number(directory, WIDTH), self.number(directory, HEIGHT)

    @property
    def raw(self) -> bool:
        """Whether a camera's sensor data are in it."""
        sensor = (self.number(d, PHOTOMETRIC) in _SENSOR for d in (*self.pages, *self.subs))
        return self.data[8:11] == b"CR\2" or self.pages[0].get(_DNG) is not None or any(sensor)

    @property
    def main(self) -> Directory:
        """The picture: the first that is no reduced copy of another."""
        pictures = [d for d in (*self.pages, *self.subs) if all(self.size(d))]
        return next((d for d in pictures if not self.number(d, _SUBFILE) & 1), pictures[0])

    def orientation(self, directory: Directory) -> int:
        """As Exif numbers it; bytes are not heeded by others either."""
        entry = directory.get(_ORIENTATION)
        return self.number(directory, _ORIENTATION, 1) if entry and entry.kind in (_SHORT, _LONG) else 1


def damaged(what: str) -> UnreadableError:
    """The error of a malformed TIFF."""
    return UnreadableError(f"The TIFF is damaged: {what}.", "Fetch it anew, or open and export it again.")


def parse(data: bytes, limits: Limits) -> Tiff:
    """Every directory, checked to lie in the file with all that it points to.

    Raises:
        UnreadableError: truncated or malformed. LimitError: too many fields, strips, tiles, pages or pixels.
    """
    if data[:4] not in _MAGICS:
        raise UnreadableError("This is not a TIFF file.", "Check how the file was made.")
    form = Form(*_MAGICS[data[:4]])
    if len(data) < form.head or (form.big and data[4:8] != struct.pack(form.order + "HH", 8, 0)):
        raise damaged("its header is malformed or cut off")
    tiff, room = Tiff(data, form, (), (), {}), limits.max_parts
    pages, subs, metas = dict[int, Directory](), dict[int, Directory](), dict[int, Directory]()
    todo = [(tiff.pointer(form.head - form.width), pages)]
    for at, found in todo:  # which grows meanwhile
        if at in pages and (found is pages or at == todo[0][0]):
            raise damaged("its directories lead in a circle")
        if not at or at in pages or at in subs or at in metas:
            continue
        directory = _directory(tiff, at, room)
        if found is not metas:
            directory = directory._replace(regions=_regions(tiff, directory, room))
            todo.append((tiff.pointer(directory.stop - form.width), found))
        found[at] = directory
        room -= len(directory.entries) + len(directory.regions) + 1
        for tag, into in ((_SUB_IFDS, subs), (_EXIF, metas), (_GPS, metas), (_INTEROP, metas)):
            places = tiff.numbers(directory, tag, most=max(0, room) + 1)
            room -= len(places)
            todo += [(place, into) for place in places]
        _allow(0, room)
    tiff = tiff._replace(pages=(*pages.values(),), subs=(*subs.values(),), metas=metas)
    sizes = [size for d in (*tiff.pages, *tiff.subs) if all(size := tiff.size(d))]
    if not sizes:
        raise damaged("it has no picture")
    for size in sizes:
        check_pixels(size, len(sizes), limits)
    return tiff


def _allow(parts: int, room: int) -> None:
    if parts > room:
        raise LimitError("The TIFF has more parts than the limit allows.", "Raise the limit if you trust it.")


def _directory(tiff: Tiff, start: int, room: int) -> Directory:
    form, data = tiff.form, tiff.data
    first = start + struct.calcsize(form.count)
    if first > len(data):
        raise damaged("it ends before a directory")
    (count,) = struct.unpack_from(form.count, data, start)
    last = first + count * form.step
    if last + form.width > len(data):
        raise damaged(f"the directory at byte {start} is cut off")
    _allow(count, room)
    entries = []
    for at in range(first, last, form.step):
        tag, kind, number = struct.unpack_from(form.entry, data, at)
        place, size = at + form.step - form.width, number * _SIZES.get(kind, 0)
        if size > form.width:
            place = tiff.pointer(place)
        if place < form.head or place + size > len(data):
            raise damaged(f"the value of its field {tag} is cut off")
        entries.append(Entry(tag, kind, number, at, place, size))
    return Directory(start, last + form.width, tuple(entries))


def _regions(tiff: Tiff, directory: Directory, room: int) -> tuple[tuple[int, int], ...]:
    """Where the coded picture lies."""
    found = list[tuple[int, int]]()
    for tags in ((STRIP_OFFSETS, STRIP_COUNTS), (TILE_OFFSETS, TILE_COUNTS), (_JPEG_OFFSET, _JPEG_COUNT)):
        offsets, counts = (tiff.numbers(directory, tag, most=room) for tag in tags)
        if len(offsets) == 1 and not counts and tiff.number(directory, COMPRESSION, 1) == 1:
            width, height = tiff.size(directory)
            counts = (height * ((width * sum(tiff.numbers(directory, BITS) or (1,)) + 7) // 8),)
        if len(offsets) != len(counts):
            raise damaged("it does not say where its pixels end")
        found += zip(offsets, counts, strict=True)
    if any(offset + count > len(tiff.data) or (count and offset < tiff.form.head) for offset, count in found):
        raise damaged("its pixels are cut off")
    return tuple(found)


def _fields(tiff: Tiff, limits: Limits) -> Iterator[Field]:
    """The texts of every page and of its Exif directory."""
    room = len(tiff.data)  # texts that do not overlap fit into the file
    for i, page in enumerate(tiff.pages):
        details = tiff.metas.get(tiff.number(page, _EXIF))
        block = _block(tiff.data, page.entries, details.entries if details else (), room)
        room = max(0, room - len(block))
        for field in exif.fields(block, limits):
            yield replace(field, where=field.where.replace("IFD0", f"IFD{i}"))


def _block(data: bytes, first: Sequence[Entry], second: Sequence[Entry], room: int) -> bytes:
    """The texts of two directories as an EXIF block: a classic TIFF, whatever the file is."""
    tables = [
        [e for e in entries if (e.kind in _TEXTS and e.tag != _LAYERS) or e.tag == _IPTC]
        for entries in (first, second)
    ]
    second_at = 8 + 2 + 12 * len(tables[0]) + 12
    at, heap = second_at + 2 + 12 * len(tables[1]), list[bytes]()
    parts = [struct.pack("<2sHIHHHII", b"II", 42, 8, len(tables[0]) + 1, _EXIF, 4, 1, second_at)]
    for entries in tables:
        if entries is tables[1]:
            parts.append(struct.pack("<H", len(entries)))
        for e in entries:
            value = data[e.place : e.place + min(e.size, room)]
            room -= len(value)
            parts.append(struct.pack("<HHI", e.tag, 7 if e.tag == _IPTC else e.kind, len(value)))
            if len(value) > 4:
                parts.append(struct.pack("<I", at))
                heap.append(value)
                at += len(value)
            else:
                parts.append(value.ljust(4, b"\0"))
    return b"".join((*parts, *heap))


def _slots(tiff: Tiff) -> dict[Slot, bytes]:
    """c2pa gives the manifest of many pages a directory of its own."""
    found = {Slot.XMP: tiff.pages[0].get(_XMP)}
    found[Slot.C2PA] = next((e for page in tiff.pages if (e := page.get(_C2PA))), None)
    return {slot: tiff.data[e.place : e.place + e.size] for slot, e in found.items() if e}


def _essence(tiff: Tiff, limits: Limits) -> tuple[Stream, ...]:
    """For each directory of a picture, its fields that are neither metadata nor places, and its strips or tiles.

    A page without a picture counts: viewers stumble over it.
    """
    view, room, streams = memoryview(tiff.data), len(tiff.data) + limits.max_inflated, []
    for directory in (*tiff.pages, *tiff.subs):
        told = [e for e in directory.entries if e.tag not in _METADATA and e.kind not in (_ASCII, _UTF8)]
        heads = [struct.pack(">HHQ", *e[:3]) for e in told]
        values = [view[e.place : e.place + e.size] for e in told]
        pixels = [view[offset : offset + count] for offset, count in directory.regions]
        room -= sum(map(len, (*values, *pixels)))
        if room < 0:
            raise LimitError("The TIFF's strips overlap many times.", "Open and export it again.")
        streams.append(Stream("page", (*heads, *values, *pixels)))
    return tuple(streams)


def _spliced(tiff: Tiff, puts: Mapping[int, tuple[int, bytes]]) -> list[bytes | memoryview]:
    """The file in pieces, with these fields (type and value by tag) in its first directory.

    What stands at the file's end and nothing else points to goes first: so a second call undoes the first.
    """
    data, form, first = tiff.data, tiff.form, tiff.pages[0]
    gone = [e for e in first.entries if e.tag in puts]
    own = [(first.start, first.stop), *((e.place, e.place + e.size) for e in gone if e.size > form.width)]
    ends = [form.head]
    for directory in (*tiff.pages, *tiff.subs, *tiff.metas.values()):
        moved = directory is first
        ends += [
            e.place + e.size
            for e in directory.entries
            if not moved or (e.size > form.width and e not in gone)
        ]
        ends += [offset + count for offset, count in directory.regions]
        ends += [] if moved else [directory.stop]
    end, floor = len(data), max(ends)
    for start, stop in sorted(own, reverse=True):
        if start >= floor and 0 <= end - stop < form.width and not any(data[stop:end]):
            end = start
    kept = [(e.tag, data[e.at : e.at + form.step]) for e in first.entries if e not in gone]
    total = end + sum(len(payload) + form.width for _, payload in puts.values())
    total += form.width + (len(kept) + len(puts) + 1) * form.step
    if not form.big and (total >= 1 << 32 or len(kept) + len(puts) > 0xFFFF):
        raise UsageError("A TIFF cannot be larger than 4 GB.", "Convert it to BigTIFF first.")
    tail, at = list[bytes](), end

    def append(piece: bytes) -> int:
        nonlocal at
        tail.extend((bytes(-at % form.width), piece))
        at += -at % form.width + len(piece)
        return at - len(piece)

    for tag, (kind, payload) in puts.items():
        value = payload.ljust(form.width, b"\0")
        if len(payload) > form.width:
            value = struct.pack(form.pointer, append(payload))
        before = sum(other < tag for other, _ in kept)
        kept.insert(before, (tag, struct.pack(form.entry, tag, kind, len(payload)) + value))
    following = data[first.stop - form.width : first.stop]
    table = b"".join((struct.pack(form.count, len(kept)), *(entry for _, entry in kept), following))
    place = struct.pack(form.pointer, append(table))
    view = memoryview(data)
    return [view[: form.head - form.width], place, view[form.head : end], *tail]


class _Tiff:
    """TIFF and BigTIFF; cameras' raw files read-only."""

    info = MediumInfo(
        name="TIFF",
        mime="image/tiff",
        suffixes=(".tif", ".tiff"),
        slots=frozenset(_SLOTS),
        surface="raster",
        c2pa="native",
        loss="several pages are signed in a sidecar; no notice where sizes differ or the coding allows no exact edit",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head[:4] in _MAGICS else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        tiff = parse(whole(src, limits), limits)
        width, height = tiff.size(tiff.main)
        return Content(
            fields=tuple(_fields(tiff, limits)),
            slots=_slots(tiff),
            size=(height, width) if swaps(tiff.orientation(tiff.pages[0])) else (width, height),
            essence=_essence(tiff, limits) if essence else (),
            mime="image/x-adobe-dng" if tiff.pages[0].get(_DNG) else None,
            beside=""
            if len(tiff.pages) == 1
            else "a manifest embedded in a file of several pages would break it",
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Only single pages take a manifest: c2pa would put that of many into a page without a picture."""
        if foreign := puts.keys() - _SLOTS:
            raise UsageError(f"TIFF has no place for {', '.join(sorted(foreign))}.", "Leave it out.")
        limits = Limits()
        tiff = parse(whole(src, limits), limits)
        if puts and tiff.raw:
            raise UsageError("A camera's raw file is only read.", "Label the picture developed from it.")
        if Slot.C2PA in puts and len(tiff.pages) > 1:
            raise UsageError("A manifest cannot be embedded into a TIFF of several pages.", "Use a sidecar.")
        fields = {_SLOTS[slot][0]: (_SLOTS[slot][1], payload) for slot, payload in puts.items()}
        dst.writelines(_spliced(tiff, fields) if fields else [tiff.data])

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        from labeler.media.tiff_pixels import surface  # it is built on this module

        return surface(parse(whole(src, limits), limits), limits)


MEDIUM = _Tiff()
