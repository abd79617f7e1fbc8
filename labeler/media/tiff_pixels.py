"""Pixels of TIFF: a plate goes into the strips or tiles that it meets, all others keep their bytes.

TIFF 6.0, sections 3 to 6 (what samples mean), 9 (PackBits), 13 (LZW), 14 (predictor), 15 (tiles), 16 (CMYK) and 18
(alpha); technical note 2 (Deflate). Samples of 8 bits, one picture or several of one size; Pillow's libtiff codes them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

from PIL import Image, ImageChops

from labeler.errors import LabelError, LimitError, UnreadableError, UsageError
from labeler.ifd import Directory
from labeler.media.base import Box, Limits, Painted
from labeler.media.pixels import check_pixels, flat, nearest, open_picture, swaps, to_stored, turned
from labeler.media.tiff import (
    BITS,
    COMPRESSION,
    HEIGHT,
    PHOTOMETRIC,
    STRIP_COUNTS,
    STRIP_OFFSETS,
    TILE_COUNTS,
    TILE_OFFSETS,
    WIDTH,
    Tiff,
    parse,
)

_FILL_ORDER, _SAMPLES, _ROWS, _PLANAR, _PREDICTOR = 0x10A, 0x115, 0x116, 0x11C, 0x13D
_COLOURS, _TILE_WIDTH, _TILE_HEIGHT, _INKS, _EXTRA, _FORMAT = 0x140, 0x142, 0x143, 0x14C, 0x152, 0x153
_RAW, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_CODECS = {
    _LZW: "tiff_lzw",
    _DEFLATE: "tiff_adobe_deflate",
    _OLD_DEFLATE: "tiff_deflate",
    _PACKBITS: "packbits",
}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_ALL_ROWS = (1 << 32) - 1
_UNASSOCIATED = 2  # alpha
# by photometric interpretation and samples: Pillow's mode whose bytes are the samples
_MODES = {
    (_WHITE_IS_ZERO, 1): "L",
    (_BLACK_IS_ZERO, 1): "L",
    (_BLACK_IS_ZERO, 2): "LA",
    (_RGB, 3): "RGB",
    (_RGB, 4): "RGBA",
    (_PALETTE, 1): "L",
    (_CMYK, 4): "CMYK",
}
_PLAIN = {"L": _BLACK_IS_ZERO, "LA": _BLACK_IS_ZERO, "RGB": _RGB, "RGBA": _RGB, "CMYK": _CMYK}


class _Page(NamedTuple):
    """A picture whose samples can be coded anew, and its cells: strips (as wide as it) or tiles."""

    directory: Directory
    size: tuple[int, int]
    orientation: int
    cell: tuple[int, int]
    tiled: bool
    mode: str
    photometric: int
    compression: int
    predictor: int
    palette: bytes

    def cells(self, size: tuple[int, int]) -> Iterator[Box]:
        """The cells of a picture of that size, in their order; the last strip is lower, tiles are whole."""
        width, height = self.cell if self.tiled else (size[0], self.cell[1])
        for y in range(0, size[1], height):
            for x in range(0, size[0], width):
                yield Box(x, y, width, height if self.tiled else min(height, size[1] - y))

    def ink(self, plate: Image.Image) -> Image.Image:
        """An RGB plate in the page's samples.

        Raises:
            NoticeError: the palette has not the colours.
        """
        grey = plate.convert("L")
        if self.photometric == _PALETTE:
            return grey.point(nearest(self.palette, b"", 8))
        if self.photometric == _WHITE_IS_ZERO:
            return ImageChops.invert(grey)
        if self.photometric == _CMYK:
            none = Image.new("L", plate.size)
            return Image.merge("CMYK", (none, none, none, ImageChops.invert(grey)))
        return plate.convert(self.mode)

    def decoded(self, coded: memoryview, size: tuple[int, int]) -> Image.Image:
        """The samples of a cell."""
        if self.compression == _RAW:
            length = size[0] * size[1] * Image.getmodebands(self.mode)
            return Image.frombytes(self.mode, size, coded[:length])
        image = Image.open(io.BytesIO(self._alone(coded, size)), formats=("TIFF",))
        image.load()
        return image

    def _alone(self, coded: memoryview, size: tuple[int, int]) -> bytes:
        """A TIFF of that cell alone, whose colours are the samples."""
        bands, bits_at = Image.getmodebands(self.mode), 8 + 2 + 11 * 12 + 4
        fields = (
            (WIDTH, 4, 1, size[0]),
            (HEIGHT, 4, 1, size[1]),
            (BITS, 3, bands, bits_at if bands > 2 else 0x80008),
            (COMPRESSION, 3, 1, self.compression),
            (PHOTOMETRIC, 3, 1, _PLAIN[self.mode]),
            (STRIP_OFFSETS, 4, 1, bits_at + 8),
            (_SAMPLES, 3, 1, bands),
            (_ROWS, 4, 1, size[1]),
            (STRIP_COUNTS, 4, 1, len(coded)),
            (_PREDICTOR, 3, 1, self.predictor),
            (_EXTRA, 3, self.mode in ("LA", "RGBA"), _UNASSOCIATED),
        )
        table = b"".join(struct.pack("<HHII", *field) for field in fields)
        bits = struct.pack("<4H", 8, 8, 8, 8)
        return b"".join((b"II*\0", struct.pack("<IH", 8, len(fields)), table, bytes(4), bits, coded))

    def coded(self, samples: Image.Image) -> bytes:
        """A cell as it is stored."""
        if self.compression == _RAW:
            return samples.tobytes()
        out, told = io.BytesIO(), {_ROWS: samples.height, _PREDICTOR: self.predictor}
        samples.save(out, "TIFF", compression=_CODECS[self.compression], tiffinfo=told)
        ((offset, count),) = parse(out.getvalue(), Limits()).pages[0].regions
        return out.getvalue()[offset : offset + count]


def _page(tiff: Tiff, directory: Directory) -> _Page | None:
    """None where its samples cannot be coded anew without loss here."""

    def number(tag: int, default: int) -> int:
        return tiff.number(directory, tag, default)

    size, compression, photometric = tiff.size(directory), number(COMPRESSION, _RAW), number(PHOTOMETRIC, -1)
    samples, predictor = number(_SAMPLES, 1), number(_PREDICTOR, 1)
    tiled = directory.get(TILE_OFFSETS) is not None
    cell = (number(_TILE_WIDTH, 0), number(_TILE_HEIGHT, 0)) if tiled else (size[0], number(_ROWS, _ALL_ROWS))
    mode = _MODES.get((photometric, samples))
    extra = {"LA": 1, "RGBA": 1}.get(mode or "", 0)
    palette = tiff.numbers(directory, _COLOURS, most=768)
    plain = (
        all(size)
        and all(cell)
        and compression in (_RAW, *_CODECS)
        and (predictor == 1 or (predictor == 2 and compression not in (_RAW, _PACKBITS)))
        and tiff.numbers(directory, BITS) == (8,) * samples
        and set(tiff.numbers(directory, _FORMAT)) <= {1}
        and number(_FILL_ORDER, 1) == number(_PLANAR, 1) == number(_INKS, 1) == 1
        and len(tiff.numbers(directory, _EXTRA)) <= extra
        and (photometric != _PALETTE or len(palette) == 768)
    )
    if not plain or mode is None:
        return None
    across, down = (-(-side // step) for side, step in zip(size, cell, strict=True))
    tags = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
    counted = all((e := directory.get(tag)) and e.number == across * down for tag in tags)
    if not counted or len(directory.regions) != across * down:
        return None
    colours = bytes(palette[i + 256 * k] >> 8 for i in range(len(palette) // 3) for k in range(3))
    turn = tiff.orientation(directory)
    return _Page(directory, size, turn, cell, tiled, mode, photometric, compression, predictor, colours)


def surface(tiff: Tiff, limits: Limits) -> TiffSurface | None:
    """None for raw files, for pictures in other codings or of several sizes, and for those with reduced copies."""
    pages = [_page(tiff, directory) for directory in tiff.pages]
    plain = [page for page in pages if page]
    spans = [(d.start, d.stop) for d in tiff.pages]
    spans += [(offset, offset + count) for d in tiff.pages for offset, count in d.regions if count]
    apart = all(stop <= start for (_, stop), (start, _) in pairwise(sorted(spans)))
    alike = len({(page.size, page.orientation) for page in plain}) == 1
    foreign = tiff.form.big and tiff.form.order == ">"  # to Pillow
    if tiff.raw or tiff.subs or foreign or len(plain) < len(pages) or not alike or not apart:
        return None
    for page in plain:
        if page.tiled:
            check_pixels(page.cell, 1, limits)
    return TiffSurface(tiff, plain, limits)


class _Edition:
    """A file to be: overwritten in places, longer at its end."""

    def __init__(self, tiff: Tiff) -> None:
        self._form, self.data = tiff.form, bytearray(tiff.data)

    def append(self, piece: bytes) -> int:
        """Where it went."""
        self.data += bytes(-len(self.data) % self._form.width)
        self.data += piece
        if not self._form.big and len(self.data) >= 1 << 32:
            raise UsageError("A TIFF cannot be larger than 4 GB.", "Convert it to BigTIFF first.")
        return len(self.data) - len(piece)

    def set(self, directory: Directory, tag: int, values: Sequence[int]) -> None:
        """Integers as the value of a field that is there."""
        entry = directory.get(tag)
        assert entry
        kind, code = (16, "Q") if self._form.big else (4, "I")
        value = struct.pack(f"{self._form.order}{len(values)}{code}", *values)
        if len(values) > 1:
            value = struct.pack(self._form.pointer, self.append(value))
        head = struct.pack(self._form.entry, tag, kind, len(values))
        self.data[entry.at : entry.at + self._form.step] = head + value


class TiffSurface:
    """The `RasterSurface` of TIFF: every page is a frame."""

    def __init__(self, tiff: Tiff, pages: Sequence[_Page], limits: Limits) -> None:
        self._tiff, self._pages, self._limits = tiff, pages, limits

    @property
    def size(self) -> tuple[int, int]:
        width, height = self._pages[0].size
        return (height, width) if swaps(self._pages[0].orientation) else (width, height)

    def fit(self, box: Box, *, band: bool = False) -> Box:
        return box

    def regions(self, box: Box) -> list[Image.Image]:
        found = []
        with _codec():
            image = open_picture(self._tiff.data, self._limits, "TIFF")
            for n in range(len(self._pages)):
                image.seek(n)
                image.load()  # which turns it, too
                found.append(flat(image.crop((box.x, box.y, box.x + box.w, box.y + box.h))))
        return found

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        """Also raises NoticeError: a palette has not the colours. UsageError: the file would be too large."""
        turn = self._pages[0].orientation
        shown = (self.size[0], box.y + box.h) if band else self.size
        canvas = shown[::-1] if swaps(turn) else shown
        check_pixels(canvas, len(self._pages), self._limits)
        spot, home = (to_stored(b, shown, turn) for b in (box, Box(0, 0, *self.size)))
        stamp, edition = turned(plate.convert("RGB"), turn), _Edition(self._tiff)
        for page in self._pages:
            with _codec():
                self._repaint(edition, page, page.ink(stamp), spot, home, canvas)
        return Painted(bytes(edition.data))

    def _repaint(
        self, edition: _Edition, page: _Page, ink: Image.Image, spot: Box, home: Box, canvas: tuple[int, int]
    ) -> None:
        """One page, now of the canvas's size, with the old picture at ``home``."""
        before = {cell: i for i, cell in enumerate(page.cells(page.size))}
        regions = list[tuple[int, int]]()
        for cell in page.cells(canvas):
            old = Box(cell.x - home.x, cell.y - home.y, cell.w, cell.h)
            there = page.directory.regions[before[old]] if old in before else None
            if there and not cell.common(spot):
                regions.append(there)
                continue
            samples = self._gathered(page, old)
            samples.paste(ink, (spot.x - cell.x, spot.y - cell.y))
            coded = page.coded(samples)
            if there and len(coded) <= there[1]:
                edition.data[there[0] : there[0] + len(coded)] = coded
                regions.append((there[0], len(coded)))
            else:
                regions.append((edition.append(coded), len(coded)))
        if regions != list(page.directory.regions):
            tags = (TILE_OFFSETS, TILE_COUNTS) if page.tiled else (STRIP_OFFSETS, STRIP_COUNTS)
            for tag, values in zip(tags, zip(*regions, strict=True), strict=True):
                edition.set(page.directory, tag, values)
        if canvas != page.size:
            for tag, value in zip((WIDTH, HEIGHT), canvas, strict=True):
                edition.set(page.directory, tag, [value])

    def _gathered(self, page: _Page, area: Box) -> Image.Image:
        """The samples of an area, which may reach beyond the picture; there they are 0."""
        out, view = Image.new(page.mode, (area.w, area.h)), memoryview(self._tiff.data)
        width, height = page.cell
        across = -(-page.size[0] // width)
        for row in range(max(0, area.y // height), -(-min(area.y + area.h, page.size[1]) // height)):
            for column in range(max(0, area.x // width), -(-min(area.x + area.w, page.size[0]) // width)):
                offset, count = page.directory.regions[row * across + column]
                rows = height if page.tiled else min(height, page.size[1] - row * height)
                part = page.decoded(view[offset : offset + count], (width, rows))
                out.paste(part, (column * width - area.x, row * height - area.y))
        return out


@contextmanager
def _codec() -> Iterator[None]:
    try:
        yield
    except LabelError:
        raise
    except MemoryError as e:
        raise LimitError("The picture is too large for the memory.", "Make it smaller first.") from e
    except Exception as e:  # Pillow raises whatever the bytes make it raise
        raise UnreadableError(
            f"The picture's pixels cannot be read or written ({e}).", "Open and export it again."
        ) from e
