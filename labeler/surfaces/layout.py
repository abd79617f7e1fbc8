"""How large a notice is and where it stands: the same arithmetic for pixels and for paths.

Type em >= max(12 px, 4 % of the short side), box <= 25 % of the picture, inside the
frame (Law No. 230-VIII, Art. 21(2): nothing that makes the warning hard to perceive).
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from labeler.errors import NoticeError
from labeler.fonts import CAPITALS, measure
from labeler.media.base import Box
from labeler.notices import LANGS, TIERS, Tier

Mode = Literal["plate", "band", "all", "first", "head", "none"]
MODES: tuple[str, ...] = get_args(Mode)
MIN_EM, EM_SHARE, MAX_SHARE = 12, 0.04, 0.25
PAGE_EM, PAGE_EM_SHARE = 8.0, 0.015  # pt; of a page's width
BAND_HEIGHTS = (
    0.4,
    1.0,
)  # of the picture's: a band covers nothing, so below a small picture it may be as tall
MIN_CONTRAST = 7.0
_MAX_SIDE = 1 << 17  # px; no picture that is decoded is longer
_PAD, _LINE, _GAP, _MARGIN, _MAX_ROWS = (
    0.5,
    1.3,
    0.3,
    0.02,
    6,
)  # in em, but the margin: share of the short side

_NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Layout:
    """A notice as it was placed: what the record says and what the verifier renders again.

    ``size`` is the picture with the notice in it and ``box`` its place, both as displayed, in px; ``em`` the type
    size, px; ``rows`` the lines of each language. What is no single picture (pages, text) has no such geometry.
    """

    mode: Mode
    langs: tuple[str, ...] = ()
    tier: Tier = "sentence"
    em: float = 0
    rows: int = 1
    box: Box = _NOWHERE
    size: tuple[float, float] = (0, 0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        if self.mode == "none":
            return {"mode": "none"}
        said = {"mode": self.mode, "langs": list(self.langs), "tier": self.tier}
        if self.box == _NOWHERE:
            return said
        b = self.box
        return {
            **said,
            "em": self.em,
            "rows": self.rows,
            # no arrays of numbers: c2pa reads those back as a base64 string
            "box": {"x": b.x, "y": b.y, "w": b.w, "h": b.h},
            "size": {"w": self.size[0], "h": self.size[1]},
        }

    @classmethod
    def from_dict(cls, data: object) -> Layout | None:
        """What an untrusted record claims, or None when it makes no sense."""
        try:
            assert isinstance(data, dict)
            mode, tier = data["mode"], data["tier"] if data["mode"] != "none" else "sentence"
            assert mode in MODES and tier in TIERS
            if mode == "none":
                return cls("none")
            assert data["langs"] and set(data["langs"]) <= set(LANGS)
            langs = tuple(lang for lang in LANGS if lang in data["langs"])
            if "box" not in data:
                return cls(mode, langs, tier)
            em, rows, width, height = data["em"], data["rows"], data["size"]["w"], data["size"]["h"]
            x, y, w, h = (data["box"][k] for k in "xywh")
            whole = all(type(n) is int for n in (em, rows, x, y, w, h))
            sized = all(type(n) in (int, float) and 1 <= n <= _MAX_SIDE for n in (width, height))
            assert (
                whole
                and sized
                and 1 <= rows <= _MAX_ROWS
                and 1 <= em <= height
                and min(x, y) >= 0
                and min(w, h) >= 1
                and x + w < width + 0.5  # vectors have no whole px
                and y + h < height + 0.5
            )
        except (AssertionError, KeyError, TypeError, ValueError):
            return None
        return cls(mode, langs, tier, em, int(rows), Box(x, y, w, h), (width, height))

    @property
    def is_band(self) -> bool:
        """A strip of its own below a picture, whatever the record calls it."""
        b, (width, height) = self.box, self.size
        below = abs(b.y + b.h - height) <= 2 and b.h <= BAND_HEIGHTS[-1] * b.y + 2
        return self.mode == "band" and b.x == 0 and abs(b.w - width) <= 2 and below

    @property
    def short(self) -> float:
        """The picture's short side, px; a band's own height does not count."""
        return min(self.size[0], self.size[1] - (self.box.h if self.is_band else 0))

    @property
    def min_em(self) -> float:
        """The smallest legible type in a picture or on a page of this size."""
        if self.mode in ("all", "first"):
            return max(PAGE_EM, PAGE_EM_SHARE * self.size[0] - 0.05)
        return max(MIN_EM, EM_SHARE * self.short)

    @property
    def letters(self) -> float:
        """How high its capital letters are, as a share of the short side."""
        return self.em * CAPITALS / self.short if self.short > 0 else 0

    @property
    def legible(self) -> bool:
        """Large enough, and not too large; a text is as large as whoever shows it makes it."""
        if self.mode == "head":
            return True
        share = 0.5 if self.is_band else MAX_SHARE
        # a container's grid may widen the box by less than one of its 16 px blocks on each side
        small = (self.box.w - 32) * (self.box.h - 32) <= share * self.size[0] * self.size[1]
        return small and self.em >= self.min_em * 0.999

    def holds(self, words: Mapping[str, str]) -> bool:
        """Whether the words have room in the box."""
        blocks = lines(self, words)
        width = self.em * (max(measure(line) for block in blocks for line in block) + _PAD)
        height = self.em * (sum(map(len, blocks)) * _LINE + (len(blocks) - 1) * _GAP)
        return width <= self.box.w + 1 and height <= self.box.h + 1

    def at(self, size: tuple[float, float]) -> Layout | None:
        """The same notice in the picture scaled to another size; None if its proportions are others, or none."""
        if self.box == _NOWHERE:
            return None
        if size == self.size:
            return self
        scale = size[0] / self.size[0]
        if abs(size[1] / self.size[1] / scale - 1) > 0.02:
            return None
        b = self.box
        box = b if scale == 1 else Box(*(round(v * scale) for v in (b.x, b.y, b.w, b.h)))
        return replace(self, em=self.em * scale, box=box, size=size)


@dataclass(frozen=True)
class Seen:
    """A notice that was looked for: the languages found, where, and the lowest contrast measured (1 to 21)."""

    langs: tuple[str, ...] = ()
    layout: Layout | None = None
    contrast: float = 1
    doubt: str = ""  # it stands as claimed, but may look otherwise
    unseen: int = 0  # pages that should show it and were not looked at

    @property
    def legible(self) -> bool:
        """Nothing makes it hard to perceive."""
        return self.layout is not None and self.layout.legible and self.contrast >= MIN_CONTRAST


def wrap(text: str, rows: int) -> list[str]:
    """Break a text into at most ``rows`` lines, the longest as short as can be."""
    words = text.split()
    if rows <= 1 or len(words) < 2:
        return [text]
    widths = [measure(w) for w in words]
    space = measure(" ")
    low, high = max(widths), sum(widths) + space * (len(words) - 1)

    def fill(limit: float) -> list[list[str]]:
        lines: list[list[str]] = [[]]
        width = 0.0
        for word, w in zip(words, widths, strict=True):
            if lines[-1] and width + space + w > limit:
                lines.append([])
                width = 0.0
            width += w + (space if lines[-1] else 0)
            lines[-1].append(word)
        return lines

    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if len(fill(middle)) <= rows else (middle, high)
    return [" ".join(line) for line in fill(high + 1e-6)]


def lines(layout: Layout, words: Mapping[str, str]) -> list[list[str]]:
    """The lines of each language, in the layout's order."""
    return [wrap(words[lang], layout.rows) for lang in layout.langs]


def block_height(layout: Layout) -> float:
    """Of the text alone with its padding, at the most."""
    n = len(layout.langs)
    return layout.em * (n * layout.rows * _LINE + (n - 1) * _GAP + 2 * _PAD * 0.6)


def baseline_tops(layout: Layout, blocks: Sequence[Sequence[str]]) -> tuple[float, list[list[float]]]:
    """Left edge and the top of each line inside the box: the text stands left, in the vertical middle."""
    em = layout.em
    height = em * (sum(map(len, blocks)) * _LINE + (len(blocks) - 1) * _GAP)
    y = (layout.box.h - height) / 2
    tops: list[list[float]] = []
    for block in blocks:
        tops.append([y + i * em * _LINE for i in range(len(block))])
        y += em * (len(block) * _LINE + _GAP)
    return em * _PAD, tops


def arrange(
    size: tuple[float, float],
    words: Mapping[Tier, Mapping[str, str]],
    mode: Mode,
    *,
    letters: float = 0,
    cover: Box | None = None,
    fit: Callable[[Box], Box] = lambda box: box,
) -> Layout:
    """The longest tier that fits at the smallest legible size, at the lower left edge, or as a band below.

    ``letters`` is how high capital letters must be at least, as a share of the short side. ``cover`` is an older notice that must vanish under this one; ``fit`` widens a box to what the container can
    replace.

    Raises:
        NoticeError: nothing fits.
    """
    width, height = size
    # below a JPEG the band may begin a few rows later, and then the picture counts as that much taller
    shown = fit(Box(0, math.ceil(height), math.floor(width), 1)).y if mode == "band" else height
    short = min(width, shown)
    em = math.ceil(max(MIN_EM, EM_SHARE * short, letters / CAPITALS * short))
    margin = math.ceil(max(4, _MARGIN * short))
    for tallest, tier in itertools.product(BAND_HEIGHTS if mode == "band" else (1,), words):
        langs = tuple(words[tier])
        for rows in range(1, _MAX_ROWS + 1):
            texts = [line for lang in langs for line in wrap(words[tier][lang], rows)]
            w = math.ceil(em * (max(map(measure, texts)) + 2 * _PAD))
            h = math.ceil(block_height(Layout(mode, langs, tier, em, rows)))
            if mode == "band":
                if w <= width and h <= tallest * height:
                    box = fit(Box(0, math.ceil(height), math.floor(width), h))
                    return Layout(mode, langs, tier, em, rows, box, (width, box.y + box.h))
            elif w <= width - 2 * margin and h <= height - 2 * margin and w * h <= MAX_SHARE * width * height:
                box = _inset(Box(margin, math.floor(height - margin - h), w, h), size, fit)
                placed = Layout(mode, langs, tier, em, rows, fit(_union(box, cover) if cover else box), size)
                if placed.legible:  # together with an older one that it covers it may be too large
                    return placed
    way_out = "Show it beside the picture and pass --notice none."
    if cover:
        way_out = "Start from the picture as it was before its notice."
    elif mode == "plate":
        with contextlib.suppress(NoticeError):
            arrange(size, words, "band", letters=letters)
            way_out = "Pass --notice band to add it below the picture."
    raise NoticeError(f"no notice fits legibly into {width:g} x {height:g}.", way_out)


def _inset(box: Box, size: tuple[float, float], fit: Callable[[Box], Box]) -> Box:
    """The box moved inwards, by a block at the most, where the container's grid would widen it to the frame."""
    for step in range(0, 17, 4):
        moved = Box(box.x + step, max(0, box.y - step), box.w, box.h)
        fitted = fit(moved)
        if fitted.x > 0 and fitted.y + fitted.h < size[1] and fitted.x + fitted.w < size[0]:
            return moved
    return box


def _union(a: Box, b: Box) -> Box:
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Box(x, y, max(a.x + a.w, b.x + b.w) - x, max(a.y + a.h, b.y + b.h) - y)
