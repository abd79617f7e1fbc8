"""PNG and APNG as a container: chunks, text, EXIF, XMP and C2PA. Pixels: `labeler.media.png_pixels`.

PNG, third edition (W3C 2025): 5 (chunks), 11.2 (critical), 11.3.3 (text), 11.3.5.2 (eXIf), 11.3.6 (APNG);
XMP part 3, 1.1.5 (iTXt); C2PA 2.2, A.3.2 (caBX).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import exif, samsung
from labeler.media.base import Content, Field, Limits, MediumInfo, Slot, Stream, Surface, text_packet, whole
from labeler.media.pixels import check_pixels, swaps

MAGIC = b"\x89PNG\r\n\x1a\n"
XMP_KEY, _AIGC_KEY = b"XML:com.adobe.xmp\0", b"AIGC\0"
_HEAD = struct.Struct(">I4s")
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PIXELS = {b"IDAT", b"fdAT"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_ESSENCE = _CRITICAL | _PIXELS | {b"tRNS", b"acTL", b"fcTL"}
_ESSENCE |= {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"bKGD"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_MAX_LENGTH = (1 << 31) - 1


class Chunk(NamedTuple):
    """Where a chunk stands: from its length to behind its CRC."""

    kind: bytes
    start: int
    stop: int

    def body(self, data: bytes) -> bytes:
        """Its data."""
        return data[self.start + 8 : self.stop - 4]


class Header(NamedTuple):
    """What IHDR says."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool


def chunk(kind: bytes, body: bytes) -> bytes:
    """A whole chunk.

    Raises:
        UsageError: longer than a chunk can be.
    """
    if len(body) > _MAX_LENGTH:
        raise UsageError(f"{len(body)} bytes do not fit into a PNG chunk.", "Shorten what is to be written.")
    return b"".join(
        (_HEAD.pack(len(body), kind), body, zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"))
    )


def damaged(what: str) -> UnreadableError:
    """The error of a malformed PNG."""
    return UnreadableError(f"The PNG is damaged: {what}.", "Fetch it anew, or open and export it again.")


def walk(data: bytes, limits: Limits, *, deep: bool = False) -> tuple[Header, list[Chunk]]:
    """The chunks up to IEND, in a legal order, with right CRCs (of pixel data only if ``deep``).

    Raises:
        UnreadableError: truncated or malformed. LimitError: too many chunks.
    """
    if not data.startswith(MAGIC):
        raise UnreadableError("This is not a PNG file.", "Check how the file was made.")
    view, at, chunks, kind = memoryview(data), len(MAGIC), list[Chunk](), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise damaged("it ends before its IEND chunk")
        length, kind = _HEAD.unpack_from(data, at)
        stop = at + 12 + length
        if not kind.isalpha() or length > _MAX_LENGTH or stop > len(data):
            raise damaged(f"the chunk at byte {at} is malformed or cut off")
        if len(chunks) >= limits.max_parts:
            raise LimitError(
                f"The PNG has more than {limits.max_parts} chunks.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        if (deep or kind not in _PIXELS) and zlib.crc32(view[at + 4 : stop - 4]) != int.from_bytes(
            view[stop - 4 : stop], "big"
        ):
            raise damaged(f"the checksum of its {kind.decode()} chunk is wrong")
        chunks.append(Chunk(kind, at, stop))
        at = stop
    return _header(data, chunks), chunks


def _header(data: bytes, chunks: list[Chunk]) -> Header:
    """IHDR, once the critical chunks are known to be in a legal order."""
    kinds = [c.kind for c in chunks]
    head = chunks[0].body(data)
    if kinds[0] != b"IHDR" or len(head) != 13 or kinds.count(b"IHDR") > 1:
        raise damaged("it does not begin with one IHDR chunk")
    width, height, depth, colour, packing, filtering, interlace = struct.unpack(">IIBBBBB", head)
    if not (0 < width <= _MAX_LENGTH and 0 < height <= _MAX_LENGTH) or depth not in _DEPTHS.get(colour, ()):
        raise damaged("its IHDR chunk names a size or colour type that cannot be")
    if packing or filtering or interlace > 1:
        raise damaged("its IHDR chunk names a compression, filter or interlace method that is not known")
    first, count = (kinds.index(b"IDAT"), kinds.count(b"IDAT")) if b"IDAT" in kinds else (0, 0)
    if not count or set(kinds[first : first + count]) != {b"IDAT"}:
        raise damaged("its IDAT chunks do not stand together")
    palettes = [c for c in chunks if c.kind == b"PLTE"]
    if len(palettes) > 1 or (colour == 3 and (not palettes or palettes[0].start > chunks[first].start)):
        raise damaged("it has not the one palette it needs")
    if any((c.stop - c.start - 12) % 3 or not 0 < c.stop - c.start - 12 <= 768 for c in palettes):
        raise damaged("its palette has an odd length")
    if any(not kind[0] & 0x20 and kind not in _CRITICAL for kind in kinds):
        raise damaged("it has a critical chunk that is not known")
    return Header(width, height, depth, colour, interlace == 1)


def exif_block(data: bytes, chunks: list[Chunk]) -> bytes | None:
    """The first eXIf chunk, from the TIFF header on."""
    block = next((c.body(data) for c in chunks if c.kind == b"eXIf"), None)
    return block.removeprefix(b"Exif\0\0") if block is not None else None


def _slot(data: bytes, part: Chunk) -> Slot | None:
    """The slot this chunk fills."""
    if part.kind == b"iTXt" and data.startswith(XMP_KEY, part.start + 8):
        return Slot.XMP
    if part.kind in _TEXTS and data.startswith(_AIGC_KEY, part.start + 8):
        return Slot.AIGC
    return {b"eXIf": Slot.EXIF, b"caBX": Slot.C2PA}.get(part.kind)


def _texts(data: bytes, chunks: list[Chunk], limits: Limits) -> Iterator[tuple[Chunk, str, bytes]]:
    """Each text chunk with its key and its text, decompressed."""
    room = limits.max_inflated
    for part in chunks:
        if part.kind not in _TEXTS:
            continue
        key, _, text = part.body(data).partition(b"\0")
        packed = part.kind == b"zTXt"
        if packed:
            text = text[1:]  # the method
        elif part.kind == b"iTXt":
            packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]  # language and translated key go
        if packed:
            text = _inflated(text, room)
            room -= len(text)
        yield part, key.decode("latin-1"), text


def _inflated(text: bytes, room: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(text, room + 1)
    except zlib.error as e:
        raise damaged(f"its compressed text cannot be read ({e})") from e
    if len(out) > room:
        raise LimitError(
            "The PNG's texts are too long when decompressed.",
            "If you trust it, allow more: `labeler.Limits` in Python.",
        )
    if not stream.eof:
        raise damaged("its compressed text is cut off")
    return out


def _packed(slot: Slot, payload: bytes) -> bytes:
    """The chunk that carries this payload."""
    match slot:
        case Slot.XMP:
            return chunk(b"iTXt", XMP_KEY + b"\0\0\0\0" + text_packet(payload, "a PNG"))
        case Slot.EXIF:
            return chunk(b"eXIf", exif.check(payload))
        case Slot.AIGC:
            if b"\0" in payload:
                raise UsageError("A PNG text cannot hold a zero byte.", "Remove it.")
            return chunk(b"tEXt", _AIGC_KEY + payload)
        case Slot.C2PA:
            return chunk(b"caBX", payload)
        case _:
            raise UsageError(f"A PNG has no place for {slot}.", "Use XMP, EXIF or C2PA.")


class _Png:
    info = MediumInfo(
        name="PNG",
        mime="image/png",
        suffixes=(".png", ".apng"),
        slots=frozenset({Slot.XMP, Slot.EXIF, Slot.C2PA, Slot.AIGC}),
        surface="raster",
        c2pa="native",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head.startswith(MAGIC) else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        head, chunks = walk(data, limits, deep=essence)
        slots, fields = dict[Slot, bytes](), list[Field]()
        pixels = next(part.start for part in chunks if part.kind == b"IDAT")
        for part, key, text in _texts(data, chunks, limits):
            slot = _slot(data, part)
            if slot:
                slots.setdefault(slot, text)
            if slot is not Slot.XMP:
                # rewritten: who makes a picture writes texts first
                late = "late-" if part.start > pixels else ""
                fields.append(Field(f"png:{late}{part.kind.decode()}", key, text))
        block = exif_block(data, chunks)
        if block is not None:
            slots[Slot.EXIF] = block
            fields += exif.fields(block, limits)
        for part in chunks:
            if part.kind == b"caBX":
                slots.setdefault(Slot.C2PA, part.body(data))
        animation = next((c.body(data) for c in chunks if c.kind == b"acTL"), b"")
        check_pixels((head.width, head.height), max(1, int.from_bytes(animation[:4], "big")), limits)
        turned = swaps(exif.orientation(block))
        fields += samsung.fields(memoryview(data)[chunks[-1].stop :], limits)
        return Content(
            fields=tuple(fields),
            slots=slots,
            size=(head.height, head.width) if turned else (head.width, head.height),
            essence=_essence(data, chunks) if essence else (),
            trailing=len(data) - chunks[-1].stop,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        limits = Limits()
        data = whole(src, limits)
        _, chunks = walk(data, limits)
        new = {slot: _packed(slot, puts[slot]) for slot in Slot if slot in puts}
        kept, view = {_slot(data, c) for c in chunks}, memoryview(data)
        dst.write(view[: chunks[0].stop])
        for slot in [slot for slot in new if slot not in kept]:
            dst.write(new[slot])
        for part in chunks[1:]:
            slot_here = _slot(data, part)
            if slot_here in new:
                dst.write(new.pop(slot_here))
            else:
                dst.write(view[part.start : part.stop])
        dst.write(view[chunks[-1].stop :])

    def surface(self, src: BinaryIO, limits: Limits) -> Surface:
        from labeler.media.png_pixels import PngSurface  # it is built on this module

        return PngSurface(whole(src, limits), limits)


def _essence(data: bytes, chunks: list[Chunk]) -> tuple[Stream, ...]:
    """One for each kind of chunk that tells what the picture looks like."""
    view, pieces = memoryview(data), dict[bytes, list[memoryview]]()
    for kind, start, stop in chunks:
        if kind in _ESSENCE:
            pieces.setdefault(kind, []).append(view[start + 8 : stop - 4])
    return tuple(Stream(kind.decode(), tuple(each)) for kind, each in pieces.items())


MEDIUM = _Png()
