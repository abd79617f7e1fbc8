"""GIF, still or animated: blocks up to the trailer, comments, both forms of XMP, C2PA. Pixels: `labeler.media.gif_pixels`.

GIF89a (CompuServe, 1990), sections 17 to 27; XMP specification part 3, 1.1.2 (an application extension that ends in a
magic trailer); Netscape's looping extension; C2PA technical specification, appendix A (application extension C2PA_GIF).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media.base import (
    Box,
    Content,
    Field,
    Limits,
    MediumInfo,
    Slot,
    Stream,
    Surface,
    text_packet,
    whole,
)
from labeler.media.pixels import check_pixels

IMAGE, CONTROL = 0x2C, 0xF9
MAX_SIDE = 0xFFFF
_EXTENSION, _TRAILER, _TEXT, _COMMENT, _APPLICATION = 0x21, 0x3B, 0x01, 0xFE, 0xFF
_XMP, _C2PA = b"XMP DataXMP", b"C2PA_GIF\1\0\0"
_SHOWN = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")  # loops and colour profile
# whatever byte of the packet is taken for a length leads to its end
_MAGIC = b"\1" + bytes(range(255, -1, -1)) + b"\0"
_FULL = re.compile(rb"(?:\xff.{255})++", re.S)  # sub-blocks of full length


class Block(NamedTuple):
    """An image (with its descriptor) or an extension; its sub-blocks stand from ``body`` on, behind those with a form."""

    label: int
    start: int
    body: int
    stop: int
    name: bytes = b""  # of an application


class Gif(NamedTuple):
    """A file taken apart. ``blocks`` lie without gaps from the colour table to the trailer, which stands at ``end``."""

    data: bytes
    screen: tuple[int, int]
    size: tuple[int, int]  # the screen, or what the first image needs if that is more, as browsers do
    blocks: tuple[Block, ...]
    end: int

    def area(self, image: Block) -> Box:
        """Where an image lies on the screen."""
        return Box(*struct.unpack_from("<4H", self.data, image.start + 1))

    def contents(self, block: Block) -> bytes:
        """The sub-blocks without their lengths."""
        at, parts = block.body, []
        while size := self.data[at]:
            parts.append(self.data[at + 1 : at + 1 + size])
            at += 1 + size
        return b"".join(parts)


def damaged(what: str) -> UnreadableError:
    """The error of a malformed GIF."""
    return UnreadableError(f"The GIF is damaged: {what}.", "Fetch it anew, or open and export it again.")


def colours(flags: int) -> int:
    """How many bytes the colour table takes that these packed flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def parse(data: bytes, limits: Limits) -> Gif:
    """All blocks up to the trailer; nothing is decompressed.

    Raises:
        UnreadableError: truncated or malformed. LimitError: too many blocks, frames or pixels.
    """
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise UnreadableError("This is not a GIF file.", "Check how the file was made.")
    try:
        blocks = list[Block]()
        at = 13 + colours(data[10])
        while data[at] != _TRAILER:
            if len(blocks) >= limits.max_parts:
                raise LimitError(
                    f"The GIF has more than {limits.max_parts} blocks.",
                    "If you trust it, allow more: `labeler.Limits` in Python.",
                )
            blocks.append(_block(data, at))
            at = blocks[-1].stop
    except IndexError as e:
        raise damaged("it ends before its trailer") from e
    width, height = screen = struct.unpack_from("<HH", data, 6)
    gif = Gif(data, screen, screen, tuple(blocks), at)
    areas = [gif.area(block) for block in blocks if block.label == IMAGE]
    if not areas:
        raise damaged("it has no picture")
    size = max(width, areas[0].x + areas[0].w), max(height, areas[0].y + areas[0].h)
    if not all(size):
        raise damaged("its picture has no size")
    # what lies outside is not shown, but decoded
    extent = max(size[0], *(area.w for area in areas)), max(size[1], *(area.h for area in areas))
    check_pixels(extent, len(areas), limits)
    return gif._replace(size=size)


def _block(data: bytes, at: int) -> Block:
    """The block that begins there.

    Raises:
        UnreadableError: nothing that is known begins there. IndexError: it is cut off.
    """
    name = b""
    if data[at] == IMAGE:
        label, body = IMAGE, at + 11 + colours(data[at + 9])
    elif data[at] == _EXTENSION:
        label, body = data[at + 1], at + 2
        if label in (_TEXT, CONTROL, _APPLICATION):
            name = data[body + 1 : body + 1 + data[body]]
            body += 1 + data[body]
        if label == CONTROL and len(name) != 4:
            raise damaged(f"the graphic control at byte {at} has the wrong length")
    else:
        raise damaged(f"byte {at} begins no block")
    stop = body
    while size := data[stop]:
        run = _FULL.match(data, stop)
        stop = run.end() if run else stop + 1 + size
    return Block(label, at, body, stop + 1, name if label == _APPLICATION else b"")


def _slot(block: Block) -> Slot | None:
    """The slot this block fills."""
    return {_XMP: Slot.XMP, _C2PA: Slot.C2PA}.get(block.name)


def _slots(gif: Gif) -> dict[Slot, bytes]:
    found = dict[Slot, bytes]()
    for block in gif.blocks:
        slot = _slot(block)
        if slot and slot not in found:
            magic = slot is Slot.XMP and gif.data.endswith(_MAGIC, block.body, block.stop)
            found[slot] = gif.data[block.body : block.stop - len(_MAGIC)] if magic else gif.contents(block)
    return found


def _fields(gif: Gif) -> Iterator[Field]:
    for block in gif.blocks:
        if block.label == _COMMENT:
            yield Field("gif:comment", "Comment", gif.contents(block))
        elif block.label == _TEXT:
            yield Field("gif:text", "PlainText", gif.contents(block))
        elif block.label == _APPLICATION and not _slot(block) and block.name not in _SHOWN:
            yield Field("gif:application", block.name.decode("latin-1"), gif.contents(block))


def _essence(gif: Gif) -> Stream:
    """Whatever decides what is shown, without the version: metadata raise it."""
    view, first = memoryview(gif.data), 13 + colours(gif.data[10])
    labels = (IMAGE, CONTROL, _TEXT)
    shown = (b for b in gif.blocks if b.label in labels or b.name in _SHOWN)
    return Stream("image", (view[6:first], *(view[b.start : b.stop] for b in shown)))


def sub_blocks(payload: bytes) -> Iterator[bytes]:
    """A payload as sub-blocks, with the one that ends them."""
    for at in range(0, len(payload), 255):
        part = payload[at : at + 255]
        yield bytes((len(part),)) + part
    yield b"\0"


def _packed(slot: Slot, payload: bytes) -> bytes:
    """The extension that carries this payload."""
    match slot:
        case Slot.XMP:
            return b"!\xff\x0b" + _XMP + text_packet(payload, "a GIF") + _MAGIC
        case Slot.C2PA:
            return b"!\xff\x0b" + _C2PA + b"".join(sub_blocks(payload))
        case _:
            raise UsageError(f"A GIF has no place for {slot}.", "Use XMP or C2PA.")


class _Gif:
    """GIF87a and GIF89a."""

    info = MediumInfo(
        name="GIF",
        mime="image/gif",
        suffixes=(".gif",),
        slots=frozenset({Slot.XMP, Slot.C2PA}),
        surface="raster",
        c2pa="native",
        loss="a frame of 256 much alike colours gives up two; rare animations are redrawn with 255 colours a frame",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head[:6] in (b"GIF87a", b"GIF89a") else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        gif = parse(whole(src, limits), limits)
        return Content(
            fields=tuple(_fields(gif)),
            slots=_slots(gif),
            size=gif.size,
            essence=(_essence(gif),) if essence else (),
            trailing=len(gif.data) - gif.end - 1,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """A manifest goes first, as c2pa puts it; XMP last, where it parts nothing that belongs together."""
        limits = Limits()
        data = whole(src, limits)
        gif = parse(data, limits)
        new = {slot: _packed(slot, payload) for slot, payload in puts.items()}
        missing = new.keys() - {_slot(block) for block in gif.blocks}
        first, view = 13 + colours(data[10]), memoryview(data)
        dst.write(b"GIF89a" if new else data[:6])
        dst.write(view[6:first])
        if Slot.C2PA in missing:
            dst.write(new[Slot.C2PA])
        for block in gif.blocks:
            slot = _slot(block)
            if slot and slot in puts:
                dst.write(new.pop(slot, b""))  # a second one would contradict the first
            else:
                dst.write(view[block.start : block.stop])
        if Slot.XMP in missing:
            dst.write(new[Slot.XMP])
        dst.write(view[gif.end :])

    def surface(self, src: BinaryIO, limits: Limits) -> Surface:
        from labeler.media.gif_pixels import GifSurface  # it is built on this module

        return GifSurface(parse(whole(src, limits), limits))


MEDIUM = _Gif()
