"""Cameras' raw files: read, and never written. Private pointers in them, which nobody but their maker knows, would break.

TIFF-based: DNG 1.7, TIFF/EP (ISO 12234-2), Canon CR2, Nikon NEF, Sony ARW, Pentax PEF and others, Olympus ORF, Panasonic
RW2. Others: Fujifilm RAF (a JPEG with a header before it), Canon CR3 (boxes). What the makers keep to themselves was
learnt from exiftool's documentation. C2PA technical specification, appendix A: manifests in DNG, NEF and ARW.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from labeler.errors import UnreadableError
from labeler.media import boxes, exif, jpeg, tiff
from labeler.media.base import Content, Field, Limits, MediumInfo, ReadOnly, Slot, Stream, whole
from labeler.media.pixels import check_pixels, swaps

_TIFF = (b"II*\0", b"MM\0*")
_ORF = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*"}
_RW2, _RAF = b"IIU\0", b"FUJIFILMCCD-RAW "
_CR3 = b"ftypcrx "
_SUB_IFDS = 0x14A
_MAKERS = {b"NIKON": "image/x-nikon-nef", b"SONY": "image/x-sony-arw", b"PENTAX": "image/x-pentax-pef"}
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CANON_BOX = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


class _Raw(ReadOnly):
    info = MediumInfo(
        name="camera raw",
        mime="application/octet-stream",
        suffixes=(
            ".dng",
            ".cr2",
            ".cr3",
            ".nef",
            ".nrw",
            ".arw",
            ".orf",
            ".rw2",
            ".pef",
            ".raf",
            ".srw",
            ".3fr",
            ".erf",
            ".gpr",
        ),
        slots=frozenset(),
        surface="none",
        c2pa="sidecar",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """A TIFF that says so where that can be seen so early, or is called so and has directories in its first."""
        if head[:4] in _ORF or head.startswith((_RW2, _RAF)) or head[4:12] == _CR3:
            return 100
        if head[:4] not in _TIFF:
            return 0
        first = {tag: head[place : place + 2] for tag, _, _, place in exif.entries(head, 4)}
        meaning = int.from_bytes(first.get(tiff.PHOTOMETRIC, b""), "little" if head[:1] == b"I" else "big")
        sensor = meaning in tiff.SENSOR
        if sensor or head[8:11] == b"CR\2" or any(tag in first for tag in tiff.RAW_TAGS):
            return 100
        called = (name or "").lower().endswith(self.info.suffixes)
        return 100 * (called and (not first or _SUB_IFDS in first))

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        content = _read(data, limits)
        if content.size:
            check_pixels(content.size, 1, limits)
        coded = (Stream("file", (data,)),) if essence else ()
        return replace(content, essence=coded, why=tiff.RAW)


def _read(data: bytes, limits: Limits) -> Content:
    if data[:4] in _TIFF:
        return _from_tiff(data, limits)
    if data[:4] in _ORF:
        return replace(_from_tiff(_ORF[data[:4]] + data[4:], limits, raw=True), mime="image/x-olympus-orf")
    if data.startswith(_RW2):
        return _from_rw2(data, limits)
    if data.startswith(_RAF):
        return _from_raf(data, limits)
    if data[4:12] == _CR3:
        return _from_cr3(data, limits)
    raise UnreadableError("This is no camera raw file.", "Check how the file was made.")


def _from_tiff(data: bytes, limits: Limits, *, raw: bool = False) -> Content:
    parsed = tiff.parse(data, limits)
    if not raw and not parsed.raw:
        raise UnreadableError(
            "The file is called a camera raw file, but is a plain TIFF.", "Name it .tif, and try again."
        )
    fields = tuple(tiff.fields(parsed, limits))
    maker = next((f.value for f in fields if f.key == "Make"), b"")
    mime = next((mime for name, mime in _MAKERS.items() if maker.startswith(name)), "image/tiff")
    if parsed.pages[0].get(tiff.RAW_TAGS[1]):
        mime = "image/x-adobe-dng"
    elif data[8:11] == b"CR\2":
        mime = "image/x-canon-cr2"
    return Content(fields, tiff.slots(parsed), parsed.shown, mime=mime)


def _cut() -> UnreadableError:
    return UnreadableError("The raw file is cut off.", "Fetch it anew.")


def _within_jpeg(data: bytes, start: int, size: int, limits: Limits) -> Content:
    """What its embedded picture tells: the metadata are there. A manifest would be the picture's, not the file's."""
    if start + size > len(data):
        raise _cut()
    content = jpeg.MEDIUM.read(io.BytesIO(data[start : start + size]), limits)
    kept = dict(content.slots)
    kept.pop(Slot.C2PA, None)
    return Content(content.fields, kept, content.size)


def _from_rw2(data: bytes, limits: Limits) -> Content:
    """A TIFF with other tags: 2 and 3 the sensor's width and height, 0x2E a JPEG, 0x118 where the sensor data begin."""
    block = _TIFF[0] + data[4:]
    found = {tag: (number, place) for tag, _, number, place in exif.entries(block, 4)}

    def value(tag: int) -> int:
        return exif.pointer(block, found[tag][1]) if tag in found else 0

    start, size = value(0x118) or value(0x111), value(0x117)
    if not found or not start or start + max(size, 1) > len(data):
        raise _cut()
    content = Content()
    if 0x2E in found:
        content = _within_jpeg(data, value(0x2E), found[0x2E][0], limits)
    if not content.size:
        content = replace(content, size=(value(2) & 0xFFFF, value(3) & 0xFFFF))
    return replace(content, mime="image/x-panasonic-rw2")


def _from_raf(data: bytes, limits: Limits) -> Content:
    """Its header has offset and length of the JPEG, of the sensor's description and of its data."""
    if len(data) < 108:
        raise _cut()
    places = struct.unpack_from(">6I", data, 84)
    if any(start + size > len(data) for start, size in zip(places[::2], places[1::2], strict=True)):
        raise _cut()
    return replace(_within_jpeg(data, places[0], places[1], limits), mime="image/x-fuji-raf")


def _from_cr3(data: bytes, limits: Limits) -> Content:
    """Canon's box in ``moov`` holds EXIF directories, each a TIFF of its own."""
    top = boxes.parse(data, limits)
    moov = next((part for part in top if part.kind == b"moov"), None)
    if moov is None or not any(part.kind == b"mdat" for part in top):
        raise _cut()
    canon = [
        inner
        for part in boxes.parse(data, limits, moov.body, moov.stop)
        if part.kind == b"uuid" and data[part.body : part.body + 16] == _CANON_BOX
        for inner in boxes.parse(data, limits, part.body + 16, part.stop)
    ]
    blocks = {part.kind: data[part.body : part.stop] for part in canon}
    own = {data[p.body : p.body + 16]: data[p.body + 16 : p.stop] for p in top if p.kind == b"uuid"}
    first = blocks.get(b"CMT1", b"")
    return Content(
        fields=tuple(_cr3_fields(blocks, limits)),
        slots={Slot.XMP: own[_XMP_BOX]} if _XMP_BOX in own else {},
        unread=("a C2PA manifest in a CR3 file, which c2pa does not read",) * (_C2PA_BOX in own),
        size=_cr3_size(first),
        mime="image/x-canon-cr3",
    )


def _cr3_fields(blocks: Mapping[bytes, bytes], limits: Limits) -> Iterator[Field]:
    for kind, where in ((b"CMT1", "exif:IFD0"), (b"CMT2", "exif:Exif")):
        for field in exif.fields(blocks.get(kind, b""), limits):
            yield replace(field, where=where)


def _cr3_size(block: bytes) -> tuple[int, int] | None:
    order = "<" if block[:1] == b"I" else ">"
    sides = {}
    for tag, kind, _, place in exif.entries(block, 4):
        if tag in (tiff.WIDTH, tiff.HEIGHT) and kind in (3, 4):
            (sides[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, place)
    if len(sides) < 2:
        return None
    width, height = sides[tiff.WIDTH], sides[tiff.HEIGHT]
    return (height, width) if swaps(exif.orientation(block)) else (width, height)


MEDIUM = _Raw()
