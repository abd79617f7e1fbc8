"""The notice font: Noto Sans at weight 500, cut to our letters (OFL 1.1). As TrueType for pixels, as outlines for paths."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import NamedTuple

UNITS = 1000  # per em
ASCENT, HEIGHT = 1.069, 1.362  # em from the top of a line to its baseline, and to its bottom
CAPITALS = 0.714  # em from the baseline to the top of a capital letter


class Glyph(NamedTuple):
    """A letter's advance, em, and its outline as SVG path commands in font units, y upwards."""

    advance: float
    path: str


def _file(name: str) -> bytes:
    return resources.files("labeler.fonts").joinpath(name).read_bytes()


@functools.cache
def truetype() -> bytes:
    """The TrueType file."""
    return _file("NotoSans-Medium.ttf")


@functools.cache
def glyphs() -> dict[str, Glyph]:
    """Every letter of the notice catalogue."""
    table = json.loads(_file("outlines.json"))["glyphs"]
    return {letter: Glyph(width / UNITS, path) for letter, (width, path) in table.items()}


def measure(text: str) -> float:
    """Width of a text, em: unhinted, without kerning, so that it is the same at every size and on every system.

    Raises:
        KeyError: a letter that no notice has.
    """
    table = glyphs()
    return sum(table[c].advance for c in text)
