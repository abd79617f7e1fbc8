"""Between what is stored and what a viewer shows: EXIF orientation, palettes, and opening pixels within limits."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

from labeler.errors import LimitError, NoticeError, UnreadableError
from labeler.media.base import Box, KeepsPixels, Limits

NEAR = 8  # how far a palette entry may be from the grey it stands for
# Exif 2.32, tag 0x0112: how the stored picture is turned to be upright
_TO_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_TO_STORED = _TO_UPRIGHT | {6: Transpose.ROTATE_90, 8: Transpose.ROTATE_270}

_COMMON = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
_PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")


def swaps(orientation: int) -> bool:
    """Whether width and height change places between storage and display."""
    return 5 <= orientation <= 8


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """As a viewer shows it."""
    return image.transpose(_TO_UPRIGHT[orientation]) if orientation in _TO_UPRIGHT else image


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """An upright image as it is stored: the inverse of `upright`."""
    return image.transpose(_TO_STORED[orientation]) if orientation in _TO_STORED else image


def to_stored(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """A displayed box in stored coordinates; ``size`` is the displayed size."""
    right, below = size[0] - box.x - box.w, size[1] - box.y - box.h
    match orientation:
        case 2:
            return Box(right, box.y, box.w, box.h)
        case 3:
            return Box(right, below, box.w, box.h)
        case 4:
            return Box(box.x, below, box.w, box.h)
        case 5:
            return Box(box.y, box.x, box.h, box.w)
        case 6:
            return Box(box.y, right, box.h, box.w)
        case 7:
            return Box(below, right, box.h, box.w)
        case 8:
            return Box(below, box.x, box.h, box.w)
        case _:
            return box


def to_displayed(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """A stored box in displayed coordinates; ``size`` is the stored size."""
    return to_stored(box, size, {6: 8, 8: 6}.get(orientation, orientation))


def open_picture(data: bytes, limits: Limits, kind: str) -> Image.Image:
    """Pillow's lazy image, bounds checked before any pixel is decoded; ``kind`` is Pillow's format name.

    Raises:
        UnreadableError: Pillow cannot open it. LimitError: too many pixels or frames.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
        frames = getattr(image, "n_frames", 1)
    except Image.DecompressionBombError as e:
        raise LimitError(f"The picture is too large to decode ({e}).") from e
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as e:
        # Pillow names a stream by its address: only its other messages help
        why = "" if isinstance(e, UnidentifiedImageError) else f" ({e})"
        raise UnreadableError(
            f"The picture's pixels cannot be read{why}.", "Open and export it again."
        ) from e
    check_pixels(image.size, frames, limits)
    return image


def first_frame(source: bytes | KeepsPixels, limits: Limits) -> Image.Image | None:
    """The first frame as it is stored, decoded: not turned, nothing composed; None where it cannot be decoded.

    Only grey, RGB and palettes, of 8 bits a sample or less, with or without transparency; others are None too.

    Raises:
        LimitError: too many pixels.
    """
    try:
        image = _opened(source, limits) if isinstance(source, bytes) else source.first_frame()
    except Image.DecompressionBombError as e:
        raise LimitError(f"The picture is too large to decode ({e}).") from e
    except LimitError:
        raise
    except Exception:  # Pillow's plugins raise whatever the bytes make them raise
        return None
    return image if image.mode in _PLAIN else None


def _opened(data: bytes, limits: Limits) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=_COMMON)
    check_pixels(image.size, 1, limits)
    image.load()
    return image


def check_pixels(size: tuple[int, int], frames: int, limits: Limits) -> None:
    """Raises LimitError: too many pixels, in a frame or in all, or too many frames."""
    pixels = size[0] * size[1]
    if pixels > limits.max_pixels or frames > limits.max_frames or pixels * frames > 10 * limits.max_pixels:
        raise LimitError(
            f"The picture claims {size[0]} x {size[1]} pixels in {frames} frame(s): more than the limit allows.",
            "If you trust it, allow more: `labeler.Limits` in Python.",
        )


def flat(image: Image.Image) -> Image.Image:
    """Mode RGB, 16 bits scaled to 8, transparency composed on a middle grey: what shines through is never contrast."""
    if image.mode.startswith("I"):
        # convert() would clip instead of scaling, and knows no transparent 16-bit grey
        return image.convert("I").point(lambda v: v / 257).convert("L").convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "#808080"), rgba).convert("RGB")
    return image.convert("RGB")


def entries(palette: bytes, depth: int) -> list[tuple[int, ...]]:
    """The colours that indices of so many bits can name, RGB."""
    return [tuple(palette[i : i + 3]) for i in range(0, len(palette), 3)][: 1 << depth]


def apart(entry: tuple[int, ...], grey: int) -> int:
    """How far a colour is from a grey, 0 to 255."""
    return max(abs(v - grey) for v in entry)


def nearest(palette: bytes, clear: bytes, depth: int) -> list[int]:
    """For each of the 256 greys the palette entry that shows it; ``clear``: the alpha of each entry, as tRNS has it.

    Raises:
        NoticeError: the palette has no two colours with enough contrast.
    """
    opaque = [(e, i) for i, e in enumerate(entries(palette, depth)) if clear[i : i + 1] in (b"", b"\xff")]
    greys = [(e, i) for e, i in opaque if max(e) - min(e) <= NEAR]
    if {v for v in (0, 255) for e, _ in greys if apart(e, v) <= NEAR} == {0, 255}:
        return [min(greys, key=lambda g: apart(g[0], v))[1] for v in range(256)]
    tones = sorted((_luminance(e), i) for e, i in opaque)
    if not tones or (tones[-1][0] + 0.05) / (tones[0][0] + 0.05) < 10:
        raise NoticeError(
            "The picture's palette has no two colours with enough contrast, and no room for more.",
            "Convert it to RGB first.",
        )
    return [tones[0][1]] * 128 + [tones[-1][1]] * 128


def _luminance(entry: tuple[int, ...]) -> float:
    """WCAG 2.2's relative luminance."""
    r, g, b = (v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in entry)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
