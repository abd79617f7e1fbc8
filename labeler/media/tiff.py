"""TIFF and BigTIFF, of one page or many: directories, and what they point to. Pixels: `labeler.media.tiff_pixels`.

TIFF 6.0, sections 2 (structure), 8 (fields) and 15 (tiles); technical note 1 (SubIFDs); BigTIFF; XMP specification
part 3, 1.1.3 (tag 700); Exif 3.0, 4.6.3 (pointers); DNG 1.7; C2PA technical specification, appendix A (tag 0xCD41).

A TIFF has neither an order nor an end: any byte may be pointed at. So nothing in it moves and nothing is trailing; a new
packet goes behind all that is there, and the first directory, which names it, behind the packet. Cameras' raw files
build on TIFF with private pointers: they are read, never written, here or by `labeler.media.raw`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from labeler import ifd
from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.ifd import Directory, Entry, Form, Puts, Value
from labeler.media import exif, photoshop
from labeler.media.base import Content, Field, Limits, MediumInfo, Slot, Stream, Surface, whole
from labeler.media.pixels import check_pixels, swaps

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 0x100, 0x101, 0x102, 0x103, 0x106
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 0x111, 0x117, 0x144, 0x145
_SUBFILE, _ORIENTATION, _JPEG_OFFSET, _JPEG_COUNT, _XMP = 0xFE, 0x112, 0x201, 0x202, 0x2BC
_SUB_IFDS, _EXIF, _GPS, _INTEROP = 0x14A, ifd.EXIF, 0x8825, 0xA005
_IPTC, _PHOTOSHOP, _XP, _LAYERS = 0x83BB, 0x8649, range(0x9C9B, 0x9CA0), 0x935C
_C2PA = 0xCD41
RAW = "a camera's raw file is only read"
_PAGES = "a manifest would be taken for one more page of its several"
SENSOR = (32803, 34892)  # photometric interpretations of raw files
RAW_TAGS = (0x9216, 0xC612)  # TIFF/EP's version and DNG's
_SLOTS = {Slot.XMP: (_XMP, 1), Slot.C2PA: (_C2PA, 7)}  # tag and type; EXIF is the directories themselves
_PLACES = (STRIP_OFFSETS, TILE_OFFSETS, _JPEG_OFFSET, _SUB_IFDS, _EXIF, _GPS)
_METADATA = (*_PLACES, _XMP, _IPTC, _PHOTOSHOP, *_XP, _C2PA)
_APART = (_XMP, 0x8773, _C2PA, _IPTC, _PHOTOSHOP, _LAYERS)  # 0x8773: the colour profile
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_TEXTS = (1, 2, 7, 129)
_ASCII, _SHORT, _LONG, _UTF8 = 2, 3, 4, 129


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
        sensor = (self.number(d, PHOTOMETRIC) in SENSOR for d in (*self.pages, *self.subs))
        marked = any(self.pages[0].get(tag) for tag in RAW_TAGS)
        return self.data[8:11] == b"CR\2" or marked or any(sensor)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as displayed, px."""
        width, height = self.size(self.main)
        return (height, width) if swaps(self.orientation(self.pages[0])) else (width, height)

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
    if data[:4] not in ifd.FORMS:
        raise UnreadableError("This is not a TIFF file.", "Check how the file was made.")
    form = ifd.form(data)
    if not form or (form.big and data[4:8] != struct.pack(form.order + "HH", 8, 0)):
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
        raise LimitError(
            "The TIFF has more parts than the limit allows.",
            "If you trust it, allow more: `labeler.Limits` in Python.",
        )


def _directory(tiff: Tiff, start: int, room: int) -> Directory:
    form, data = tiff.form, tiff.data
    if start + struct.calcsize(form.count) <= len(data):
        _allow(struct.unpack_from(form.count, data, start)[0], room)
    directory = ifd.directory(data, form, start)
    if directory is None:
        raise damaged(f"it ends before or within the directory at byte {start}")
    for entry in directory.entries:
        if entry.place < form.head or entry.place + entry.size > len(data):
            raise damaged(f"the value of its field {entry.tag} is cut off")
    return directory


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


def fields(tiff: Tiff, limits: Limits) -> Iterator[Field]:
    """The texts of every page and of its Exif directory."""
    room = len(tiff.data)  # texts that do not overlap fit into the file
    seen = set[Field]()  # most programs write the data sets twice
    for i, page in enumerate(tiff.pages):
        details = tiff.metas.get(tiff.number(page, _EXIF))
        block = _block(tiff.data, page.entries, details.entries if details else (), room)
        room = max(0, room - len(block))
        for field in exif.fields(block, limits):
            yield replace(field, where=field.where.replace("IFD0", f"IFD{i}"))
        for entry in page.entries:
            if entry.tag in (_IPTC, _PHOTOSHOP):
                block = tiff.data[entry.place : entry.place + min(entry.size, room)]
                room -= len(block)
                found = photoshop.iptc_fields if entry.tag == _PHOTOSHOP else photoshop.data_sets
                new = [f for f in found(_as_bytes(block, entry.kind), limits) if f not in seen]
                seen.update(new)
                yield from new


def _as_bytes(block: bytes, kind: int) -> bytes:
    """What some wrote as numbers, and so in the wrong order."""
    if kind != _LONG or block[:1] == b"\x1c" or block[3:4] != b"\x1c":
        return block
    count = len(block) // 4
    return struct.pack(f">{count}I", *struct.unpack_from(f"<{count}I", block))


def _block(data: bytes, first: Sequence[Entry], second: Sequence[Entry], room: int) -> bytes:
    """The texts of two directories as an EXIF block: a classic TIFF, whatever the file is."""
    tables = [
        [e for e in entries if e.kind in _TEXTS and e.tag not in (_LAYERS, _IPTC, _PHOTOSHOP)]
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
            parts.append(struct.pack("<HHI", e.tag, e.kind, len(value)))
            if len(value) > 4:
                parts.append(struct.pack("<I", at))
                heap.append(value)
                at += len(value)
            else:
                parts.append(value.ljust(4, b"\0"))
    return b"".join((*parts, *heap))


def slots(tiff: Tiff) -> dict[Slot, bytes]:
    """c2pa gives the manifest of many pages a directory of its own."""
    found = {Slot.XMP: tiff.pages[0].get(_XMP)}
    found[Slot.C2PA] = next((e for page in tiff.pages if (e := page.get(_C2PA))), None)
    slots = {slot: tiff.data[e.place : e.place + e.size] for slot, e in found.items() if e}
    first, details = (_told(directory) for directory in (tiff.pages[0], _details(tiff)))
    if first or details:
        slots[Slot.EXIF] = _block(tiff.data, first, details, len(tiff.data))
    return slots


def _details(tiff: Tiff) -> Directory | None:
    """That of Exif, of the first page."""
    return tiff.metas.get(tiff.number(tiff.pages[0], _EXIF))


def _told(directory: Directory | None) -> list[Entry]:
    """The fields that an EXIF block of it holds: texts and bytes without a place of their own."""
    return [e for e in directory.entries if e.kind in _TEXTS and e.tag not in _APART] if directory else []


def _puts(tiff: Tiff, block: bytes) -> Puts:
    """The fields that this block holds otherwise than the file does.

    Raises:
        UsageError: it is none.
    """
    form = ifd.form(block)
    first = ifd.directory(block, form, ifd.pointer(block, form, 4)) if form and not form.big else None
    if not form or not first:
        raise UsageError("The EXIF block is malformed.", "Give its bytes from the TIFF header on.")
    pointer = first.get(_EXIF)
    details = ifd.directory(block, form, ifd.pointer(block, form, pointer.place)) if pointer else None
    new = []
    for now, then in ((tiff.pages[0], first), (_details(tiff), details)):
        held = {e.tag: tiff.data[e.place : e.place + e.size] for e in now.entries} if now else {}
        told = [(e, block[e.place : e.place + e.size]) for e in _told(then)]
        whole = [(e, v) for e, v in told if len(v) == e.size]
        new.append({e.tag: Value(e.kind, e.number, v) for e, v in whole if held.get(e.tag) != v})
    return Puts(*new)


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


def _spliced(tiff: Tiff, puts: Puts) -> list[bytes | memoryview]:
    """The file in pieces, with these fields in its first directory and in Exif's.

    What stands at the file's end and nothing else points to goes first: so a second call undoes the first.
    """
    data, form, first = tiff.data, tiff.form, tiff.pages[0]
    details = _details(tiff) if puts.details else None
    moved, everything = {first.start: puts.first}, (*tiff.pages, *tiff.subs, *tiff.metas.values())
    others = (d for d in everything if d is not first)
    if details and not any(details.start in tiff.numbers(d, _EXIF) for d in others):
        moved[details.start] = puts.details
    own, ends = list[tuple[int, int]](), [form.head]
    for directory in everything:
        gone = moved.get(directory.start)
        for e in directory.entries:
            outside = e.size > form.width
            if gone is not None and outside and e.tag in gone:
                own.append((e.place, e.place + e.size))
            elif gone is None or outside:
                ends.append(e.place + e.size)
        if gone is None:
            ends.append(directory.stop)
        else:
            own.append((directory.start, directory.stop))
        ends += [offset + count for offset, count in directory.regions]
    end = ifd.reclaimed(data, form, own, max(ends))
    values = [*puts.first.values(), *puts.details.values()]
    fields = [len(d.entries) if d else 0 for d in (first, details)]
    total = end + sum(len(v.data) + form.width for v in values)
    total += (sum(fields) + len(values) + 3) * form.step
    if not form.big and (total >= 1 << 32 or max(fields) + len(values) >= 0xFFFF):
        raise UsageError("A TIFF cannot be larger than 4 GB.", "Convert it to BigTIFF first.")
    return ifd.edited(data, form, first, details, puts, end)


class _Tiff:
    """TIFF and BigTIFF; cameras' raw files read-only."""

    info = MediumInfo(
        name="TIFF",
        mime="image/tiff",
        suffixes=(".tif", ".tiff"),
        slots=frozenset((*_SLOTS, Slot.EXIF)),
        surface="raster",
        c2pa="native",
        loss="several pages are signed in a sidecar; no notice where sizes differ or the coding allows no exact edit",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head[:4] in ifd.FORMS else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        tiff = parse(whole(src, limits), limits)
        why = RAW if tiff.raw else _PAGES if len(tiff.pages) > 1 else ""
        return Content(
            fields=tuple(fields(tiff, limits)),
            slots=slots(tiff),
            size=tiff.shown,
            essence=_essence(tiff, limits) if essence else (),
            takes=self.info.slots - ({Slot.C2PA} if why is _PAGES else self.info.slots) if why else None,
            why=why,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Only single pages take a manifest: c2pa would put that of many into a page without a picture.

        Of an EXIF block the texts that are new or others go into the file's own directories; what it lacks stays.
        """
        if foreign := puts.keys() - self.info.slots:
            raise UsageError(f"TIFF has no place for {', '.join(sorted(foreign))}.", "Leave it out.")
        limits = Limits()
        tiff = parse(whole(src, limits), limits)
        if puts and tiff.raw:
            raise UsageError("A camera's raw file is only read.", "Label the picture developed from it.")
        if Slot.C2PA in puts and len(tiff.pages) > 1:
            raise UsageError("A manifest cannot be embedded into a TIFF of several pages.", "Use a sidecar.")
        new = _puts(tiff, puts[Slot.EXIF]) if Slot.EXIF in puts else Puts()
        for slot, (tag, kind) in _SLOTS.items():
            if slot in puts:
                new = Puts({**new.first, tag: Value(kind, len(puts[slot]), puts[slot])}, new.details)
        dst.writelines(_spliced(tiff, new) if new.first or new.details else [tiff.data])

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        from labeler.media.tiff_pixels import surface  # it is built on this module

        return surface(parse(whole(src, limits), limits), limits)


MEDIUM = _Tiff()
