"""A notice in pixels: white on an opaque black plate, and how to recognise it in pixels that are there."""

from __future__ import annotations

import functools
import io
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps, ImageStat

from labeler import fonts
from labeler.errors import UnreadableError
from labeler.media.base import Box, Limits, Painted, RasterSurface
from labeler.media.pixels import flat, open_picture
from labeler.notices import Tier
from labeler.surfaces.layout import Layout, Mode, Seen, arrange, baseline_tops, lines

MODES: tuple[Mode, ...] = ("plate", "band")
_LIKENESS = 0.7  # correlation of each word with its letters; other words of the same shape reach 0.5 at most
_lock = threading.Lock()


@functools.lru_cache(64)
def _font(px: int) -> ImageFont.FreeTypeFont:
    # BASIC: the same pixels whether or not libraqm is installed
    return ImageFont.truetype(io.BytesIO(fonts.truetype()), px, layout_engine=ImageFont.Layout.BASIC)


def draw(
    surface: RasterSurface,
    words: Mapping[Tier, Mapping[str, str]],
    mode: Mode,
    old: Layout | None = None,
    *,
    letters: float = 0,
) -> tuple[Painted, Layout]:
    """Put the notice on every frame; ``old`` is a notice of ours that is there and vanishes under the new one.

    ``letters``: see `arrange`.

    Raises:
        NoticeError: nothing fits. UnreadableError: the pixels cannot be decoded. LimitError: too many of them.
    """
    band = mode == "band" and old is None
    fit = functools.partial(surface.fit, band=band)
    shape: Mode = "band" if band else "plate"
    layout = arrange(surface.size, words, shape, letters=letters, cover=old.box if old else None, fit=fit)
    layout = replace(layout, mode=old.mode if old else mode)
    plate, _ = render(layout, words[layout.tier])
    return surface.paint(plate, layout.box, band=band), layout


def render(layout: Layout, words: Mapping[str, str]) -> tuple[Image.Image, list[list[Box]]]:
    """The plate, mode RGB, of the box's size, and the box of each word (per language) within it. Not to be drawn on."""
    return _render(layout, tuple(words.items()))


@functools.lru_cache(4)  # what was drawn is recognised next
def _render(layout: Layout, words: tuple[tuple[str, str], ...]) -> tuple[Image.Image, list[list[Box]]]:
    blocks = lines(layout, dict(words))
    left, tops = baseline_tops(layout, blocks)
    boxes: list[list[Box]] = []
    # small type is drawn larger and reduced: letters stand where we say, whatever FreeType's hinting makes of them
    zoom = max(1, min(4, 96 // max(1, round(layout.em))))
    sheet = Image.new("L", (int(layout.box.w) * zoom, int(layout.box.h) * zoom))
    pen = ImageDraw.Draw(sheet)
    with _lock:  # FreeType faces are not thread-safe
        font = _font(max(1, round(layout.em * zoom)))
        for block, ys in zip(blocks, tops, strict=True):
            boxes.append([])
            for text, y in zip(block, ys, strict=True):
                x, top = left, round(y)
                height = math.ceil(fonts.HEIGHT * layout.em)
                for word in text.split():
                    start = x
                    for letter in word:
                        pen.text((x * zoom, top * zoom), letter, fill=255, font=font)
                        x += fonts.measure(letter) * layout.em
                    boxes[-1].append(Box(math.floor(start) - 1, top, math.ceil(x - start) + 2, height))
                    x += fonts.measure(" ") * layout.em
    plate = sheet.reduce(zoom) if zoom > 1 else sheet
    return Image.merge("RGB", (plate, plate, plate)), boxes


def recognise(surface: RasterSurface, claim: Layout, words: Mapping[str, str]) -> Seen:
    """The languages whose words really stand in every frame.

    The claim is not trusted: it only says where to look. A picture scaled as a whole is compared at its scale.

    Raises:
        UnreadableError: the pixels cannot be decoded. LimitError: too many pixels or frames.
    """
    there = claim.at(surface.size)
    if there is None or not _inside(there.box, surface.size) or not claim.holds(words):
        return Seen()
    plate, boxes = render(there, words)
    expected = plate.convert("L")
    # a scaler rounds where we cannot know
    shifts = [(0, 0)] if there.size == claim.size else [(x, y) for x in (0, -1, 1) for y in (0, -1, 1)]
    found, contrast = set(claim.langs), 21.0
    for region in surface.regions(there.box):
        for lang, parts in zip(claim.langs, boxes, strict=True):
            likeness, ratio = zip(*(_best(region, expected, part, shifts) for part in parts), strict=True)
            if min(likeness) < _LIKENESS:
                found.discard(lang)
            else:
                contrast = min(contrast, *ratio)
    return Seen(tuple(lang for lang in claim.langs if lang in found), there, contrast)


def _inside(box: Box, size: tuple[int, int]) -> bool:
    return min(box.w, box.h) > 0 and box.x + box.w <= size[0] and box.y + box.h <= size[1]


def _best(
    seen: Image.Image, expected: Image.Image, part: Box, shifts: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    return max(_compare(seen, expected, part, shift) for shift in shifts)


def _compare(
    seen: Image.Image, expected: Image.Image, part: Box, shift: tuple[int, int] = (0, 0)
) -> tuple[float, float]:
    """Correlation of a word with its expected letters, and the contrast of letters to ground."""
    x, y = part.x + shift[0], part.y + shift[1]
    crop = seen.crop((x, y, x + part.w, y + part.h))
    template = expected.crop((part.x, part.y, part.x + part.w, part.y + part.h))
    grey = crop.convert("L")
    a, b, product = (ImageStat.Stat(im) for im in (grey, template, ImageChops.multiply(grey, template)))
    spread = a.stddev[0] * b.stddev[0]
    likeness = (product.mean[0] * 255 - a.mean[0] * b.mean[0]) / spread if spread > 1 else 0.0
    # antialiased edges are neither letter nor ground
    core = template.point(lambda v: 255 * (v > 200))
    letters = core if core.getbbox() else template.point(lambda v: 255 * (v > 127))
    ground = template.point(lambda v: 255 * (v < 16))
    if likeness <= 0 or not letters.getbbox() or not ground.getbbox():
        return 0.0, 1.0
    light, dark = (ImageStat.Stat(crop, mask).mean for mask in (letters, ground))
    return likeness, _contrast(light, dark)


def _contrast(a: Sequence[float], b: Sequence[float]) -> float:
    """WCAG 2.2 contrast ratio of two sRGB colours, 0..255."""

    def luminance(rgb: Sequence[float]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def decoded(data: bytes, kind: str, limits: Limits) -> Image.Image:
    """A picture with its first frame decoded; ``kind`` is Pillow's format name.

    Raises:
        UnreadableError: it does not decode. LimitError: too many pixels or frames.
    """
    image = open_picture(data, limits, kind)
    _load(image, 0)
    return image


def worst_change(before: Image.Image, after: Image.Image, box: Box) -> float:
    """The largest mean difference (0..255) of any channel that is seen, of any frame outside ``box``; 0 = no change.

    Raises:
        UnreadableError: either does not decode, or their frames or timing differ.
    """
    worst, count = 0.0, getattr(before, "n_frames", 1)
    for i in range(count):
        old, new = _load(before, i), _load(after, i)
        times = [image.info.get("duration") or 0 for image in (before, after)]
        if times[0] != times[1] or getattr(after, "n_frames", 1) != count:
            raise UnreadableError(
                "The labelled picture has other frames or another timing than its source.", "Report this."
            )
        difference = ImageChops.difference(*_seen(old, new.crop((0, 0, *old.size))))
        difference.paste(0, (int(box.x), int(box.y), int(box.x + box.w), int(box.y + box.h)))
        if difference.getbbox(alpha_only=False):
            worst = max(worst, *ImageStat.Stat(difference).mean)
    return worst


def _load(image: Image.Image, frame: int) -> Image.Image:
    """A frame as displayed."""
    try:
        image.seek(frame)
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, TypeError) as e:
        raise UnreadableError(
            f"The picture's pixels cannot be decoded ({e}).", "Open and export it again."
        ) from e
    return ImageOps.exif_transpose(image) if image.getexif().get(0x0112, 1) != 1 else image


def _seen(*images: Image.Image) -> list[Image.Image]:
    """All in one mode that ImageChops subtracts, told apart only by what is seen: not by colours under full transparency."""
    modes = {"I" if image.mode.startswith("I") else image.mode for image in images}
    if modes == {"I"}:
        words = [image.convert("I").tobytes() for image in images]  # 32 bits, of which two bytes are used
        return [
            Image.merge("LA", [Image.frombytes("L", image.size, raw[k::4]) for k in (0, 1)])
            for image, raw in zip(images, words, strict=True)
        ]
    if len(modes) == 1 and modes <= {"L", "RGB", "CMYK"}:
        return list(images)
    plain = [flat(image) if image.mode.startswith("I") else image for image in images]
    if any(image.has_transparency_data for image in plain):
        return [image.convert("RGBA").convert("RGBa") for image in plain]
    return [image.convert("RGB") for image in plain]
