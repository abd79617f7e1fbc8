"""Pixels of PNG and APNG: a plate goes in, every other sample stays as it is, to the last bit.

PNG, third edition (W3C 2025): 7.2 (scanlines), 8 (interlacing), 9 (filters), 11.3.1.1 (tRNS), 11.3.6 (APNG). A filter
works byte by byte over the distance of one pixel, so Pillow's decoder undoes it for any depth when it is told that
the bytes of a pixel are 8-bit samples. Only the rows that the plate meets, and the one after, are filtered anew.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, ImageChops

from labeler.errors import LimitError, NoticeError, UsageError
from labeler.media import exif
from labeler.media.base import Box, Limits, Painted
from labeler.media.pixels import (
    NEAR,
    apart,
    check_pixels,
    entries,
    flat,
    nearest,
    swaps,
    to_stored,
    turned,
    upright,
)
from labeler.media.png import MAGIC, Chunk, Header, chunk, damaged, exif_block, walk

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MODES = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_GREYS = (136, 68, 204, 34, 102, 170, 238, 17, 51, 85, 119, 153, 187, 221)  # from coarse to fine
_CHUNK = 1 << 20
_PREVIOUS = 2  # dispose: back to what was before; 1: cleared
_Edits = dict[int, list[tuple[bytes, bytes]]]  # what stands in the place of a chunk: kinds and bodies


class _Grid(NamedTuple):
    """A pass: its pixel (i, j) is the picture's (x + i * dx, y + j * dy)."""

    x: int
    y: int
    dx: int
    dy: int
    w: int
    h: int

    def cells(self, box: Box) -> Box:
        """Which of its pixels lie in that box of the picture."""
        left, right = (min(self.w, max(0, -((self.x - e) // self.dx))) for e in (box.x, box.x + box.w))
        top, below = (min(self.h, max(0, -((self.y - e) // self.dy))) for e in (box.y, box.y + box.h))
        return Box(left, top, max(0, right - left), max(0, below - top))


class _Coding(NamedTuple):
    """How the samples of every picture in the file are coded.

    A raster is rows without filters, padding or interlacing: ``unit`` bytes a pixel, the file's own samples.
    """

    depth: int
    colour: int
    interlaced: bool
    palette: bytes = b""
    clear: bytes = b""  # what tRNS says

    @property
    def unit(self) -> int:
        """Bytes from a sample to the same one of the next pixel."""
        return max(1, self.depth * _CHANNELS[self.colour] // 8)

    def stride(self, width: int) -> int:
        """Bytes of a filtered row."""
        return 1 + (width * self.depth * _CHANNELS[self.colour] + 7) // 8

    def grids(self, size: tuple[int, int]) -> list[_Grid]:
        """The passes that have pixels."""
        ways = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        grids = (
            _Grid(*way, -((way[0] - size[0]) // way[2]), -((way[1] - size[1]) // way[3])) for way in ways
        )
        return [grid for grid in grids if grid.w > 0 and grid.h > 0]

    def parts(self, filtered: bytes, size: tuple[int, int]) -> Iterator[tuple[_Grid, bytes]]:
        """Each pass with its filtered rows."""
        at = 0
        for grid in self.grids(size):
            end = at + grid.h * self.stride(grid.w)
            yield grid, filtered[at:end]
            at = end

    def rows(self, filtered: bytes, width: int) -> bytes:
        """The raster of complete filtered rows, from a pass's first row on."""
        stride, unit = self.stride(width), self.unit
        count = len(filtered) // stride
        if unit <= 4:
            packed = _unfiltered(filtered, stride, unit)
            if self.depth >= 8:
                return packed
            return Image.frombytes("P", (width, count), packed, "raw", f"P;{self.depth}").tobytes()
        image, out = Image.frombytes("L", (stride, count), filtered), bytearray(count * (stride - 1))
        body = image.crop((1, 0, stride, count)).tobytes()
        for k in range(unit):
            lane = image.crop((0, 0, 1 + width, count))  # for the filter types
            lane.paste(Image.frombytes("L", (width, count), body[k::unit]), (1, 0))
            out[k::unit] = _unfiltered(lane.tobytes(), 1 + width, 1)
        return bytes(out)

    def filtered(self, raster: bytes, width: int, above: bytes | None = None) -> bytes:
        """Rows as they are coded, where the raster row ``above`` comes before them; None: they are the first."""
        count = len(raster) // (width * self.unit)
        if self.depth < 8:
            raster = Image.frombytes("P", (width, count), raster).tobytes("raw", f"P;{self.depth}")
        wide = self.stride(width) - 1
        image = Image.frombytes("L", (wide, count), raster)
        up = self.colour != 3 and self.depth >= 8  # elsewhere neighbours say little
        if up:
            before = (above or bytes(wide)) + raster[: len(raster) - wide]
            image = ImageChops.subtract_modulo(image, Image.frombytes("L", (wide, count), before))
        out = Image.new("L", (wide + 1, count), 2 if up else 0)
        out.paste(image, (1, 0))
        return out.tobytes()

    def raster(self, filtered: bytes, size: tuple[int, int], box: Box) -> bytes:
        """The raster of a box of the picture."""
        out, unit = bytearray(box.w * box.h * self.unit), self.unit
        for grid, part in self.parts(filtered, size):
            cells = grid.cells(box)
            if not cells.w or not cells.h:
                continue
            rows = self.rows(part[: (cells.y + cells.h) * self.stride(grid.w)], grid.w)
            x = grid.x + cells.x * grid.dx - box.x
            for j in range(cells.y, cells.y + cells.h):
                at = (j * grid.w + cells.x) * unit
                to = (grid.y + j * grid.dy - box.y) * box.w + x
                _scatter(out, to, grid.dx, rows[at : at + cells.w * unit], unit)
        return bytes(out)

    def coded(self, raster: bytes, size: tuple[int, int]) -> bytes:
        """A whole picture's filtered rows."""
        out = b""
        for grid in self.grids(size):
            rows = (
                _gathered(raster, y * size[0] + grid.x, grid.dx, grid.w, self.unit)
                for y in range(grid.y, size[1], grid.dy)
            )
            out += self.filtered(b"".join(rows), grid.w)
        return out

    def grown(self, filtered: bytes, old: tuple[int, int], size: tuple[int, int], x: int, y: int) -> bytes:
        """The same picture at (x, y) of a larger one that is blank elsewhere."""
        if (old[0], x, y) == (size[0], 0, 0):
            have = dict(zip(((g.x, g.y) for g in self.grids(old)), self.parts(filtered, old), strict=True))
            out = b""
            for grid in self.grids(size):
                rows = have[grid.x, grid.y][1] if (grid.x, grid.y) in have else b""
                out += rows.ljust(grid.h * self.stride(grid.w), b"\0")
            return out
        raster, unit = bytearray(size[0] * size[1] * self.unit), self.unit
        source, wide = self.raster(filtered, old, Box(0, 0, *old)), old[0] * self.unit
        for j in range(old[1]):
            at = ((y + j) * size[0] + x) * unit
            raster[at : at + wide] = source[j * wide : (j + 1) * wide]
        return self.coded(bytes(raster), size)

    def painted(self, filtered: bytes, size: tuple[int, int], ink: bytes, box: Box) -> bytes:
        """The picture with the raster ``ink`` of a box, which may reach beyond it."""
        out, unit = b"", self.unit
        for grid, part in self.parts(filtered, size):
            cells, stride, wide = grid.cells(box), self.stride(grid.w), grid.w * unit
            if cells.w and cells.h:
                end = min(cells.y + cells.h + 1, grid.h)  # the row after is filtered against the last one
                rows = bytearray(self.rows(part[: end * stride], grid.w))
                for j in range(cells.y, cells.y + cells.h):
                    x, y = grid.x + cells.x * grid.dx - box.x, grid.y + j * grid.dy - box.y
                    at = j * wide + cells.x * unit
                    rows[at : at + cells.w * unit] = _gathered(ink, y * box.w + x, grid.dx, cells.w, unit)
                start = cells.y * wide
                above = bytes(rows[start - wide : start]) if start else None
                new = self.filtered(bytes(rows[start:]), grid.w, above)
                part = part[: cells.y * stride] + new + part[end * stride :]
            out += part
        return out

    def rgba(self, raster: bytes, size: tuple[int, int]) -> Image.Image:
        """As it is shown; 16-bit samples keep their high byte."""
        if self.colour == 3:
            image = Image.frombytes("P", size, raster)
            clear = self.clear.ljust(256, b"\xff")
            image.putpalette(
                b"".join(
                    self.palette[3 * i : 3 * i + 3].ljust(3, b"\0") + clear[i : i + 1] for i in range(256)
                ),
                "RGBA",
            )
            return image.convert("RGBA")
        bands = _planes(raster, size, self.unit)[:: 2 if self.depth == 16 else 1]
        if self.depth < 8:
            top = (1 << self.depth) - 1
            bands = [band.point([v * 255 // top & 255 for v in range(256)]) for band in bands]
        alpha = bands.pop() if self.colour in (4, 6) else self.opaque(raster, size)
        return Image.merge("RGBA", (*(bands * 3)[:3], alpha))

    def key(self) -> bytes:
        """The pixel that tRNS makes clear, in a grey or RGB file; empty if none."""
        count = 2 * _CHANNELS[self.colour]
        if self.colour not in (0, 2) or len(self.clear) < count:
            return b""
        if self.depth == 16:
            return self.clear[:count]
        return bytes(v & ((1 << self.depth) - 1) for v in self.clear[1:count:2])

    def opaque(self, raster: bytes, size: tuple[int, int]) -> Image.Image:
        """255 where a pixel is not the clear one, 0 where it is."""
        key = self.key()
        if not key:
            return Image.new("L", size, 255)
        out = Image.new("L", size)
        for value, plane in zip(key, _planes(raster, size, self.unit), strict=True):
            out = ImageChops.lighter(out, plane.point([255 * (v != value) for v in range(256)]))
        return out

    def ink(self, plate: Image.Image) -> bytes:
        """The raster of an opaque picture; in a palette file greys only, by the nearest entries.

        Raises:
            NoticeError: the file has not the colours.
        """
        if self.colour == 3:
            return plate.convert("L").point(nearest(self.palette, self.clear, self.depth)).tobytes()
        image = plate.convert(_MODES[self.colour])
        if self.depth < 8:
            top = (1 << self.depth) - 1
            image = image.point([(v * top + 127) // 255 for v in range(256)])
        raster = image.tobytes()
        if self.depth == 16:
            raster = _doubled(raster)
        return self._visible(raster, plate.size) if self.key() else raster

    def _visible(self, raster: bytes, size: tuple[int, int]) -> bytes:
        """With the last sample of pixels that would be clear one step off."""
        if self.depth == 1:
            raise NoticeError("One of the picture's two colours is transparent.", "Convert it to RGB first.")
        out, hole, value = bytearray(raster), ImageChops.invert(self.opaque(raster, size)), self.key()[-1]
        for k in range(self.unit)[-1 if self.depth < 16 else -2 :]:
            plane = Image.frombytes("L", size, raster[k :: self.unit])
            plane.paste(value - 1 if value else 1, mask=hole)
            out[k :: self.unit] = plane.tobytes()
        return bytes(out)

    def with_greys(self) -> _Coding:
        """With black, white and greys in its palette, as far as there is room."""
        if self.colour != 3:
            return self
        known = entries(self.palette, self.depth)
        room = (1 << self.depth) - len(known)
        seen = [e for i, e in enumerate(known) if self.clear[i : i + 1] in (b"", b"\xff")]
        new = [v for v in (0, 255, *_GREYS) if not any(apart(e, v) <= NEAR for e in seen)]
        if not new or room < max(1, len({0, 255}.intersection(new))):
            return self
        palette = self.palette[: 3 * len(known)] + b"".join(bytes((v, v, v)) for v in new[:room])
        return self._replace(palette=palette, clear=self.clear[: len(known)])


def _unfiltered(rows: bytes, stride: int, unit: int) -> bytes:
    mode, size = ("L", "LA", "RGB", "RGBA")[unit - 1], ((stride - 1) // unit, len(rows) // stride)
    try:
        return Image.frombytes(mode, size, zlib.compress(rows, 0), "zip", mode).tobytes()
    except (OSError, ValueError, SyntaxError) as e:
        raise damaged(f"its rows cannot be decoded ({e})") from e


def _gathered(rows: bytes, at: int, step: int, count: int, unit: int) -> bytes:
    """Every step-th pixel from pixel ``at`` on."""
    if step == 1:
        return rows[at * unit : (at + count) * unit]
    out = bytearray(count * unit)
    for k in range(unit):
        out[k::unit] = rows[at * unit + k : (at + (count - 1) * step) * unit + k + 1 : step * unit]
    return bytes(out)


def _scatter(out: bytearray, at: int, step: int, pixels: bytes, unit: int) -> None:
    """The inverse of `_gathered`."""
    last = at + (len(pixels) // unit - 1) * step
    for k in range(unit):
        out[at * unit + k : last * unit + k + 1 : step * unit] = pixels[k::unit]


def _planes(raster: bytes, size: tuple[int, int], unit: int) -> list[Image.Image]:
    return [Image.frombytes("L", size, raster[k::unit]) for k in range(unit)]


def _doubled(samples: bytes) -> bytes:
    """8-bit samples in 16 bits: v * 257."""
    out = bytearray(2 * len(samples))
    out[::2] = out[1::2] = samples
    return bytes(out)


class _Picture(NamedTuple):
    """The still, or a frame: where it lies, the places of its data chunks and of its fcTL (None: not animated)."""

    box: Box
    parts: list[int]
    control: int | None = None
    dispose: int = 0
    over: bool = False


def _pictures(data: bytes, head: Header, chunks: list[Chunk]) -> list[_Picture]:
    """Every coded picture, in the order of the file; the first has the IDAT chunks.

    Raises:
        UnreadableError: the animation is malformed.
    """
    kinds = [c.kind for c in chunks]
    first, canvas = kinds.index(b"IDAT"), Box(0, 0, head.width, head.height)
    pictures = [_Picture(canvas, [i for i, kind in enumerate(kinds) if kind == b"IDAT"])]
    if b"acTL" not in kinds[:first]:
        return pictures
    sequence = 0
    for i, part in enumerate(chunks):
        if part.kind not in (b"fcTL", b"fdAT"):
            continue
        body = part.body(data)
        if body[:4] != sequence.to_bytes(4, "big"):
            raise damaged("its animation chunks are not in sequence")
        sequence += 1
        if part.kind == b"fcTL":
            frame = _frame(body, i)
            if i > first:
                pictures.append(frame)
            elif pictures[0].control is None and frame.box == canvas:
                pictures[0] = frame._replace(parts=pictures[0].parts)
            else:
                raise damaged("its first frame is not the whole picture")
            if frame.box.x + frame.box.w > head.width or frame.box.y + frame.box.h > head.height:
                raise damaged("a frame reaches beyond the picture")
        elif len(pictures) > 1:
            pictures[-1].parts.append(i)
        else:
            raise damaged("it has frame data without a frame")
    claimed = int.from_bytes(chunks[kinds.index(b"acTL")].body(data)[:4], "big")
    if sum(p.control is not None for p in pictures) != claimed or not all(p.parts for p in pictures):
        raise damaged("its frames are not all there")
    return pictures


def _frame(body: bytes, at: int) -> _Picture:
    """The frame that an fcTL chunk announces, without data yet."""
    if len(body) != 26:
        raise damaged("a frame's control chunk has the wrong length")
    w, h, x, y, _, dispose, blend = struct.unpack(">4x4IIBB", body)
    if not w or not h or dispose > _PREVIOUS or blend > 1:
        raise damaged("a frame's control chunk says what cannot be")
    return _Picture(Box(x, y, w, h), [], at, dispose, blend == 1)


_Draw = Callable[[Image.Image, _Picture, Box], None]  # a picture at that place of the canvas


def _deflated(filtered: bytes, before: int) -> list[bytes]:
    """The compressed stream in pieces; ``before`` is how long it was.

    Runs alone do as well on filtered photographs as the search for repeats does, ten times as fast.
    """
    runs = zlib.compressobj(6, memLevel=9, strategy=zlib.Z_RLE)
    out = runs.compress(filtered) + runs.flush()
    if len(out) > before * 1.05:
        repeats = zlib.compressobj(6, memLevel=9)
        out = min(out, repeats.compress(filtered) + repeats.flush(), key=len)
    return [out[i : i + _CHUNK] for i in range(0, len(out), _CHUNK)]


def _check(box: Box, size: tuple[int, int]) -> None:
    if box.w < 1 or box.h < 1 or box.common(Box(0, 0, *size)) != box:
        raise UsageError("The box is not inside the picture.", "Use the box that `fit` returned.")


@contextmanager
def _in_memory() -> Iterator[None]:
    try:
        yield
    except MemoryError as e:
        raise LimitError("The picture is too large for the memory.", "Make it smaller first.") from e


class PngSurface:
    """The pixels of a PNG or APNG. Stored coordinates inside; those of a viewer outside."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        head, self._chunks = walk(data, limits)
        self._data, self._canvas = data, Box(0, 0, head.width, head.height)
        self._orientation = exif.orientation(exif_block(data, self._chunks))
        bodies = {kind: part.body(data) for part in self._chunks if (kind := part.kind) in (b"PLTE", b"tRNS")}
        self._coding = _Coding(*head[2:], bodies.get(b"PLTE", b""), bodies.get(b"tRNS", b""))
        self._pictures = _pictures(data, head, self._chunks)
        check_pixels((head.width, head.height), len(self._pictures), limits)

    @property
    def size(self) -> tuple[int, int]:
        w, h = self._canvas.w, self._canvas.h
        return (h, w) if swaps(self._orientation) else (w, h)

    def fit(self, box: Box, *, band: bool = False) -> Box:
        return box

    def regions(self, box: Box) -> list[Image.Image]:
        _check(box, self.size)
        with _in_memory():
            shown = self._shown(to_stored(box, self.size, self._orientation))
            return [upright(flat(image), self._orientation) for image in shown]

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        width, height = self.size
        shown = (width, box.y + box.h if band else height)
        _check(box, shown)
        if plate.size != (box.w, box.h) or (band and (box.x, box.y, box.w) != (0, height, width)):
            raise UsageError("The plate does not fill its place.", "Use the box that `fit` returned.")
        spot, home = (to_stored(b, shown, self._orientation) for b in (box, Box(0, 0, width, height)))
        canvas = Box(0, 0, *(shown[::-1] if swaps(self._orientation) else shown))
        boxes = [
            canvas if p.box == self._canvas else Box(p.box.x + home.x, p.box.y + home.y, p.box.w, p.box.h)
            for p in self._pictures
        ]
        plate = turned(plate.convert("RGB"), self._orientation)
        with _in_memory():
            if self._lasting(spot, boxes):
                return Painted(self._assembled(self._patches(plate, spot, home, canvas, boxes)))
            exact = "; no pixel outside the notice changes"
            cost = " of 8 bits a sample" if self._coding.depth == 16 else exact
            data = self._assembled(self._redrawn(plate, spot, home, canvas))
            note = f"the animation's frames were rewritten as full frames{cost}"
            return Painted(data, (note,), exact=self._coding.depth < 16)

    def _inflated(self, picture: _Picture) -> bytes:
        """Its filtered rows."""
        skip = 12 if self._chunks[picture.parts[0]].kind == b"fdAT" else 8
        parts = (self._chunks[i] for i in picture.parts)
        blob = b"".join(self._data[part.start + skip : part.stop - 4] for part in parts)
        size = picture.box.w, picture.box.h
        length = sum(grid.h * self._coding.stride(grid.w) for grid in self._coding.grids(size))
        try:
            out = zlib.decompressobj().decompress(blob, length)
        except zlib.error as e:
            raise damaged(f"its pixels cannot be decompressed ({e})") from e
        if len(out) < length:
            raise damaged("its pixels are cut off")
        return out

    def _played(self, canvas: Image.Image, spot: Box, boxes: list[Box], draw: _Draw) -> Iterator[Image.Image]:
        """The canvas, which is the spot, with each picture drawn; then that is disposed of as the file says."""
        start = True
        for picture, box in zip(self._pictures, boxes, strict=True):
            before, place = canvas.copy(), box.within(spot)
            draw(canvas, picture, place)
            yield canvas
            if picture.control is None or (picture.dispose == _PREVIOUS and not start):
                canvas = before  # a default image that is not animated stands alone, too
            elif picture.dispose:
                canvas.paste(0, place.corners)
            start = start and picture.control is None

    def _shown(self, spot: Box) -> Iterator[Image.Image]:
        """That stored box as each picture shows it, RGBA; to be copied before the next is asked for."""

        def draw(canvas: Image.Image, picture: _Picture, place: Box) -> None:
            if common := place.common(Box(0, 0, spot.w, spot.h)):
                inner, size = common.within(place), (place.w, place.h)
                raster = self._coding.raster(self._inflated(picture), size, inner)
                part = self._coding.rgba(raster, (inner.w, inner.h))
                if picture.over:
                    canvas.alpha_composite(part, (common.x, common.y))
                else:
                    canvas.paste(part, (common.x, common.y))

        return self._played(Image.new("RGBA", (spot.w, spot.h)), spot, [p.box for p in self._pictures], draw)

    def _lasting(self, spot: Box, boxes: list[Box]) -> bool:
        """Whether a plate painted into those boxes is whole in every frame."""

        def draw(canvas: Image.Image, picture: _Picture, place: Box) -> None:
            canvas.paste(255, place.corners)

        played = self._played(Image.new("L", (spot.w, spot.h)), spot, boxes, draw)
        return all(canvas.getextrema() == (255, 255) for canvas in played)

    def _patches(self, plate: Image.Image, spot: Box, home: Box, canvas: Box, boxes: list[Box]) -> _Edits:
        """The plate in each picture that it meets, coded as the file is."""
        coding = self._coding.with_greys()
        ink, edits = coding.ink(plate), _Edits()
        for picture, box in zip(self._pictures, boxes, strict=True):
            old, size = (picture.box.w, picture.box.h), (box.w, box.h)
            if old != size or box.common(spot):
                filtered = self._inflated(picture)
                if old != size:
                    filtered = coding.grown(filtered, old, size, home.x, home.y)
                self._replace(edits, picture, coding.painted(filtered, size, ink, spot.within(box)))
            if box != picture.box and picture.control is not None:
                self._control(edits, picture.control, box)
        added = (len(coding.palette) - len(self._coding.palette)) // 3
        for i, part in enumerate(self._chunks):
            match part.kind:
                case b"IHDR":
                    edits[i] = [
                        (part.kind, struct.pack(">II", canvas.w, canvas.h) + part.body(self._data)[8:])
                    ]
                case b"PLTE" if added:
                    edits[i] = [(part.kind, coding.palette)]
                case b"tRNS" if added:
                    edits[i] = [(part.kind, coding.clear)]
                case b"hIST" if added:
                    edits[i] = [(part.kind, part.body(self._data) + bytes(2 * added))]
        return edits

    def _redrawn(self, plate: Image.Image, spot: Box, home: Box, canvas: Box) -> _Edits:
        """Every frame as it is shown, whole, with the plate, and with transparency."""
        grey = self._coding.colour in (0, 4)
        coding = _Coding(8, 4 if grey else 6, False)
        edits, size = _Edits(), (canvas.w, canvas.h)
        for picture, image in zip(self._pictures, self._shown(self._canvas), strict=True):
            frame = Image.new("RGBA", size)
            frame.paste(image, (home.x, home.y))
            frame.paste(plate, (spot.x, spot.y))
            raster = frame.convert(_MODES[coding.colour]).tobytes()
            self._replace(edits, picture, coding.coded(raster, size))
            if picture.control is not None:
                self._control(edits, picture.control, canvas, b"\0\0")
        same = (self._coding.depth, self._coding.colour) == (coding.depth, coding.colour)
        for i, part in enumerate(self._chunks):
            if part.kind == b"IHDR":
                edits[i] = [(part.kind, struct.pack(">IIBBBBB", *size, coding.depth, coding.colour, 0, 0, 0))]
            elif part.kind in (b"PLTE", b"tRNS", b"hIST", b"sBIT", b"bKGD") and not same:
                edits[i] = []  # they speak of the old colour type
        return edits

    def _replace(self, edits: _Edits, picture: _Picture, filtered: bytes) -> None:
        """Its data chunks by the new stream's."""
        first = self._chunks[picture.parts[0]]
        before = sum(self._chunks[i].stop - self._chunks[i].start - 12 for i in picture.parts)
        edits |= {i: [] for i in picture.parts}
        edits[picture.parts[0]] = [(first.kind, piece) for piece in _deflated(filtered, before)]

    def _control(self, edits: _Edits, at: int, box: Box, ways: bytes | None = None) -> None:
        """Its fcTL with another place, and with other dispose and blend operations if given."""
        body = self._chunks[at].body(self._data)
        place = struct.pack(">4I", box.w, box.h, box.x, box.y)
        edits[at] = [(b"fcTL", place + body[20:24] + (ways or body[24:]))]

    def _assembled(self, edits: _Edits) -> bytes:
        """The file with those chunks replaced and its animation numbered anew."""
        data, sequence = self._data, 0
        out = [MAGIC]
        animated = any(p.control is not None for p in self._pictures)
        for i, part in enumerate(self._chunks):
            numbered = animated and part.kind in (b"fcTL", b"fdAT")
            if i not in edits and not numbered:
                out.append(data[part.start : part.stop])
                continue
            for kind, body in edits.get(i, [(part.kind, part.body(self._data)[4:])]):
                if numbered:
                    body = sequence.to_bytes(4, "big") + body
                    sequence += 1
                out.append(chunk(kind, body))
        return b"".join([*out, data[self._chunks[-1].stop :]])
