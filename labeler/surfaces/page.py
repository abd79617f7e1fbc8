"""A notice on the pages of a document: black on an opaque white plate in the corner where least is covered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from labeler import fonts
from labeler.errors import NoticeError
from labeler.media.base import Box, Line, PageSurface, Painted, RasterSurface, Stamp
from labeler.notices import Tier
from labeler.surfaces.layout import (
    MAX_SHARE,
    MIN_CONTRAST,
    PAGE_EM,
    PAGE_EM_SHARE,
    Layout,
    Mode,
    Seen,
    baseline_tops,
    block_height,
    lines,
    wrap,
)

if TYPE_CHECKING:
    from PIL.Image import Image

MODES: tuple[Mode, ...] = ("all", "first", "band")
_PAD, _MARGIN = 0.5, 1.0  # em
_MAX_ROWS = 6
_PLACES = ("foot-left", "foot-right", "head-left", "head-right")
_SAMPLE = 12  # pages that are rendered to see which place is free
_FREE = 0.002  # share of a place that may be ink; a speck is no content
_LOOKED_AT = 24  # px: the type size at which a page is rendered to be read


def draw(
    surface: PageSurface, words: Mapping[Tier, Mapping[str, str]], mode: Mode, old: Layout | None = None
) -> tuple[Painted, Layout]:
    """Put the notice on the pages, in the longest wording that fits on each of them.

    Raises:
        NoticeError: nothing fits. UnreadableError, LimitError: the document.
    """
    mode = old.mode if old and old.mode == "band" else mode
    grows = mode == "band" and old is None
    sizes = _sizes(surface, mode)
    for tier, said in words.items():
        if all(arrange(size, said, tier, grows=grows) for size in set(sizes)):
            break
    else:
        raise NoticeError(
            "no notice fits legibly on the pages.", "Pass --notice first, or show it beside the document."
        )
    place = _PLACES[0] if mode == "band" else _freest(surface.bare, sizes, said, tier)
    placed = {size: arrange(size, said, tier, place, grows=grows) for size in set(sizes)}
    stamps = {}
    for number, size in enumerate(sizes):
        layout = placed[size]
        assert layout
        stamps[number] = Stamp(layout.box, layout.em, tuple(_placed(layout, said)), layout.size[1] - size[1])
    return surface.stamp(stamps), Layout(mode, tuple(said), tier)


def _sizes(surface: PageSurface, mode: Mode) -> Sequence[tuple[float, float]]:
    """Of the pages that show the notice."""
    return surface.pages[:1] if mode == "first" else surface.pages


def _freest(
    surface: PageSurface, sizes: Sequence[tuple[float, float]], words: Mapping[str, str], tier: Tier
) -> str:
    """The place where the notice covers least of what the pages show: the first that is free, one for all pages."""
    sample = _chosen(len(sizes), _SAMPLE)
    least: tuple[float, str] | None = None
    for place in _PLACES:
        covered = 0.0
        for number in sample:
            layout = arrange(sizes[number], words, tier, place)
            assert layout
            box = _around(layout)
            picture = surface.rendered(number, box, (box.w, box.h))
            colours = picture.getcolors(picture.width * picture.height) or [(0, None)]
            covered += 1 - max(count for count, _ in colours) / (picture.width * picture.height)
        if covered <= _FREE * len(sample):
            return place
        least = min(least or (covered, place), (covered, place), key=lambda found: found[0])
    assert least
    return least[1]


def _around(layout: Layout) -> Box:
    """The place of a notice with a little air, inside the page."""
    air, box = math.ceil(layout.em / 2), layout.box
    x, y = max(0, box.x - air), max(0, box.y - air)
    right = min(math.floor(layout.size[0]), box.x + box.w + air)
    return Box(x, y, right - x, min(math.floor(layout.size[1]), box.y + box.h + air) - y)


def arrange(
    size: tuple[float, float],
    words: Mapping[str, str],
    tier: Tier,
    place: str = _PLACES[0],
    *,
    grows: bool = False,
) -> Layout | None:
    """Where the notice stands on a page of this size, pt; None where it does not fit."""
    width, height = size
    langs = tuple(words)
    em = max(PAGE_EM, round(PAGE_EM_SHARE * width, 1))
    margin = math.ceil(_MARGIN * em)
    for rows in range(1, _MAX_ROWS + 1):
        texts = [line for lang in langs for line in wrap(words[lang], rows)]
        w = math.ceil(em * (max(map(fonts.measure, texts)) + 2 * _PAD))
        h = math.ceil(block_height(Layout("all", langs, tier, em, rows)))
        tall = height + (h + 2 * margin if grows else 0)
        if w <= width - 2 * margin and h <= tall - 2 * margin and w * h <= MAX_SHARE * width * tall:
            left = margin if place.endswith("left") else math.floor(width - margin - w)
            box = Box(left, math.floor(tall - margin - h) if place.startswith("foot") else margin, w, h)
            return Layout("all", langs, tier, em, rows, box, (width, tall))
    return None


def _placed(layout: Layout, words: Mapping[str, str]) -> Iterator[Line]:
    blocks = lines(layout, words)
    left, tops = baseline_tops(layout, blocks)
    for lang, block, ys in zip(layout.langs, blocks, tops, strict=True):
        for text, top in zip(block, ys, strict=True):
            yield Line(lang, text, left, top + fonts.ASCENT * layout.em)


class _Negative:
    """A notice on a page as pixels: light letters on a dark plate, as `raster` looks for them."""

    def __init__(self, surface: PageSurface, page: int, box: Box, size: tuple[int, int]) -> None:
        self.surface, self.page, self.box, self.size = surface, page, box, size

    @cached_property
    def _shown(self) -> Image:
        from PIL import ImageOps

        return ImageOps.invert(self.surface.rendered(self.page, self.box, self.size))

    def regions(self, box: Box) -> Sequence[Image]:
        return [self._shown]


def recognise(surface: PageSurface, claim: Layout, words: Mapping[str, str]) -> Seen:
    """The languages that stand legibly on every page that must show them, rendered and compared word by word.

    Raises:
        UnreadableError: a page cannot be rendered.
    """
    found, contrast, layout = set(claim.langs), 21.0, None
    known: dict[object, Seen] = {}  # most pages of a document look alike there
    sizes = _sizes(surface, claim.mode)
    chosen = _chosen(len(sizes), surface.most)
    places = list(_PLACES)
    for number in chosen:
        best = Seen()
        for place in tuple(places):
            layout = arrange(sizes[number], words, claim.tier, place)
            if layout is None:
                return Seen()
            seen = _at(surface, number, layout, words, known)
            if (len(seen.langs), seen.contrast) > (len(best.langs), best.contrast):
                best = seen
                places.remove(place)
                places.insert(0, place)  # on the next page it will be there too
            if len(seen.langs) == len(claim.langs) and seen.contrast >= MIN_CONTRAST:
                break
        found &= set(best.langs)
        contrast = min(contrast, best.contrast)
        if not found:
            return Seen()
    langs = tuple(lang for lang in claim.langs if lang in found)
    return Seen(langs, layout, contrast, unseen=len(sizes) - len(chosen))


def _chosen(count: int, most: int) -> Sequence[int]:
    """The pages that are looked at: all, or the first half of ``most`` and others spread evenly up to the last."""
    if count <= most:
        return range(count)
    first = most // 2
    step = (count - 1 - first) / max(1, most - first - 1)
    return [*range(first), *(first + round(i * step) for i in range(most - first))]


def _at(
    surface: PageSurface,
    page: int,
    layout: Layout,
    words: Mapping[str, str],
    known: dict[object, Seen],
) -> Seen:
    from labeler.surfaces import raster

    scale = _LOOKED_AT / layout.em
    box = Box(0, 0, round(layout.box.w * scale), round(layout.box.h * scale))
    there = replace(layout, em=_LOOKED_AT, box=box, size=(box.w, box.h))
    view = _Negative(surface, page, layout.box, (box.w, box.h))
    picture = there, view.regions(box)[0].tobytes()
    if picture not in known:
        known[picture] = raster.recognise(cast(RasterSurface, view), there, words)
    return known[picture]
