"""Cut the notice font from Noto Sans: ``python tools/make_font.py NotoSans[wdth,wght].ttf OFL.txt``.

Writes ``labeler/fonts/``: a TrueType subset at weight 500, the same letters as outlines for SVG, and the licence.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "labeler" / "fonts"
RUSSIAN_AND_KAZAKH = {*range(0x410, 0x450), 0x401, 0x451} | set(map(ord, "ӘәҒғҚқҢңӨөҰұҮүҺһІі"))
PUNCTUATION = set(map(ord, "«»—–…·№„“”’"))
LETTERS = {*range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x400, 0x460)} | RUSSIAN_AND_KAZAKH | PUNCTUATION


def main(source: str, licence: str) -> None:
    font = instantiateVariableFont(TTFont(source), {"wght": 500, "wdth": 100}, updateFontNames=True)
    options = Options(
        layout_features=["kern", "mark", "ccmp"], name_IDs=["*"], notdef_outline=True, hinting=False
    )
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    font["head"].modified = font["head"].created  # the same bytes every time
    font.recalcTimestamp = False
    font.save(FOLDER / "NotoSans-Medium.ttf")
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    table = {}
    notices = json.loads((ROOT / "schemas" / "notices.json").read_text("utf-8"))["notices"]
    for code in sorted(
        {ord(c) for langs in notices.values() for words in langs.values() for c in words["text"]}
    ):
        pen = SVGPathPen(glyphs, ntos=lambda v: str(round(v)))
        glyphs[names[code]].draw(pen)
        table[chr(code)] = [round(glyphs[names[code]].width), pen.getCommands()]
    rows = ",\n".join(f"{json.dumps(k, ensure_ascii=False)}: {json.dumps(v)}" for k, v in table.items())
    units = font["head"].unitsPerEm
    (FOLDER / "outlines.json").write_text(f'{{"units": {units}, "glyphs": {{\n{rows}\n}}}}\n', "utf-8")
    shutil.copyfile(licence, FOLDER / "OFL.txt")


if __name__ == "__main__":
    main(*sys.argv[1:])
