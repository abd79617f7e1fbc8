"""Pixels of GIF: a plate goes into every frame that it meets, every other pixel keeps its colour and its time.

GIF89a, sections 20 to 23 and appendix F (compression, which Pillow does). As browsers do: what no frame has drawn, or
what was disposed of, is transparent.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, ImageChops

from labeler.errors import LimitError, NoticeError, UsageError
from labeler.media.base import Box, Painted
from labeler.media.gif import CONTROL, IMAGE, MAX_SIDE, Gif, colours, damaged
from labeler.media.pixels import NEAR, flat, nearest

_GREYS = (0, 255, 136, 68, 204, 34, 102, 170, 238, 17, 51, 85, 119, 153, 187, 221)  # from coarse to fine
_RAMP = bytes(v for v in range(256) for _ in "RGB")
_CLEARED, _PREVIOUS = 2, 3  # disposal
_CLEAR = 255  # the transparent colour of frames that are drawn anew
_INTERLACED = 0x40
_Edits = dict[int, bytes]  # what stands in the place of a block


class _Frame(NamedTuple):
    """An image and the graphic control before it, by their places among the blocks."""

    image: int
    control: int | None
    box: Box
    table: bytes
    clear: int | None = None  # the transparent colour
    disposal: int = 0


def _frames(gif: Gif) -> Iterator[_Frame]:
    common, control = gif.data[13 : 13 + colours(gif.data[10])], None
    for i, block in enumerate(gif.blocks):
        if block.label == CONTROL:
            control = i
        elif block.label == IMAGE:
            table = gif.data[block.start + 10 : block.body - 1] or common
            frame = _Frame(i, control, gif.area(block), table)
            if control is not None:
                flags, _, clear = struct.unpack_from("<BHB", gif.data, gif.blocks[control].start + 3)
                frame = frame._replace(clear=clear if flags & 1 else None, disposal=flags >> 2 & 7)
            yield frame
            control = None


def _hull(box: Box, other: Box) -> Box:
    """The smallest box around both."""
    x, y = min(box.x, other.x), min(box.y, other.y)
    return Box(x, y, max(box.x + box.w, other.x + other.w) - x, max(box.y + box.h, other.y + other.h) - y)


def _area(box: Box) -> int:
    return box.w * box.h


@contextmanager
def _codec() -> Iterator[None]:
    try:
        yield
    except ValueError as e:
        raise damaged(f"its pixels cannot be decompressed ({e})") from e
    except MemoryError as e:
        raise LimitError("The picture is too large for the memory.", "Make it smaller first.") from e


class _Ink(NamedTuple):
    """How a plate is painted: the colour table to use, and for each grey its entry."""

    table: bytes
    entries: list[int]
    merged: dict[int, int]  # colours that made room, and those that stand for them now


def _ink(frame: _Frame, used: Mapping[int, int]) -> _Ink:
    """``used``: how often each colour appears outside the plate. Those stay, unless there are no others at all."""
    table = bytearray(_RAMP if _RAMP.startswith(frame.table) else frame.table)
    opaque = bytes(255 * (i != frame.clear) for i in range(256))
    entries = [(i, table[3 * i : 3 * i + 3]) for i in range(len(table) // 3) if opaque[i]]
    near = [(i, e) for i, e in entries if max(e) - min(e) <= NEAR]
    shades = dict[int, int]()
    for grey in _GREYS:
        off, i = min(((max(abs(v - grey) for v in e), i) for i, e in near), default=(NEAR + 1, 0))
        if off <= NEAR:
            shades[grey] = i
    free = (i for i in range(256) if opaque[i] and i not in used and i not in shades.values())
    for grey, i in zip([g for g in _GREYS if g not in shades], [*free], strict=False):
        _set(table, i, grey)
        shades[grey] = i
    if shades.keys() >= {0, 255}:
        return _Ink(bytes(table), [shades[_step(v, shades)] for v in range(256)], {})
    try:
        return _Ink(bytes(table), nearest(bytes(table), opaque, 8), {})
    except NoticeError:
        black, white, *rest = sorted(used.keys() - {frame.clear}, key=lambda i: used[i])
        merged = {i: min(rest, key=lambda r: _apart(table, i, r)) for i in (black, white)}
        _set(table, black, 0)
        _set(table, white, 255)
        return _Ink(bytes(table), [black] * 128 + [white] * 128, merged)


def _step(value: int, greys: Iterable[int]) -> int:
    return min(greys, key=lambda g: abs(g - value))


def _set(table: bytearray, i: int, grey: int) -> None:
    table.extend(bytes(max(0, 3 * i + 3 - len(table))))
    table[3 * i : 3 * i + 3] = bytes((grey,) * 3)


def _apart(table: bytearray, i: int, other: int) -> int:
    return sum((table[3 * i + k] - table[3 * other + k]) ** 2 for k in range(3))


def _coded(pixels: Image.Image, box: Box, flags: int, table: bytes) -> bytes:
    """An image block; ``table`` stands in it, or is empty."""
    if table:
        bits = max(1, (len(table) // 3 - 1).bit_length())
        table = table.ljust(3 << bits, b"\0")
        flags = 0x80 | flags & _INTERLACED | bits - 1
    top = max(i for i, n in enumerate(pixels.histogram()) if n)
    bits = max(2, top.bit_length())
    data = pixels.tobytes("gif", "L", bits, flags & _INTERLACED)
    return b"".join(
        (b",", struct.pack("<4HB", box.x, box.y, box.w, box.h, flags), table, bytes((bits,)), data, b"\0")
    )


class GifSurface:
    """The `RasterSurface` of GIF. Frames that the plate does not meet keep their coded bytes."""

    def __init__(self, gif: Gif) -> None:
        self._gif, self._frames = gif, tuple(_frames(gif))

    @property
    def size(self) -> tuple[int, int]:
        return self._gif.size

    def fit(self, box: Box, *, band: bool = False) -> Box:
        return box

    def regions(self, box: Box) -> list[Image.Image]:
        with _codec():
            return [flat(canvas) for canvas in self._shown(box)]

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        """Also raises UsageError: the picture would be larger than GIF allows."""
        width, height = self.size
        shown = Box(0, 0, width, box.y + box.h if band else height)
        if shown.h > MAX_SIDE:
            raise UsageError(
                f"A GIF of {width} x {shown.h} px cannot be written.",
                "Put the notice onto the picture instead of under it, or use another format.",
            )
        with _codec():
            if boxes := self._holding(box, shown):
                return self._patched(plate.convert("L"), box, boxes, shown)
            return self._redrawn(plate.convert("L"), box, shown)

    def _pixels(self, frame: _Frame) -> Image.Image:
        """The colours of a frame, by their numbers."""
        block, view = self._gif.blocks[frame.image], memoryview(self._gif.data)
        bits, interlaced = view[block.body - 1], view[block.start + 9] & _INTERLACED
        coded = view[block.body : block.stop]
        return Image.frombytes("L", (frame.box.w, frame.box.h), coded, "gif", bits, interlaced, -1)

    def _shown(self, spot: Box) -> Iterator[Image.Image]:
        """That box of the screen in each frame, RGBA; to be copied before the next is asked for."""
        canvas = Image.new("RGBA", (spot.w, spot.h))
        for frame in self._frames:
            before = canvas.copy() if frame.disposal == _PREVIOUS else canvas
            place = frame.box.within(spot)
            if common := place.common(Box(0, 0, spot.w, spot.h)):
                part = self._pixels(frame).crop(common.within(place).corners)
                part = Image.frombytes("P", part.size, part.tobytes())
                table = frame.table or _RAMP
                part.putpalette(
                    b"".join(
                        table[3 * i : 3 * i + 3].ljust(3, b"\0") + bytes((255 * (i != frame.clear),))
                        for i in range(256)
                    ),
                    "RGBA",
                )
                part = part.convert("RGBA")
                canvas.paste(part, (common.x, common.y), part)
            yield canvas
            canvas = before
            if frame.disposal == _CLEARED:
                canvas.paste(0, place.corners)

    def _holding(self, spot: Box, shown: Box) -> list[Box] | None:
        """Where the frames must lie for a plate in all of them to be whole; None where that would change more."""
        boxes, blank, canvas = list[Box](), True, Image.new("L", (spot.w, spot.h))
        for frame in self._frames:
            before = canvas.copy() if frame.disposal == _PREVIOUS else canvas
            box = frame.box
            canvas.paste(255, box.within(spot).corners)
            if canvas.getextrema() != (255, 255):
                if box.common(shown) != box:
                    return None
                box = _hull(box, spot)
                covered = frame.box.common(spot) or Box(0, 0, 0, 0)
                between = _area(box) - _area(frame.box) - _area(spot) + _area(covered)
                if between and (frame.clear is None or (frame.disposal == _CLEARED and not blank)):
                    return None
                canvas.paste(255, (0, 0, spot.w, spot.h))
            boxes.append(box)
            canvas = before
            if frame.disposal == _CLEARED:
                canvas.paste(0, box.within(spot).corners)
            blank = blank and frame.disposal in (_CLEARED, _PREVIOUS)
        return boxes

    def _patched(self, plate: Image.Image, spot: Box, boxes: list[Box], shown: Box) -> Painted:
        """The plate in each frame that it meets."""
        edits, poor = _Edits(), 0
        for frame, box in zip(self._frames, boxes, strict=True):
            common = box.common(spot)
            if common is None:
                continue
            pixels, inner = self._pixels(frame), common.within(box)
            used = Counter(dict(enumerate(pixels.histogram())))
            if hidden := spot.common(frame.box):
                under = pixels.crop(hidden.within(frame.box).corners)
                used.subtract(dict(enumerate(under.histogram())))
            ink = _ink(frame, +used)
            if ink.merged:
                pixels, poor = pixels.point([ink.merged.get(i, i) for i in range(256)]), poor + 1
            sheet = Image.new("L", (box.w, box.h), frame.clear or 0)
            sheet.paste(pixels, (frame.box.x - box.x, frame.box.y - box.y))
            part = plate.crop(common.within(spot).corners)
            sheet.paste(part.point(ink.entries), (inner.x, inner.y))
            block = self._gif.blocks[frame.image]
            flags = self._gif.data[block.start + 9]
            local = ink.table if ink.table != frame.table or flags & 0x80 else b""
            edits[frame.image] = _coded(sheet, box, flags, local)
        what = (
            f"{poor} of {len(boxes)} frames had no colour to spare: their two rarest became their neighbours'"
        )
        return Painted(self._assembled(edits, shown), (what,) if poor else (), exact=not poor)

    def _redrawn(self, plate: Image.Image, spot: Box, shown: Box) -> Painted:
        """Every frame as it is shown, whole, with the plate, and with a colour table of its own."""
        screen = Box(0, 0, *self.size)
        edits, poor = _Edits(), 0
        plate = plate.point([_step(v, _GREYS) for v in range(256)])  # that leaves more for the picture
        for frame, canvas in zip(self._frames, self._shown(screen), strict=True):
            sheet = Image.new("RGBA", (shown.w, shown.h))
            sheet.paste(canvas)
            sheet.paste(plate.convert("RGBA"), (spot.x, spot.y))
            opaque = sheet.getchannel("A")
            wanted = Image.new("RGB", sheet.size)
            wanted.paste(sheet, mask=opaque)
            painted = wanted.quantize(_CLEAR, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            poor += ImageChops.difference(painted.convert("RGB"), wanted).getbbox() is not None
            pixels = Image.new("L", sheet.size, _CLEAR)
            pixels.paste(Image.frombytes("L", sheet.size, painted.tobytes()), mask=opaque)
            table = bytearray(painted.getpalette() or ()).ljust(3 << 8, b"\0")
            if frame.clear is not None:  # some viewers show it
                table[3 * _CLEAR :] = frame.table[3 * frame.clear :][:3].ljust(3, b"\0")
            edits[frame.image] = _coded(pixels, shown, 0, bytes(table))
            if frame.control is None:
                edits[frame.image] = b"!\xf9\4\x09\0\0\xff\0" + edits[frame.image]
            else:
                at = self._gif.blocks[frame.control].start + 3
                flags = self._gif.data[at] & ~0x1C | _CLEARED << 2 | 1
                delay = self._gif.data[at + 1 : at + 3]
                edits[frame.control] = b"!\xf9\4" + bytes((flags,)) + delay + bytes((_CLEAR, 0))
        what = f"{poor} of them with fewer colours" if poor else "no pixel outside the notice changes"
        note = f"the animation's frames were rewritten as full frames; {what}"
        first = self._frames[0]
        covered = first.clear is not None or first.box.common(screen) == screen
        disputed = "" if covered else "around its first frame some viewers show a background, others nothing"
        return Painted(self._assembled(edits, shown), (note,), exact=not poor, disputed=disputed)

    def _assembled(self, edits: _Edits, shown: Box) -> bytes:
        """The file with those blocks replaced."""
        data, blocks = self._gif.data, self._gif.blocks
        screen = self._gif.screen if (shown.w, shown.h) == self.size else (shown.w, shown.h)
        parts = [edits.get(i, data[block.start : block.stop]) for i, block in enumerate(blocks)]
        version = b"GIF89a" if any(edit[:1] == b"!" for edit in edits.values()) else data[:6]
        head = version + struct.pack("<HH", *screen) + data[10 : blocks[0].start]
        return b"".join((head, *parts, data[self._gif.end :]))
