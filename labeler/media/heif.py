"""HEIF: HEIC from phones and cameras, AVIF (`labeler.media.avif`), still, in grids or as films. Pixels: `heif_pixels`.

ISO/IEC 23008-12 (HEIF), sections 6.5 (properties) and 7 (sequences), annex A (Exif and XMP items); XMP specification
part 3, 1.1.3 (the box of films without items); C2PA technical specification, appendix A (the box of manifests).

Every box but those that grow keeps its bytes; whatever tells of a place in the file follows what moves. New metadata go
right behind the box of items: what others find by counting from the end (motion photos do) stays where it is.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import bmff, bmff_tracks, exif
from labeler.media.base import Content, Field, Limits, MediumInfo, Slot, Stream, Surface, whole
from labeler.media.bmff import Box, Cover, Range, Reader, Room, damaged
from labeler.media.bmff_items import IN_FILE, MIME, XMP_TYPE, Item, Metadata
from labeler.media.bmff_tracks import PLACES, Track
from labeler.media.pixels import check_pixels, swaps

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PURPOSES = (b"manifest", b"original", b"update")
TIFF = (b"II*\0", b"MM\0*")
EXIF_HEAD = b"\0\0\0\6Exif\0\0"  # how far it is to the TIFF header, as most writers have it
_COMPRESSED = (b"deflate", b"zlib", b"gzip")
_TOLD = 1 << 16  # bytes of a text that are passed on
# the EXIF orientation of so many quarter turns anticlockwise, then a mirror (0: upside down, 1: left and right)
_TURNS: dict[tuple[int, int | None], int] = {(0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6}
_TURNS |= {(0, 1): 2, (0, 0): 4, (1, 1): 7, (1, 0): 5, (2, 1): 4, (2, 0): 2, (3, 1): 5, (3, 0): 7}

_AVIF = (b"avif", b"avis")
_HEVC = tuple(a + b for a in (b"hei", b"hev") for b in (b"c", b"x", b"m", b"s"))
_OTHER = tuple(b"avci avcs jpeg jpgs j2ki j2is vvic vvis evbi evbs".split())
_ANY = (b"mif1", b"mif2", b"msf1", b"miaf")  # say nothing of the codec


@dataclass(frozen=True)
class Heif:
    """A file taken apart: all its boxes, those of items (of the file, of each film), and its films."""

    data: bytes
    top: Box
    metas: tuple[Metadata, ...]
    tracks: tuple[Track, ...]

    @cached_property
    def main(self) -> Metadata | None:
        """The items of the file, if one of them is its picture."""
        return next((m for m in self.metas if m.of_file and m.picture), None)

    @cached_property
    def properties(self) -> list[Box]:
        """Those of the picture."""
        return self.main.properties(self.main.primary) if self.main else []

    @cached_property
    def orientation(self) -> int:
        """As Exif numbers it, from the picture's properties: what its EXIF says does not count here."""
        turn, axis = 0, None
        for box in self.properties:
            if box.kind == b"irot":
                step = Reader(self.data, box).number(1)
                turn = (turn + (step if axis is None else -step)) % 4
            elif box.kind == b"imir":
                new = Reader(self.data, box).number(1) & 1
                turn, axis = (turn, new) if axis is None else ((turn + 2 * (axis != new)) % 4, None)
        return _TURNS[turn, axis]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed, px."""
        size = (0, 0)
        if self.main:
            size = self.main.extent(self.main.primary)
            for box in self.properties:
                if box.kind == b"clap":
                    a, b, c, d = Reader(self.data, box).numbers(4, 4)
                    size = (a // b, c // d) if b and d else size
        else:
            for header in (h for track in self.tracks for h in track.box.all(b"tkhd")):
                width, height = struct.unpack(">II", self.data[header.body : header.end].rjust(8, b"\0")[-8:])
                size = max(size, (width >> 16, height >> 16))
        if not all(size):
            raise damaged("its picture has no size")
        return size[::-1] if swaps(self.orientation) else size

    def carriers(self, slot: Slot) -> list[tuple[Metadata, Item]]:
        """The items that hold it, that of the file first: a film can have its own."""
        found = [(m, m.carriers[slot]) for m in self.metas if slot in m.carriers]
        return sorted(found, key=lambda pair: pair[0] is not self.main)

    def uuid(self, name: bytes) -> Iterator[Box]:
        """The boxes of that name at the top."""
        return (b for b in self.top.all(b"uuid") if self.data[b.body : b.body + 16] == name)

    @cached_property
    def manifest(self) -> tuple[Box, int] | None:
        """The box of C2PA, and where the manifest store in it begins."""
        for box in self.uuid(C2PA_UUID):
            reader = Reader(self.data, box)
            reader.take(20)
            if reader.text() in _PURPOSES and reader.at + 8 <= box.end:
                return box, reader.at + 8
        return None

    @cached_property
    def slots(self) -> dict[Slot, bytes]:
        """The payloads of all carriers; of a compressed packet what it inflates to."""
        found = dict[Slot, bytes]()
        for meta, item in self.carriers(Slot.EXIF)[:1]:
            raw = meta.bytes_of(item.id)
            if block := raw[len(exif_head(raw)) :]:
                found[Slot.EXIF] = block
        for meta, item in self.carriers(Slot.XMP)[:1]:
            packet = plain(meta.bytes_of(item.id), item.encoding)
            if packet is not None:
                found[Slot.XMP] = packet
        for box in self.uuid(XMP_UUID):
            found.setdefault(Slot.XMP, self.data[box.body + 16 : box.end])
        if self.manifest:
            box, start = self.manifest
            found[Slot.C2PA] = self.data[start : box.end]
        return found


def brands(head: bytes) -> tuple[bytes, ...]:
    """The kinds that a file says it is, the major one first."""
    if head[4:8] != b"ftyp":
        return ()
    end = min(len(head), int.from_bytes(head[:4])) - 3
    return head[8:12], *(head[at : at + 4] for at in range(16, end, 4))


def is_avif(head: bytes) -> bool:
    """Whether these bytes begin an AVIF file."""
    said = brands(head)
    return said[:1] in [(b,) for b in _AVIF] or (
        said[:1] in [(b,) for b in _ANY] and not {*said}.isdisjoint(_AVIF)
    )


def is_heif(head: bytes) -> bool:
    """Whether they begin any other HEIF file."""
    said = brands(head)
    return said[:1] in [(b,) for b in (*_HEVC, *_OTHER, *_ANY)] and not is_avif(head)


def parse(data: bytes, limits: Limits) -> Heif:
    """All boxes, items and films, checked to lie in the file with all that they point to.

    Raises:
        UnreadableError: truncated, malformed, or partly in another file. LimitError: too many parts, pixels or frames.
    """
    room = Room(limits)
    top = bmff.parse(data, room)
    films = [moov for moov in top.all(b"moov")]
    holders = [top, *films, *(trak for moov in films for trak in moov.all(b"trak")), *top.all(b"meco")]
    metas = tuple(Metadata(data, box, room) for holder in holders for box in holder.all(b"meta"))
    heif = Heif(data, top, metas, bmff_tracks.parse(data, top, room))
    picture = heif.main.picture if heif.main else None
    if heif.main and picture and picture.kind != b"iden" and not heif.main.ranges.get(picture.id):
        raise damaged("its picture has no data")
    check_pixels(heif.size, max((track.frames for track in heif.tracks), default=1), limits)
    return heif


def exif_head(raw: bytes) -> bytes:
    """What stands before the TIFF header; the whole if there is none."""
    for at in (4 + int.from_bytes(raw[:4]), 4, len(EXIF_HEAD)):
        if raw[at : at + 4] in TIFF:
            return raw[:at]
    return raw


def plain(raw: bytes, encoding: bytes) -> bytes | None:
    """An item's content, inflated; None where that is not done here."""
    if not encoding:
        return raw
    for form in (47, -15) if encoding.lower() in _COMPRESSED else ():
        with contextlib.suppress(zlib.error):
            tool, most = zlib.decompressobj(form), Limits().max_inflated
            found = tool.decompress(raw, most + 1)
            if len(found) > most:
                raise LimitError("The XMP packet inflates to more than the limit allows.")
            if tool.eof:
                return found
    return None


def _fields(heif: Heif, limits: Limits) -> Iterator[Field]:
    if block := heif.slots.get(Slot.EXIF):
        yield from exif.fields(block, limits)
    if meta := heif.main:
        room = len(heif.data)
        for item in meta.items.values():
            if item.kind == MIME and item.content != XMP_TYPE and room > 0:
                value = meta.bytes_of(item.id)
                room -= len(value)
                yield Field("heif:mime", item.content.decode("latin-1"), value[:_TOLD])
    for box in heif.properties:
        if box.kind == b"udes":
            reader = Reader(heif.data, box)
            reader.version()
            for key in ("lang", "name", "description", "tags"):
                if value := reader.text()[:_TOLD]:
                    yield Field("heif:udes", key, value)
    for moov in heif.top.all(b"moov"):
        yield from bmff.tags(heif.data, moov)


def _essence(heif: Heif, limits: Limits) -> tuple[Stream, ...]:
    """What each item and each film consists of, wherever that lies; then all boxes but metadata and places."""
    view, room, streams = memoryview(heif.data), len(heif.data) + limits.max_inflated, list[Stream]()
    carriers = [pair for slot in (Slot.EXIF, Slot.XMP) for pair in heif.carriers(slot)]
    gone = {item.entry for _, item in carriers} | {*heif.uuid(XMP_UUID), *heif.uuid(C2PA_UUID)}
    gone |= {r.box for meta, item in carriers for r in meta.references if r.source == item.id}
    parts = [
        (f"item {item.id}", meta.ranges.get(item.id, ()))
        for meta in heif.metas
        for item in meta.items.values()
        if item.entry not in gone
    ]
    for name, ranges in (*parts, *(("film", track.chunks) for track in heif.tracks)):
        room -= sum(end - start for start, end in ranges)
        if room < 0:
            raise LimitError("The file's parts overlap many times.", "Open and export it again.")
        streams.append(Stream(name, tuple(view[start:end] for start, end in ranges)))
    pieces = list[memoryview]()
    metadata = Cover(r for meta, item in carriers for r in meta.ranges.get(item.id, ()))
    fragments = bmff_tracks.fragments(heif.top) is not None
    for box in _leaves(heif.top):
        if box.kind == b"mdat" and fragments:  # which tells itself where its samples are
            pieces += (view[start:end] for start, end in _without(metadata, box))
        elif box.kind not in (*PLACES, b"mdat", b"idat") and box not in gone:
            pieces.append(view[box.start : box.end])
    return *streams, Stream("boxes", tuple(pieces))


def _leaves(box: Box) -> Iterator[Box]:
    for inner in box.inside:
        if inner.kind in bmff.HOLDERS:
            yield from _leaves(inner)
        else:
            yield inner


def _without(metadata: Cover, box: Box) -> Iterator[Range]:
    """The contents of a box but metadata."""
    at = box.body
    for start, end in metadata.within(box.body, box.end):
        yield at, max(at, start)
        at = end
    yield at, max(at, box.end)


def _refusals(heif: Heif) -> Iterator[tuple[Slot, str]]:
    """The slots that this file does not take, and why.

    c2pa puts its box before all others. It moves places that the items of the file tell, or the tables of chunks.
    """
    moved = all(
        (meta.of_file or all(method != IN_FILE for method, _ in meta.locations.values()))
        and not any(index for _, extents in meta.locations.values() for index, _, _ in extents)
        for meta in heif.metas
    )
    if not moved or bmff_tracks.fragments(heif.top) is not None or any(bmff_tracks.auxiliary(heif.top)):
        yield Slot.C2PA, "an embedded manifest would break this file"
    for slot in (Slot.XMP, Slot.EXIF):
        compressed = any(
            plain(m.bytes_of(i.id), i.encoding) is None for m, i in heif.carriers(slot) if i.encoding
        )
        if compressed:
            yield slot, f"its {slot.upper()} is compressed in a way that is not known here"
        elif slot is Slot.EXIF and not heif.carriers(slot) and not heif.main:
            yield slot, "a film without items has no place for EXIF"


class HeifMedium:
    """The `Medium` of one of HEIF's kinds; its name is that of Pillow's decoder."""

    def __init__(self, info: MediumInfo, begins: Callable[[bytes], bool]) -> None:
        self.info, self._begins = info, begins

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if self._begins(head) else 0

    def _parse(self, src: BinaryIO, limits: Limits) -> Heif:
        data = whole(src, limits)
        if not self._begins(data[:4096]):
            raise UnreadableError(f"This is not {self.info.name}.", "Check how the file was made.")
        return parse(data, limits)

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        heif = self._parse(src, limits)
        refusals = dict(_refusals(heif))
        return Content(
            fields=tuple(_fields(heif, limits)),
            slots=heif.slots,
            size=heif.size,
            essence=_essence(heif, limits) if essence else (),
            trailing=len(heif.data) - heif.top.end,
            mime=_mime(heif.data[:4096]),
            takes=self.info.slots - refusals.keys() if refusals else None,
            why="; ".join(refusals.values()),
            unread=tuple(
                f"compressed {slot.upper()}"
                for slot in refusals
                if slot is not Slot.C2PA and heif.carriers(slot)
            ),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Item locations are written anew, in the form that c2pa, which moves them once more, is known not to spoil."""
        from labeler.media.heif_splice import Splice  # it is built on this module

        if unknown := puts.keys() - self.info.slots:
            raise UsageError(f"{self.info.name} has no place for {', '.join(sorted(unknown))}.")
        heif = self._parse(src, Limits())
        if not puts:
            dst.write(heif.data)
            return
        splice = Splice(heif)
        for slot in sorted(puts):
            splice.put(slot, puts[slot])
        dst.writelines(splice.pieces())

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        """Also raises NoticeError: drawing would lose more than a little, or no encoder is here."""
        from labeler.media.heif_pixels import CODECS, HeifSurface  # it is built on this module

        return HeifSurface(self._parse(src, limits), CODECS[self.info.name], limits)


def _mime(head: bytes) -> str | None:
    """Where no brand tells of HEVC or AV1."""
    return "image/heif" if {*brands(head)}.isdisjoint((*_AVIF, *_HEVC)) else None


SLOTS = frozenset({Slot.XMP, Slot.EXIF, Slot.C2PA})
MEDIUM = HeifMedium(
    MediumInfo(
        name="HEIF",
        mime="image/heic",
        suffixes=(".heic", ".heif", ".hif", ".heics", ".heifs"),
        slots=SLOTS,
        surface="raster",
        c2pa="native",
        loss="drawn on only where pillow-heif is installed, and encoded again at quality 95; no notice on HDR, "
        "more than 8 bits, films",
    ),
    is_heif,
)
