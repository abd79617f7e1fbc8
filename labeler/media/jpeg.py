"""JPEG: segments up to the end marker, and what stands in them.

ITU-T T.81 annex B (markers, DNL); JFIF 1.02; Exif 3.0 section 4.7; XMP specification part 3, section 1.1.3;
ISO/IEC 19566-5 annex D and C2PA 2.2 section A.3.1 (JUMBF in APP11); CIPA DC-007 (multi-picture index); Ultra HDR 1.1 and
ISO 21496-1 (gain maps);
IPTC-IIM 4.2 in Photoshop's image resources (APP13).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import exif, photoshop, samsung
from labeler.media.base import Content, Embedded, Field, Limits, MediumInfo, Slot, Stream, Surface, whole
from labeler.media.pixels import check_pixels, swaps

DHT, SOI, EOI, SOS, DQT, DNL, COM = 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xEF
_FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # TEM, RST0 to RST7: no length
_MARKER = re.compile(rb"\xff+([^\x00\xff])")  # any number of fill bytes before it
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

_JFIF, _ADOBE, _ICC, _MPF = b"JFIF\0", b"Adobe", b"ICC_PROFILE\0", b"MPF\0"
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_RESOURCES = b"Photoshop 3.0\0"
_JUMBF, _C2PA = b"JP", bytes.fromhex("6332706100110010800000aa00389b71")
_MP_ENTRIES = 0xB002
_GAIN = (
    b"urn:iso:std:iso:ts:21496:-1",
    b"ns.adobe.com/hdr-gain-map/1.0/",
    b"apple:photo:2020:aux:hdrgainmap",
)
_ROOM = {Slot.EXIF: 65_527, Slot.XMP: 65_502}
_BOX_ROOM = 64_000  # a store's bytes in one segment, as c2pa-rs cuts it


@dataclass(frozen=True, eq=False)
class Segment:
    """A whole marker segment, fill bytes before it and a scan's coded data included; the payload is from ``head`` on."""

    marker: int
    tile: memoryview
    head: int

    @property
    def payload(self) -> bytes:
        """Without marker and length."""
        return bytes(self.tile[self.head :])

    @property
    def bare(self) -> memoryview:
        """Without the fill bytes before the marker."""
        fill = 0
        while self.tile[fill + 1] == 0xFF:
            fill += 1
        return self.tile[fill:]

    def has(self, prefix: bytes) -> bool:
        """Whether the payload begins so."""
        return self.tile[self.head : self.head + len(prefix)] == prefix

    @property
    def applied(self) -> bool:
        """APPn or comment: the pixels decode without it."""
        return APP0 <= self.marker <= APP15 or self.marker == COM

    @property
    def essential(self) -> bool:
        """Whether it decides what a viewer shows."""
        return not self.applied or self.jfif or self.adobe or (self.marker == APP2 and self.has(_ICC))

    @property
    def jfif(self) -> bool:
        return self.marker == APP0 and self.has(_JFIF)

    @property
    def adobe(self) -> bool:
        """It names the colour model."""
        return self.marker == APP14 and self.has(_ADOBE)

    @property
    def exif(self) -> bool:
        return self.marker == APP1 and self.has(_EXIF)

    @property
    def indexes(self) -> bool:
        """It tells where further pictures are."""
        return self.marker == APP2 and self.has(_MPF)

    @property
    def xmp(self) -> bool:
        return self.marker == APP1 and self.has(_XMP)


@dataclass(frozen=True)
class Component:
    """One plane: its id, sampling factors (1 to 4) and quantisation table."""

    id: int
    h: int
    v: int
    table: int


@dataclass(frozen=True)
class Frame:
    """What the SOF segment says; ``size`` as stored, px."""

    marker: int
    precision: int
    size: tuple[int, int]
    components: tuple[Component, ...]


@dataclass(frozen=True)
class Parsed:
    """The primary picture between its SOI and EOI; ``tail`` is the EOI and the ``trailing`` bytes behind it."""

    segments: tuple[Segment, ...]
    frame: Frame
    tail: memoryview
    trailing: int

    @property
    def told(self) -> bool:
        """Whether the index of further pictures says right where this one ends."""
        length = 2 + _length(self.segments) + len(self.tail) - self.trailing
        return next((size == length for _, size, _ in self.index), True)

    @property
    def further(self) -> list[memoryview]:
        """The pictures behind this one, found as its index says.

        Raises:
            LimitError: together they are larger than the file.
        """
        front = 2 + _length(takewhile(lambda s: not s.indexes, self.segments))
        head = next((s.head + len(_MPF) for s in self.segments if s.indexes), 0)
        start = front + head - (2 + _length(self.segments))  # from the tail on
        found = [
            self.tail[max(0, start + offset) : max(0, start + offset + size)]
            for _, size, offset in self.index
            if offset
        ]
        if sum(map(len, found)) > len(self.tail):
            raise LimitError("The JPEG's further pictures overlap.", "Open and export it again.")
        return found

    @property
    def gain_map(self) -> bool:
        """Whether one of them tells how bright this one is on an HDR screen."""
        heads = (s.tile for s in self.heads if s.xmp or (s.marker == APP2 and s.has(_GAIN[0])))
        return any(sign in bytes(head[:0x10000]) for head in (*heads, *self.further) for sign in _GAIN)

    @property
    def index(self) -> Iterator[tuple[int, int, int]]:
        """See `_indexed`."""
        return _indexed(next((s.payload[len(_MPF) :] for s in self.segments if s.indexes), b""))

    @property
    def exif(self) -> bytes | None:
        """The EXIF block from its TIFF header on; behind the first scan nobody looks for one."""
        return next((s.payload[len(_EXIF) :] for s in self.heads if s.exif), None)

    @property
    def heads(self) -> Iterator[Segment]:
        """The segments before the first scan."""
        return takewhile(lambda s: s.marker != SOS, self.segments)

    @property
    def orientation(self) -> int:
        return exif.orientation(self.exif)

    @property
    def size(self) -> tuple[int, int]:
        """As displayed, px."""
        width, height = self.frame.size
        return (height, width) if swaps(self.orientation) else (width, height)


def segment(marker: int, payload: bytes) -> Segment:
    """A new segment; ``payload`` has at most 65,533 bytes."""
    return Segment(marker, memoryview(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload), 4)


def parse(data: bytes, limits: Limits) -> Parsed:
    """Raises UnreadableError: no JPEG, or one that is cut or broken. LimitError: too many segments or pixels."""
    segments, end, behind = _walk(data, limits)
    frame = _frame(segments)
    check_pixels(frame.size, 1, limits)
    return Parsed(tuple(segments), frame, memoryview(data)[end:], len(data) - behind)


def _walk(data: bytes, limits: Limits, *, scans: bool = True) -> tuple[list[Segment], int, int]:
    """The segments, where EOI begins, and where it ends; without ``scans``: up to the first scan, twice."""
    if not data.startswith(b"\xff\xd8\xff"):
        raise UnreadableError("This is not a JPEG file.", "Check what kind of file it is.")
    view, segments, at = memoryview(data), list[Segment](), 2
    while True:
        found = _MARKER.match(data, at)
        if found is None:
            raise _broken(at, data)
        start, marker, head = at, found[1][0], found.end()
        if marker == EOI:
            return segments, start, head
        if marker == SOS and not scans:
            return segments, start, start
        if marker in _ALONE:
            at = head
        else:
            length = int.from_bytes(data[head : head + 2], "big")
            at, head = head + length, head + 2
            if marker == SOI or (length < 2 and head <= len(data)):
                raise _broken(start, data)
            if marker == SOS and at <= len(data):
                end = _SCAN_END.search(data, at)
                at = end.start() if end else len(data)
            if at > len(data) or head > len(data):
                raise _broken(len(data), data)
        segments.append(Segment(marker, view[start:at], head - start))
        if len(segments) > limits.max_parts:
            raise LimitError(
                f"The JPEG has more than {limits.max_parts} segments.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )


def _broken(at: int, data: bytes) -> UnreadableError:
    if at >= len(data) - 1:
        return UnreadableError("The JPEG is cut: it has no end.", "Copy or export the file again.")
    return UnreadableError(
        f"The JPEG is broken at byte {at}.", "Open it in an image editor and export it again."
    )


def _frame(segments: Sequence[Segment]) -> Frame:
    frames = [s for s in segments if s.marker in _FRAMES]
    if len(frames) != 1 or not any(s.marker == SOS for s in segments):
        raise UnreadableError(
            "The JPEG does not hold exactly one picture.", "Open it in an image editor and export it again."
        )
    payload = frames[0].payload
    planes = zip(payload[6::3], payload[7::3], payload[8::3], strict=False)
    components = tuple(Component(n, hv >> 4, hv & 15, table) for n, hv, table in planes)
    complete = len(payload) >= 9 and len(payload) == 6 + 3 * payload[5]
    if not complete or not all(1 <= c.h <= 4 and 1 <= c.v <= 4 for c in components):
        raise UnreadableError(
            "The JPEG's frame header is broken.", "Open it in an image editor and export it again."
        )
    height, width = struct.unpack_from(">HH", payload, 1)
    if not height:  # it then stands behind the first scan
        height = next((int.from_bytes(s.payload[:2], "big") for s in segments if s.marker == DNL), 0)
    if not width or not height:
        raise UnreadableError("The JPEG has no size.", "Open it in an image editor and export it again.")
    return Frame(frames[0].marker, payload[0], (width, height), components)


def rebuilt(old: Sequence[Segment], new: Sequence[Segment], tail: memoryview) -> list[bytes | memoryview]:
    """The file with new segments in place of the old ones; a multi-picture index follows what moved."""
    index = next((s for s in new if s.indexes), None)
    if index is not None:
        before, after = (_length(takewhile(lambda s: s is not index, segments)) for segments in (old, new))
        behind = _length(old) - before - index.head - len(_MPF)
        grown = _length(new) - _length(old)
        corrected = _reindexed(index, behind, grown, grown - (after - before))
        new = [corrected if s is index else s for s in new]
    return [b"\xff\xd8", *(s.tile for s in new), tail]


def _length(segments: Iterable[Segment]) -> int:
    return sum(len(s.tile) for s in segments)


def _reindexed(index: Segment, behind: int, grown: int, moved: int) -> Segment:
    """The first picture has ``grown``; what stands ``behind`` bytes after the index, or further, has ``moved``."""
    block = index.payload[len(_MPF) :]
    out, order = bytearray(block), "<II" if block[:1] == b"I" else ">II"
    for i, (at, size, offset) in enumerate(_indexed(block)):
        size, offset = size + grown * (i == 0), offset + moved * (offset >= behind)
        if 0 <= size < 1 << 32 and 0 <= offset < 1 << 32:
            struct.pack_into(order, out, at, size, offset)
    tile = bytes(index.tile[: index.head + len(_MPF)]) + out
    return Segment(index.marker, memoryview(tile), index.head)


def _indexed(block: bytes) -> Iterator[tuple[int, int, int]]:
    """Of each picture where size and offset stand in the index, and these; the first has no offset."""
    order = "<II" if block[:1] == b"I" else ">II"
    for tag, _, count, place in exif.entries(block, 4):
        if tag == _MP_ENTRIES:
            first = exif.pointer(block, place)
            for at in range(first + 4, min(first + count, len(block)) - 11, 16):
                yield at, *struct.unpack_from(order, block, at)
            return


def _opened(data: bytes) -> tuple[list[Segment], memoryview]:
    """The segments up to the first scan, where that says enough, and the rest.

    Raises:
        UnreadableError: no JPEG, or a broken one. LimitError: too many segments.
    """
    limits = Limits()
    segments, end, behind = _walk(data, limits, scans=False)
    at_scan = end == behind and any(
        s.marker in _FRAMES and any(s.tile[s.head + 1 : s.head + 3]) for s in segments
    )
    if at_scan:
        _frame([*segments, Segment(SOS, memoryview(b""), 0)])
    else:  # broken, or the scans count
        parsed = parse(data, limits)
        segments, end = list(parsed.segments), len(data) - len(parsed.tail)
    return segments, memoryview(data)[end:]


def _put(segments: list[Segment], slot: Slot, payload: bytes) -> list[Segment]:
    """The new segments in the place of the old ones, or before all that a multi-picture index must not part from."""
    match slot:
        case Slot.EXIF:
            old = [s for s in segments if s.exif][:1]
            new = [_fitting(_EXIF, exif.check(payload), _ROOM[slot], "EXIF block", "Shorten its texts.")]
            leading = [s for s in segments if s.marker == APP0]
        case Slot.XMP:
            old = [s for s in takewhile(lambda s: s.marker != SOS, segments) if s.xmp][:1]
            hint = "Shorten the longest text in it, e.g. the prompt."
            new = [_fitting(_XMP, payload, _ROOM[slot], "XMP packet", hint)]
            leading = [s for s in segments if s.marker == APP0 or s.exif]
        case _:
            old = _store(segments)
            new = _boxed(payload, old[0].payload[2:4] if old else _free_number(segments))
            leading = [s for s in segments if s.marker == APP0 or s.exif or s.xmp]
    gone, before = set(old), set(leading)
    rest = [s for s in segments if s not in gone]
    stable = takewhile(lambda s: s.marker not in (APP2, SOS), segments)
    at = next((i for i, s in enumerate(stable) if s in gone), None)
    if at is None:
        at = sum(1 for _ in takewhile(lambda s: s in before, rest))
    return rest[:at] + new + rest[at:]


def _fitting(prefix: bytes, payload: bytes, room: int, what: str, hint: str) -> Segment:
    if len(payload) > room:
        raise UsageError(f"The {what} has {len(payload):,} bytes; JPEG takes {room:,}.", hint)
    return segment(APP1, prefix + payload)


def _header(box: bytes) -> int:
    return 16 if box.startswith(b"\0\0\0\1") else 8


def _is_store(box: bytes) -> bool:
    """A JUMBF superbox whose description names C2PA."""
    at = _header(box)
    return box[4:8] == b"jumb" and box[at + 4 : at + 8] == b"jumd" and box[at + 8 : at + 24] == _C2PA


def _store(segments: Iterable[Segment]) -> list[Segment]:
    """The segments that hold the C2PA manifest store, in their order."""
    boxes = [s for s in segments if s.marker == APP11 and s.has(_JUMBF)]
    number = next((s.payload[2:4] for s in boxes if _is_store(s.payload[8:48])), None)
    parts = [s for s in boxes if s.payload[2:4] == number and s.payload[12:16] == b"jumb"]
    return sorted(parts, key=lambda s: s.payload[4:8])


def _unboxed(parts: Sequence[Segment]) -> bytes:
    """Every segment repeats the box header; the store has it once."""
    boxes = (s.payload[8:] for s in parts)
    return b"".join(box[_header(box) if i else 0 :] for i, box in enumerate(boxes))


def _free_number(segments: Iterable[Segment]) -> bytes:
    """A box instance number that no other box in the file has."""
    taken = {s.payload[2:4] for s in segments if s.marker == APP11}
    return next((n for i in range(1, 0xFFFF) if (n := i.to_bytes(2, "big")) not in taken), b"\xff\xff")


def _boxed(store: bytes, number: bytes) -> list[Segment]:
    """A manifest store in as many segments as it needs; each repeats its box header."""
    head = store[: _header(store)]
    return [
        segment(
            APP11, _JUMBF + number + struct.pack(">I", i + 1) + head * (i > 0) + store[at : at + _BOX_ROOM]
        )
        for i, at in enumerate(range(0, len(store), _BOX_ROOM))
    ]


def _iptc(segments: Iterable[Segment], limits: Limits) -> Iterator[Field]:
    """From Photoshop's resources, which may go on in the next segment."""
    parts = [s.payload[len(_RESOURCES) :] for s in segments if s.marker == APP13 and s.has(_RESOURCES)]
    return photoshop.iptc_fields(b"".join(parts), limits)


class _Jpeg:
    """JPEG, JFIF, EXIF and multi-picture files; only the primary picture is looked into."""

    info = MediumInfo(
        name="JPEG",
        mime="image/jpeg",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        slots=frozenset((Slot.XMP, Slot.EXIF, Slot.C2PA)),
        surface="raster",
        c2pa="native",
        loss="without jpegtran and the extra `jpeg` the whole picture is encoded again with its own tables; "
        "further pictures in the file and gain maps stay as they are",
        room=_ROOM,
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head.startswith(b"\xff\xd8\xff") else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        parsed = parse(whole(src, limits), limits)
        segments, block, store = parsed.segments, parsed.exif, _store(parsed.segments)
        packet = next((s.payload[len(_XMP) :] for s in parsed.heads if s.xmp), None)
        slots = {Slot.XMP: packet, Slot.EXIF: block, Slot.C2PA: _unboxed(store) if store else None}
        comments = (Field("jpeg:COM", "Comment", s.payload) for s in segments if s.marker == COM)
        return Content(
            fields=(
                *comments,
                *exif.fields(block or b"", limits),
                *_iptc(segments, limits),
                *samsung.fields(parsed.tail, limits),
            ),
            slots={slot: payload for slot, payload in slots.items() if payload is not None},
            size=parsed.size,
            essence=_essence(parsed) if essence else (),
            trailing=parsed.trailing,
            measured=any(s.indexes for s in segments),
            unread=("further pictures in the file",) * any(offset for *_, offset in parsed.index),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if foreign := puts.keys() - self.info.slots:
            raise UsageError(f"JPEG has no place for {', '.join(sorted(foreign))}.", "Leave it out.")
        data = whole(src, Limits())
        old, tail = _opened(data)
        new = old
        if Slot.C2PA in puts and not _is_store(puts[Slot.C2PA]):
            raise UsageError(
                "This is not a C2PA manifest store.", "Give its JUMBF bytes, from the box header on."
            )
        for slot in (Slot.EXIF, Slot.XMP, Slot.C2PA):
            if slot in puts:
                new = _put(new, slot, puts[slot])
        dst.writelines(rebuilt(old, new, tail))

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """C2PA technical specification, appendix A.3.1: in segments, which a multi-picture index counts in."""
        old, tail = _opened(whole(src, Limits()))
        new, known = _put(old, Slot.C2PA, store), set(old)
        start = 2 + _length(takewhile(lambda s: s in known, new))
        return Embedded(b"".join(rebuilt(old, new, tail)), start, _length(s for s in new if s not in known))

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        from labeler.media.jpeg_pixels import JpegSurface  # which builds on this module

        return JpegSurface(parse(whole(src, limits), limits), limits)


def _essence(parsed: Parsed) -> tuple[Stream, ...]:
    """The picture; and those behind it, so that it is told when they are not found any more."""
    image = Stream("image", tuple(part.bare for part in parsed.segments if part.essential))
    further = (Stream("further picture", (picture,)) for picture in parsed.further)
    return image, Stream("end told", (bytes([parsed.told]),)), *further


MEDIUM = _Jpeg()
