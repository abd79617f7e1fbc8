"""A notice as paths, so that it shows without any font; its words stand in ``aria-label`` for those who listen."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from labeler import fonts
from labeler.media.base import Painted, VectorSurface
from labeler.notices import Tier
from labeler.surfaces.layout import Layout, Mode, Seen, arrange, baseline_tops, lines

MODES: tuple[Mode, ...] = ("plate", "band")
ID = "tanba-notice"
# inline !important outranks every style sheet and animation, but only on the element that says it
_SEEN = "".join(
    f"{name}!important;"
    for name in (
        "display:inline",
        "visibility:visible",
        "opacity:1",
        "transform:none",
        "translate:none",
        "rotate:none",
        "scale:none",
        "filter:none",
        "clip-path:none",
        "mask:none",
        "mix-blend-mode:normal",
    )
)
_INK = "fill:{}!important;fill-opacity:1!important;stroke:none!important;" + _SEEN
_TOKEN = re.compile(r"[A-Z]|-?\d+")


def draw(
    surface: VectorSurface,
    words: Mapping[Tier, Mapping[str, str]],
    mode: Mode,
    old: Layout | None = None,
    *,
    letters: float = 0,
) -> tuple[Painted, Layout]:
    """Insert the notice; ``old`` is the one of ours that is there and is replaced. ``letters``: see `arrange`.

    Raises:
        NoticeError: nothing fits. UnreadableError: the document cannot be parsed.
    """
    css, (x, y, width, height) = _css(surface), surface.view
    band = old.box.h / old.size[1] * height if old and old.mode == "band" else 0
    mode = "band" if band else mode
    layout = arrange((width * css, (height - band) * css), words, mode, letters=letters)
    grow = layout.size[1] / css - height if mode == "band" else 0
    return surface.insert(element(layout, words[layout.tier], (x, y), css), grow=grow), layout


def _css(surface: VectorSurface) -> float:
    """CSS px of one user unit; where the page decides, the notice must be legible in a picture 320 px wide."""
    return surface.scale or 320 / surface.view[2]


def element(layout: Layout, words: Mapping[str, str], origin: tuple[float, float], css: float) -> str:
    """The notice as one SVG element in user units, ``css`` px each; the same layout gives the same characters."""
    b = layout.box
    x, y = origin[0] + b.x / css, origin[1] + b.y / css
    left, tops = baseline_tops(layout, blocks := lines(layout, words))
    unit = layout.em / fonts.UNITS / css
    digits = max(0, math.ceil(math.log10(100 * css)))  # hundredths of a px
    paths = []
    for block, ys in zip(blocks, tops, strict=True):
        for text, top in zip(block, ys, strict=True):
            pen, baseline, line = x + left / css, y + (top + fonts.ASCENT * layout.em) / css, ""
            for letter in text:
                advance, path = fonts.glyphs()[letter]
                line += _placed(path, pen, baseline, unit, digits)
                pen += advance * layout.em / css
            paths.append(f'<path style="{_INK.format("#fff")}" d="{line}"/>')
    said = quoteattr(" ".join(words[lang] for lang in layout.langs))
    sides = {"x": x, "y": y, "width": b.w / css, "height": b.h / css}
    attributes = " ".join(f'{name}="{value:.6g}"' for name, value in sides.items())
    place = "".join(f"{name}:{value:.6g}px!important;" for name, value in sides.items())
    return (
        f'<g xmlns="http://www.w3.org/2000/svg" id="{ID}" role="img" aria-label={said} style="{_SEEN}">'
        f'<rect {attributes} style="{_INK.format("#000")}{place}rx:0!important;ry:0!important"/>{"".join(paths)}</g>'
    )


def _placed(path: str, x: float, y: float, unit: float, digits: int) -> str:
    """An outline (absolute commands in font units, y upwards) with its origin at a point of the drawing."""
    out, command, second = "", "", False
    for token in _TOKEN.findall(path):
        if token.isalpha():
            command, second = token, False
            out += token
            continue
        vertical = command == "V" or (second and command != "H")
        value = y - int(token) * unit if vertical else x + int(token) * unit
        number = f"{value:.{digits}f}"
        out += ("" if out[-1].isalpha() else " ") + (number.rstrip("0").rstrip(".") if digits else number)
        second = not second
    return out


def recognise(surface: VectorSurface, claim: Layout, words: Mapping[str, str]) -> Seen:
    """The languages of the notice when it stands exactly as claimed and nothing is painted after it."""
    found, view = surface.inserted(), surface.view
    there = claim.at((view[2] * _css(surface), view[3] * _css(surface)))
    if not found or not found.last or there is None or not claim.holds(words):
        return Seen()
    if found.element != element(claim, words, view[:2], claim.size[0] / view[2]):
        return Seen()
    return Seen(doubt=found.doubt) if found.doubt else Seen(claim.langs, there, 21)
