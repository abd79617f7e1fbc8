"""A notice as paths, so that it shows without any font; its words stand in ``aria-label`` for those who listen."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from labeler import fonts
from labeler.media.base import Painted, VectorSurface
from labeler.notices import Tier
from labeler.surfaces.layout import Layout, Mode, Seen, arrange, baseline_tops, lines

ID = "tanba-notice"
# inline !important outranks every style sheet and animation that could hide the notice
_SEEN = (
    "display:inline!important;visibility:visible!important;opacity:1!important;transform:none!important;"
    "translate:none!important;rotate:none!important;scale:none!important;filter:none!important;"
    "clip-path:none!important;mask:none!important;mix-blend-mode:normal!important"
)
_FILL = "fill:{}!important;fill-opacity:1!important;stroke:none!important;" + _SEEN


def draw(
    surface: VectorSurface, words: Mapping[Tier, Mapping[str, str]], mode: Mode, old: Layout | None = None
) -> tuple[Painted, Layout]:
    """Insert the notice; ``old`` is the one of ours that is there and is replaced.

    Raises:
        NoticeError: nothing fits. UnreadableError: the document cannot be parsed.
    """
    css, (x, y, width, height) = _css(surface), surface.view
    band = old.box.h / old.size[1] * height if old and old.mode == "band" else 0
    mode = "band" if band else mode
    layout = arrange((width * css, (height - band) * css), words, mode)
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
    paths = []
    for block, ys in zip(blocks, tops, strict=True):
        for text, top in zip(block, ys, strict=True):
            pen_x, baseline = x + left / css, y + (top + fonts.ASCENT * layout.em) / css
            for c in text:
                advance, path = fonts.glyphs()[c]
                if path:
                    place = f"matrix({unit:.6g} 0 0 {-unit:.6g} {pen_x:.6g} {baseline:.6g})"
                    paths.append(f'<path transform="{place}" d="{path}"/>')
                pen_x += advance * layout.em / css
    said = quoteattr(" ".join(words[lang] for lang in layout.langs))
    white = _FILL.format("#fff").replace("transform:none!important;", "")
    return (
        f'<g xmlns="http://www.w3.org/2000/svg" id="{ID}" role="img" aria-label={said} style="{_SEEN}">'
        f'<rect x="{x:.6g}" y="{y:.6g}" width="{b.w / css:.6g}" height="{b.h / css:.6g}" style="{_FILL.format("#000")}"/>'
        f'<g style="{white}">{"".join(paths)}</g></g>'
    )


def recognise(surface: VectorSurface, claim: Layout, words: Mapping[str, str]) -> Seen:
    """The languages of the notice when it stands exactly as claimed and nothing is painted after it."""
    found, view = surface.inserted(), surface.view
    there = claim.at((view[2] * _css(surface), view[3] * _css(surface)))
    if not found or not found[1] or there is None or not claim.holds(words):
        return Seen()
    expected = element(claim, words, view[:2], claim.size[0] / view[2])
    return Seen(claim.langs, there, 21) if found[0] == expected else Seen()
