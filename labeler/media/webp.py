"""WebP: still or animated, lossy or lossless, in a RIFF of chunks.

RFC 9649 sections 2.3 to 2.7 (RIFF, simple and extended format, order of chunks) and 3.4 (VP8L header), RFC 6386
section 9.1 (VP8 header); C2PA technical specification, appendix on RIFF (chunk ``C2PA``, last).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import exif, pixels
from labeler.media.base import Box, Content, Limits, MediumInfo, Painted, Slot, Stream, whole

_SLOTS = {Slot.EXIF: b"EXIF", Slot.XMP: b"XMP ", Slot.C2PA: b"C2PA"}  # in the order they stand in a file
_FLAGS = {Slot.EXIF: 0x08, Slot.XMP: 0x04, Slot.C2PA: 0}
_BITSTREAMS = (b"VP8 ", b"VP8L")
_PICTURE = (b"ALPH", *_BITSTREAMS)
_ESSENCE = (b"ICCP", b"ANIM", b"ANMF", *_PICTURE)
_BEFORE = {Slot.EXIF: (b"VP8X", *_ESSENCE), Slot.XMP: (b"VP8X", *_ESSENCE, b"EXIF")}
_ALPHA, _ANIMATED = 0x10, 0x02  # of VP8X
_NOT_BLENDED, _DISPOSED = 0x02, 0x01  # of ANMF
_EXIF_PREFIX = b"Exif\0\0"
_MAX_RIFF = (1 << 32) - 10
_MAX_SIDE = (1 << 14) - 1
_QUALITY = 95
_LOSSY: dict[str, Any] = {"quality": _QUALITY, "method": 4, "alpha_quality": 100, "exact": True}
_LOSSLESS: dict[str, Any] = {"lossless": True, "quality": 30, "method": 2, "exact": True}

_Bytes = bytes | memoryview


class _Chunk(NamedTuple):
    """Where a chunk stands: from its header to the end of its payload; a padding byte follows an odd one."""

    kind: bytes
    start: int
    end: int


class _Frame(NamedTuple):
    """A coded picture and its place on the stored canvas; a still is one frame that covers it."""

    chunk: _Chunk
    area: Box
    lossless: bool
    duration: bytes = b""
    disposed: bool = False


@dataclass(frozen=True)
class _Webp:
    data: bytes
    end: int
    chunks: tuple[_Chunk, ...]
    size: tuple[int, int]  # as stored
    animated: bool
    frames: tuple[_Frame, ...]

    def raw(self, chunk: _Chunk) -> memoryview:
        """The chunk with its padding."""
        return memoryview(self.data)[chunk.start : chunk.end + chunk.end % 2]

    @cached_property
    def slots(self) -> dict[Slot, bytes]:
        found = {}
        for slot, kind in _SLOTS.items():
            if chunk := next((c for c in self.chunks if c.kind == kind), None):
                found[slot] = self.data[chunk.start + 8 : chunk.end]
        if Slot.EXIF in found:
            found[Slot.EXIF] = found[Slot.EXIF].removeprefix(_EXIF_PREFIX)
        return found

    @cached_property
    def orientation(self) -> int:
        return exif.orientation(self.slots.get(Slot.EXIF))

    @property
    def shown(self) -> tuple[int, int]:
        return self.size[::-1] if pixels.swaps(self.orientation) else self.size


class WebP:
    """The `Medium` of WebP."""

    info = MediumInfo(
        name="WebP",
        mime="image/webp",
        suffixes=(".webp",),
        slots=frozenset(_SLOTS),
        surface="raster",
        c2pa="native",
        loss=f"lossy WebP is encoded again at quality {_QUALITY}; lossless stays exact",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        webp = _parse(whole(src, limits), limits)
        block = webp.slots.get(Slot.EXIF)
        return Content(
            fields=exif.fields(block, limits) if block else (),
            slots=webp.slots,
            size=webp.shown,
            essence=(_essence(webp),) if essence else (),
            trailing=len(webp.data) - webp.end,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """A simple file becomes an extended one where XMP or EXIF need it."""
        if unknown := puts.keys() - _SLOTS:
            raise UsageError(f"WebP has no place for {', '.join(sorted(unknown))}.")
        webp = _parse(whole(src, Limits()), Limits())
        parts: list[tuple[bytes, _Bytes]] = [(c.kind, webp.raw(c)) for c in webp.chunks]
        if flags := sum(_FLAGS[slot] for slot in puts):
            if parts[0][0] != b"VP8X":
                parts.insert(0, (b"VP8X", _made_header(webp)))
            header = bytearray(parts[0][1])
            header[8] |= flags
            parts[0] = (b"VP8X", bytes(header))
        for slot, kind in _SLOTS.items():
            if slot not in puts:
                continue
            at = next((i for i, part in enumerate(parts) if part[0] == kind), None)
            prefixed = slot is Slot.EXIF and at is not None and parts[at][1][8:14] == _EXIF_PREFIX
            payload = exif.check(puts[slot]) if slot is Slot.EXIF else puts[slot]
            new = kind, _packed(kind, _EXIF_PREFIX * prefixed + payload)
            if at is None:
                before = _BEFORE.get(slot)
                at = 1 + max(i for i, part in enumerate(parts) if before is None or part[0] in before)
                parts.insert(at, new)
            else:
                parts[at] = new
        dst.writelines(_assembled([part for _, part in parts], webp))

    def surface(self, src: BinaryIO, limits: Limits) -> WebPSurface:
        return WebPSurface(_parse(whole(src, limits), limits), limits)


class WebPSurface:
    """The `RasterSurface` of WebP. Frames that the plate does not touch keep their coded bytes."""

    def __init__(self, webp: _Webp, limits: Limits) -> None:
        self._webp, self._limits = webp, limits

    @property
    def size(self) -> tuple[int, int]:
        return self._webp.shown

    def fit(self, box: Box, *, band: bool = False) -> Box:
        """The strip has an even height: frames can only be moved to even places."""
        return Box(box.x, box.y, box.w, box.h + (box.y + box.h - self.size[1]) % 2 * band)

    def regions(self, box: Box) -> Sequence[Image.Image]:
        area = pixels.to_stored(box, self.size, self._webp.orientation).corners
        image, found = self._opened, []
        with _codec():
            for n in range(len(self._webp.frames)):
                image.seek(n)
                found.append(pixels.flat(pixels.upright(image.crop(area), self._webp.orientation)))
        return found

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        """Also raises UsageError: the picture would be larger than WebP allows."""
        webp, turn = self._webp, self._webp.orientation
        shown = (self.size[0], box.y + box.h) if band else self.size
        canvas = shown[::-1] if pixels.swaps(turn) else shown
        if max(canvas) > _MAX_SIDE:
            raise UsageError(
                f"A WebP picture of {canvas[0]} x {canvas[1]} px cannot be written.",
                "Put the notice onto the picture instead of under it, or use another format.",
            )
        origin = pixels.to_stored(Box(0, 0, *self.size), shown, turn)
        target, stamp = pixels.to_stored(box, shown, turn), pixels.turned(plate, turn)
        image, coded, lossy = self._open(), list[_Bytes](), 0
        standing = False  # the canvas under this frame is the old one and the plate
        for n, frame in enumerate(webp.frames):
            area = Box(frame.area.x + origin.x, frame.area.y + origin.y, frame.area.w, frame.area.h)
            if standing and not area.common(target):
                coded.append(_moved(webp.raw(frame.chunk), area))
                continue
            with _codec():
                image.seek(n)
                sheet = Image.new(image.mode, canvas, "black")
                sheet.paste(image, (origin.x, origin.y))
                sheet.paste(stamp, (target.x, target.y))
                if standing:
                    sheet = sheet.crop(area.corners)
                else:
                    area = Box(0, 0, *canvas)
                picture = _encoded(sheet, frame.lossless)
            coded.append(_made_frame(area, frame.duration, picture) if webp.animated else picture)
            lossy += not frame.lossless
            standing = not frame.disposed
        data = b"".join(self._put(coded, canvas))
        return Painted(data, _degradations(lossy, len(coded)), exact=not lossy)

    def _put(self, coded: Sequence[_Bytes], canvas: tuple[int, int]) -> Iterator[_Bytes]:
        """The file with these frames instead of its own, on a canvas of this size."""
        webp, frames, parts = self._webp, iter(coded), list[_Bytes]()
        for chunk in webp.chunks:
            if chunk.kind in ((b"ANMF",) if webp.animated else _PICTURE):
                parts.append(next(frames, b""))
            elif chunk.kind == b"VP8X":
                parts.append(bytes(webp.raw(chunk)[:12]) + _extent(canvas))
            else:
                parts.append(webp.raw(chunk))
        return _assembled(parts, webp)

    def first_frame(self) -> Image.Image:
        with _codec():
            self._opened.seek(0)
            self._opened.load()
        return self._opened.copy() if self._webp.animated else self._opened

    @cached_property
    def _opened(self) -> Image.Image:
        return self._open()

    def _open(self) -> Image.Image:
        return pixels.open_picture(self._webp.data[: self._webp.end], self._limits, "WEBP")


def _parse(data: bytes, limits: Limits) -> _Webp:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise UnreadableError("The input is no WebP file.")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise _broken(f"it ends after {len(data)} of {end} bytes")
    chunks = tuple(islice(_chunks(data, 12, end), limits.max_parts + 1))
    if len(chunks) > limits.max_parts:
        raise LimitError(f"The WebP file has more than {limits.max_parts} chunks.")
    if not chunks:
        raise _broken("it has no picture")
    first, animated = chunks[0], False
    if first.kind == b"VP8X":
        if first.end < first.start + 18:
            raise _broken("its header is too short")
        size = _u24(data, first.start + 12) + 1, _u24(data, first.start + 15) + 1
        animated = bool(data[first.start + 8] & _ANIMATED)
    else:
        size = _coded_size(data, first)
    if animated:
        frames = tuple(_frame(data, c, size) for c in chunks if c.kind == b"ANMF")
    else:
        stills = (c for c in chunks if c.kind in _BITSTREAMS)
        frames = tuple(
            _Frame(c, Box(0, 0, *_coded_size(data, c)), c.kind == b"VP8L") for c in islice(stills, 1)
        )
    if not frames:
        raise _broken("it has no picture")
    if not animated and (frames[0].area.w, frames[0].area.h) != size:
        raise _broken("its picture is not as large as its canvas")
    pixels.check_pixels(size, len(frames), limits)
    return _Webp(data, end, chunks, size, animated, frames)


def _chunks(data: bytes, at: int, end: int) -> Iterator[_Chunk]:
    while at < end:
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if stop + stop % 2 > end:
            raise _broken("a chunk is longer than what it stands in")
        yield _Chunk(data[at : at + 4], at, stop)
        at = stop + stop % 2


def _frame(data: bytes, chunk: _Chunk, canvas: tuple[int, int]) -> _Frame:
    at = chunk.start + 8
    if chunk.end < at + 16:
        raise _broken("a frame has no header")
    area = Box(2 * _u24(data, at), 2 * _u24(data, at + 3), _u24(data, at + 6) + 1, _u24(data, at + 9) + 1)
    if area.x + area.w > canvas[0] or area.y + area.h > canvas[1]:
        raise _broken("a frame lies outside the canvas")
    inner = islice(_chunks(data, at + 16, chunk.end), 2)  # only ALPH may stand before the bitstream
    picture = next((c for c in inner if c.kind in _BITSTREAMS), None)
    if picture is None or _coded_size(data, picture) != (area.w, area.h):
        raise _broken("a frame has no picture of its size")
    return _Frame(
        chunk, area, picture.kind == b"VP8L", data[at + 12 : at + 15], bool(data[at + 15] & _DISPOSED)
    )


def _coded_size(data: bytes, chunk: _Chunk) -> tuple[int, int]:
    """Width and height that a bitstream states, px."""
    head = data[chunk.start + 8 : min(chunk.start + 18, chunk.end)]
    if chunk.kind == b"VP8L" and len(head) >= 5 and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk.kind == b"VP8 " and len(head) == 10 and head[3:6] == b"\x9d\x01\x2a":
        size = int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:], "little") & 0x3FFF
        if min(size) > 0:
            return size
    raise _broken("a picture has no valid header")


def _broken(what: str) -> UnreadableError:
    return UnreadableError(f"The WebP file is broken: {what}.", "Get it again from where it was made.")


def _essence(webp: _Webp) -> Stream:
    view = memoryview(webp.data)
    coded = (view[chunk.start : chunk.end] for chunk in webp.chunks if chunk.kind in _ESSENCE)
    # the size instead of VP8X, which comes and goes with the metadata
    return Stream("image", (b"%d %d " % webp.size, *coded))


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _extent(size: tuple[int, int]) -> bytes:
    return (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")


def _place(area: Box) -> bytes:
    return (area.x // 2).to_bytes(3, "little") + (area.y // 2).to_bytes(3, "little")


def _made_header(webp: _Webp) -> bytes:
    first = webp.chunks[0]
    has_alpha = first.kind == b"VP8L" and webp.data[first.start + 12] & 0x10
    return _packed(b"VP8X", bytes((_ALPHA if has_alpha else 0, 0, 0, 0)) + _extent(webp.size))


def _made_frame(area: Box, duration: bytes, picture: bytes) -> bytes:
    header = _place(area) + _extent((area.w, area.h)) + duration + bytes((_NOT_BLENDED,))
    return _packed(b"ANMF", header + picture)


def _moved(frame: _Bytes, area: Box) -> bytes:
    return bytes(frame[:8]) + _place(area) + bytes(frame[14:])


def _packed(kind: bytes, payload: bytes) -> bytes:
    if len(payload) > _MAX_RIFF:
        raise UsageError(f"A payload of {len(payload)} bytes is larger than a WebP file may be.")
    return kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)


def _assembled(parts: Sequence[_Bytes], webp: _Webp) -> Iterator[_Bytes]:
    """The whole file in pieces, with what trailed the old one."""
    size = 4 + sum(map(len, parts))
    if size > _MAX_RIFF:
        raise UsageError("The WebP file would be larger than the format allows.", "Use a sidecar.")
    yield from (b"RIFF", size.to_bytes(4, "little"), b"WEBP", *parts, memoryview(webp.data)[webp.end :])


def _encoded(sheet: Image.Image, lossless: bool) -> bytes:
    """The picture's chunks, without the file around them."""
    out = io.BytesIO()
    sheet.save(out, "WEBP", **(_LOSSLESS if lossless else _LOSSY))
    webp = _parse(out.getvalue(), Limits())
    return b"".join(webp.raw(c) for c in webp.chunks if c.kind in _PICTURE)


def _degradations(lossy: int, frames: int) -> tuple[str, ...]:
    if not lossy:
        return ()
    what = "the picture is lossy and was" if frames == 1 else f"{lossy} of {frames} frames are lossy and were"
    return (f"{what} encoded again at quality {_QUALITY}",)


@contextmanager
def _codec() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, MemoryError) as e:
        raise UnreadableError(f"The picture's pixels cannot be read or written ({e}).") from e


MEDIUM = WebP()
