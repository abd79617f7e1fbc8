"""Pixels of JPEG: blocks are replaced in the coded picture, so that every other block stays as it is.

ITU-T T.81 annexes A.2 (MCU) and B.2 (tables, frames, scans); JFIF 1.02; Adobe technical note 5116 (APP14).

Decoders blend subsampled colour with that of the next pixel. A box is therefore the blocks that are replaced with a
rim of one pixel around them, which keeps its brightness: outside the box every decoded pixel stays the same.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, ImageChops, JpegImagePlugin

from labeler.errors import LimitError, NoticeError, UnreadableError
from labeler.media.base import Box, Limits, Painted
from labeler.media.jpeg import DHT, DQT, SOS, Parsed, Segment, parse, rebuilt, segment
from labeler.media.pixels import (
    check_pixels,
    flat,
    open_picture,
    swaps,
    to_displayed,
    to_stored,
    turned,
    upright,
)

_EXTENDED, _PROGRESSIVE = 0xC1, (0xC2, 0xCA)
_KINDS: dict[
    int, tuple[str, ...]
] = {  # jpegtran's options that keep the kind of coding, by the frame's marker
    0xC0: (),
    0xC1: (),
    0xC2: ("-progressive",),
    0xC9: ("-arithmetic",),
    0xCA: ("-arithmetic", "-progressive"),
}
_GROUNDS = {"CMYK": (255, 255, 255), "YCCK": (0, 128, 128)}  # no ink but black: Adobe stores ink inverted
_MAX_SIDE = 65_500  # libjpeg's
_TIMEOUT = 120  # seconds
_JPEGLIB = """
import sys, jpeglib
target, main, piece = sys.argv[1], *map(jpeglib.read_dct, sys.argv[2:4])
if main.num_components == 4:
    sys.exit("jpeglib 1.0 loses the black plane")
most = main.samp_factor.max(0)
for name, (v, h) in zip(("Y", "Cb", "Cr"), main.samp_factor):
    x, y = int(sys.argv[4]) * h // (8 * most[1]), int(sys.argv[5]) * v // (8 * most[0])
    new = getattr(piece, name)
    there = getattr(main, name)[y : y + new.shape[0], x : x + new.shape[1]]
    there[:] = new[: there.shape[0], : there.shape[1]]
main.write_dct(target)
"""
_NOT_PROGRESSIVE = "the picture is no longer progressive"


class JpegSurface:
    """The primary picture; its pixels are decoded only for `regions`, or where its blocks cannot be replaced."""

    def __init__(self, parsed: Parsed, limits: Limits) -> None:
        scans = sum(s.marker == SOS for s in parsed.segments)
        check_pixels(parsed.frame.size, scans, limits)  # a decoder goes over all pixels in every scan
        self._parsed, self._limits = parsed, limits
        self._turn, self._size = parsed.orientation, parsed.size
        across, down = ([getattr(c, k) for c in parsed.frame.components] for k in "hv")
        self._most = max(across), max(down)
        self._cell = (8, 8) if len(across) == 1 else (8 * max(across), 8 * max(down))
        self._rim = int(min(across) < max(across)), int(min(down) < max(down))
        self._grows_at_end = self._turn in (1, 2, 5, 6)

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    def fit(self, box: Box, *, band: bool = False) -> Box:
        width, height = self._size
        if band:
            cell = self._cell[0 if swaps(self._turn) else 1]
            if self._grows_at_end:
                return Box(0, -(-height // cell) * cell, width, box.h)
            return Box(0, height, width, -(-box.h // cell) * cell)
        cells, full = self._cells(to_stored(box, self._size, self._turn)), self._parsed.frame.size
        left, top = max(0, cells.x - self._rim[0]), max(0, cells.y - self._rim[1])
        right = min(full[0], cells.x + cells.w + self._rim[0])
        below = min(full[1], cells.y + cells.h + self._rim[1])
        return to_displayed(Box(left, top, right - left, below - top), full, self._turn)

    def regions(self, box: Box) -> Sequence[Image.Image]:
        b = to_stored(box, self._size, self._turn)
        part = self.first_frame().crop((b.x, b.y, b.x + b.w, b.y + b.h))
        return [upright(flat(part), self._turn)]

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        """Also raises NoticeError: a band under a picture with a gain map."""
        shown = (self._size[0], box.y + box.h) if band else self._size
        size = (shown[1], shown[0]) if swaps(self._turn) else shown
        if max(size) > _MAX_SIDE:
            raise LimitError(
                f"JPEG takes at most {_MAX_SIDE:,} pixels a side.", "Convert the picture to PNG."
            )
        check_pixels(size, 1, self._limits)
        further = self._said_of_further(band)
        place = to_stored(box, shown, self._turn)
        picture = to_stored(Box(0, 0, *self._size), shown, self._turn)
        drawn = turned(plate, self._turn)
        kept = [s for s in self._parsed.segments if s.applied]
        notes: list[str] = []
        try:
            new = self._replaced(drawn, place, picture if band else None, size, notes)
            if new is None:
                new = self._recoded(drawn, place, picture, size, notes)
                kept = [*(s for s in kept if not s.adobe), *(s for s in new.segments if s.adobe)]
        except MemoryError as e:
            raise LimitError("There is not enough memory for this picture.", "Make it smaller.") from e
        coded = (s for s in new.segments if not s.applied)
        data = rebuilt(self._parsed.segments, [*kept, *coded], self._parsed.tail)
        return Painted(b"".join(data), (*notes, *further), exact=set(notes) <= {_NOT_PROGRESSIVE})

    def _said_of_further(self, band: bool) -> tuple[str, ...]:
        """What stays as it is behind the picture."""
        count, gain_map = len(self._parsed.further), self._parsed.gain_map
        if band and gain_map:
            raise NoticeError(
                "A band would put the picture's HDR gain map out of its place.", "Use --notice plate."
            )
        if gain_map:
            return (
                "the HDR gain map stays as it is: on an HDR screen the notice may be brighter than white",
            )
        return (f"{count} further picture(s) in the file carry no notice",) if count else ()

    def _cells(self, box: Box) -> Box:
        """The fewest cells that, with their rim, cover this stored box."""
        full = self._parsed.frame.size
        x, right = _span(box.x, box.x + box.w, full[0], self._cell[0], self._rim[0])
        y, below = _span(box.y, box.y + box.h, full[1], self._cell[1], self._rim[1])
        return Box(x, y, right - x, below - y)

    def first_frame(self) -> Image.Image:
        return self._decoded

    @functools.cached_property
    def _decoded(self) -> Image.Image:
        image = open_picture(_coded(self._parsed.segments), self._limits, "JPEG")
        try:
            image.load()
        except (OSError, ValueError, SyntaxError, IndexError, TypeError, MemoryError, struct.error) as e:
            raise UnreadableError(
                f"The picture's pixels cannot be read ({e}).", "Open and export it again."
            ) from e
        return image

    def _replaced(
        self, drawn: Image.Image, place: Box, picture: Box | None, size: tuple[int, int], notes: list[str]
    ) -> Parsed | None:
        """With new blocks in ``place``, or on a new canvas with ``picture`` in its place; None: nothing here can."""
        frame, model = self._parsed.frame, _model(self._parsed)
        tables = _tables(self._parsed, self._limits)
        even = all(self._most[0] % c.h == self._most[1] % c.v == 0 for c in frame.components)
        if not (tables and model and even and frame.precision == 8 and frame.marker in _KINDS):
            return None
        source = _coded(self._parsed.segments)
        if picture:
            axis = 0 if swaps(self._turn) else 1
            canvas = Image.new("RGB", size)
            canvas.paste(drawn, (place.x, place.y))
            main, piece, at = self._encoded(canvas, model, tables), source, picture
            if self._grows_at_end:  # up to the band: the encoder's own padding fills the gap
                at = Box(0, 0, *((place.x, picture.h) if axis == 0 else (picture.w, place.y)))
            if self._rim[axis] and not (self._grows_at_end and frame.size[axis] % 2):
                notes.append("the colour of the picture's last row of pixels blends with the band")
        else:
            at = self._cells(place)
            x, y = at.x - place.x, at.y - place.y
            plate = drawn.crop((x, y, x + at.w, y + at.h))
            main, piece = source, self._encoded(plate, model, tables)
        tool = _jpegtran()
        try:
            if tool:
                data = _by_jpegtran(tool, main, piece, at, _KINDS[frame.marker], self._limits)
            else:
                data = _by_jpeglib(main, piece, at, self._limits)
            new = parse(data or b"", self._limits)
            same = new.frame.size == size and _planes(new) == _planes(self._parsed)
            if not same or _tables(new, self._limits) != tables:
                return None
        except (OSError, subprocess.SubprocessError, UnreadableError):
            return None  # the caller's next way is worse, and says so
        if frame.marker in _PROGRESSIVE and new.frame.marker not in _PROGRESSIVE:
            notes.append(_NOT_PROGRESSIVE)
        return new

    def _encoded(self, image: Image.Image, model: str, tables: Sequence[Sequence[int]]) -> bytes:
        """RGB pixels coded with the source's tables and sampling: sequential, a scan for each plane."""
        if model in _GROUNDS:
            planes = [*(Image.new("L", image.size, v) for v in _GROUNDS[model]), image.convert("L")]
        else:
            planes = list(image.convert(model).split())
        parts = [s for s in self._parsed.segments if s.marker == DQT or s.jfif or s.adobe]
        parts.append(_frame_of(self._parsed, image.size, _EXTENDED))
        for plane, component, table in zip(planes, self._parsed.frame.components, tables, strict=True):
            file = io.BytesIO()
            factors = self._most[0] // component.h, self._most[1] // component.v
            plane.reduce(factors).save(file, "JPEG", qtables=[table])
            for part in parse(file.getvalue(), self._limits).segments:
                if part.marker == SOS:
                    tile = bytearray(part.tile)
                    tile[part.head + 1] = component.id
                    parts.append(Segment(SOS, memoryview(tile), part.head))
                elif part.marker == DHT:
                    parts.append(part)
        return _joined(parts)

    def _recoded(
        self, drawn: Image.Image, place: Box, picture: Box, size: tuple[int, int], notes: list[str]
    ) -> Parsed:
        """All pixels anew, with the source's tables and sampling as far as Pillow writes them."""
        image = self._decoded
        canvas = Image.new(image.mode, size)
        canvas.paste(image, (picture.x, picture.y))
        if image.mode == "CMYK":
            none = Image.new("L", drawn.size)
            drawn = Image.merge("CMYK", (none, none, none, ImageChops.invert(drawn.convert("L"))))
        canvas.paste(drawn, (place.x, place.y))
        tables: dict[int, list[int]] = getattr(image, "quantization", {})
        file = io.BytesIO()
        try:
            canvas.save(
                file,
                "JPEG",
                qtables=[tables[c.table] for c in self._parsed.frame.components[:2]],
                subsampling=max(0, JpegImagePlugin.get_sampling(image)),
                progressive=self._parsed.frame.marker in _PROGRESSIVE,
                keep_rgb=_model(self._parsed) == "RGB",
            )
        except (OSError, ValueError, KeyError) as e:
            raise UnreadableError(f"The picture cannot be encoded again ({e}).", "Convert it to PNG.") from e
        remedy = "" if _jpegtran() else "; install jpegtran (libjpeg-turbo-progs) for a lossless notice"
        notes[:] = [f"the whole picture was re-encoded with the source's tables{remedy}"]
        return parse(file.getvalue(), self._limits)


def _span(start: int, end: int, full: int, cell: int, rim: int) -> tuple[int, int]:
    """From where to where cells are replaced; less than a rim is not left over at the picture's end."""
    first = max(0, min((start + rim) // cell, (full - 1) // cell)) * cell
    last = max(-(-(end - rim) // cell) * cell, first + cell)
    return first, full if last + rim >= full else last


def _joined(parts: Iterable[Segment]) -> bytes:
    return b"".join((b"\xff\xd8", *(s.tile for s in parts), b"\xff\xd9"))


def _coded(segments: Iterable[Segment]) -> bytes:
    """A file of what decoding takes, and nothing else."""
    return _joined(s for s in segments if not s.applied or s.jfif or s.adobe)


def _frame_of(parsed: Parsed, size: tuple[int, int], marker: int) -> Segment:
    """Its frame header with another size."""
    payload = next(s for s in parsed.segments if s.marker == parsed.frame.marker).payload
    return segment(marker, payload[:1] + struct.pack(">HH", size[1], size[0]) + payload[5:])


def _planes(parsed: Parsed) -> list[tuple[int, ...]]:
    """The ids and sampling factors; a single plane's factors mean nothing."""
    components = parsed.frame.components
    return [(c.id, c.h, c.v) if len(components) > 1 else (c.id,) for c in components]


def _tables(parsed: Parsed, limits: Limits) -> list[list[int]] | None:
    """Each component's quantisation table in natural order; None where they may change between scans."""
    markers = [s.marker for s in parsed.segments]
    if DQT in markers[markers.index(SOS) :]:
        return None
    image = open_picture(_coded(parsed.segments), limits, "JPEG")
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    found = [tables[c.table] for c in parsed.frame.components if c.table in tables]
    return found if len(found) == len(parsed.frame.components) else None


def _model(parsed: Parsed) -> str | None:
    """Pillow's name for what the planes hold, decided as libjpeg decides it; YCCK has no name there."""
    adobe = next((s.payload for s in parsed.segments if s.adobe and len(s.payload) >= 12), None)
    ids = bytes(c.id for c in parsed.frame.components)
    match len(ids):
        case 1:
            return "L"
        case 3:
            plain = adobe[11] == 0 if adobe else ids == b"RGB"
            return "RGB" if plain and not any(s.jfif for s in parsed.segments) else "YCbCr"
        case 4:
            return "YCCK" if adobe and adobe[11] else "CMYK"
    return None


def _jpegtran() -> str | None:
    """jpegtran's absolute path, if it can replace blocks; never one in the working directory."""
    folders = (f for f in os.get_exec_path() if os.path.isabs(f) and os.path.isdir(f))
    path = os.pathsep.join(f for f in folders if not os.path.samefile(f, os.curdir))
    found = shutil.which("jpegtran", path=path)
    return found if found and _can_drop(found) else None


@functools.cache
def _can_drop(tool: str) -> bool:
    try:
        said = subprocess.run(
            [tool, "-help"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return b"-drop" in said.stdout + said.stderr


def _run(command: Sequence[str], data: bytes, folder: str) -> bytes | None:
    """What it writes, or None if it fails or warns."""
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, timeout=_TIMEOUT
    )
    return done.stdout if done.returncode == 0 else None


def _by_jpegtran(
    tool: str, main: bytes, piece: bytes, at: Box, kind: Sequence[str], limits: Limits
) -> bytes | None:
    """``piece`` put into ``main``, coded as ``kind``; it reaches over all of ``at``, if need be with its padding."""
    with tempfile.TemporaryDirectory(prefix="tanba-") as folder:
        if parse(piece, limits).frame.size != (at.w, at.h):
            # cells cut off by the picture's edge are dropped at main's edge only: let them be whole
            plain = parse(_run([tool, "-copy", "none"], piece, folder) or b"", limits)
            larger = _frame_of(plain, (at.w, at.h), plain.frame.marker)
            piece = _joined(larger if s.marker == plain.frame.marker else s for s in plain.segments)
        Path(folder, "piece.jpg").write_bytes(piece)
        drop = ("-drop", f"+{at.x}+{at.y}", "piece.jpg")
        return _run([tool, "-copy", "none", *kind, *drop], main, folder)


def _by_jpeglib(main: bytes, piece: bytes, at: Box, limits: Limits) -> bytes | None:
    """The same by the optional package, in a process of its own: its libjpeg may end the process it runs in."""
    if importlib.util.find_spec("jpeglib") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="tanba-") as folder:
        target = Path(folder, "target.jpg")
        Path(folder, "main.jpg").write_bytes(main)
        Path(folder, "piece.jpg").write_bytes(piece)
        arguments = ("target.jpg", "main.jpg", "piece.jpg", str(at.x), str(at.y))
        if _run([sys.executable, "-I", "-c", _JPEGLIB, *arguments], b"", folder) is None:
            return None
        made, source = parse(target.read_bytes(), limits), parse(main, limits)
    # it counts the planes from 0, whatever they were called
    names = dict(zip(*([c.id for c in p.frame.components] for p in (made, source)), strict=True))
    parts = []
    for part in made.segments:
        tile = bytearray(part.tile)
        if part.marker in (made.frame.marker, SOS):
            first, step = (6, 3) if part.marker != SOS else (1, 2)
            for i in range(part.head + first, part.head + first + step * tile[part.head + first - 1], step):
                tile[i] = names[tile[i]]
        parts.append(Segment(part.marker, memoryview(tile), part.head))
    return _joined(parts)
