"""The catalogue and its font: complete in three languages, every letter drawn."""

from __future__ import annotations

import itertools
import json
from importlib import resources

import pytest
from PIL import Image, ImageDraw

from labeler import notices
from labeler.errors import NoticeError, UsageError
from labeler.fonts import measure
from labeler.label import Imitates, Involvement, Label
from labeler.surfaces import raster
from labeler.surfaces.layout import MAX_SHARE, Layout, arrange, lines, wrap

SIZES = [(320, 213), (512, 512), (1920, 1080), (1080, 1920), (8000, 5333), (8000, 600), (200, 1600)]


def test_every_notice_is_there_in_three_languages() -> None:
    by_id = {k: list(v) for k, v in itertools.groupby(notices.catalogue(), lambda w: w.id)}
    assert all([w.lang for w in entries] == ["kk", "ru", "en"] for entries in by_id.values())
    assert {w.origin for w in notices.catalogue()} == set(notices.origins())


def test_every_label_has_words_in_every_tier() -> None:
    for involvement, imitated, kind in itertools.product(
        Involvement, [(), *((i,) for i in Imitates), tuple(Imitates)], ("image", "video", "audio", "text")
    ):
        made = notices.words(
            Label(system="x", involvement=involvement, imitates=imitated), kind, notices.LANGS
        )  # type: ignore[arg-type]
        assert list(made) == list(notices.TIERS[1:])
        for texts in made.values():
            assert list(texts) == ["kk", "ru", "en"] and all(texts.values())
            # letters alone are never a notice under kz
            assert not {t.strip(".") for t in texts.values()} & {"ЖИ", "ИИ", "AI"}


def test_a_deepfake_is_only_called_so_when_the_caller_said_what_is_imitated() -> None:
    for involvement in Involvement:
        plain = notices.words(Label(system="x", involvement=involvement), "image", notices.LANGS)
        assert "ипфейк" not in str(plain) and "deepfake" not in str(plain)
    person = notices.words(Label(system="x", imitates=(Imitates.APPEARANCE,)), "image", ("ru",))
    assert "дипфейк" in person["short"]["ru"]


def test_the_abbreviation_takes_no_suffix() -> None:
    assert not any("ЖИ-" in w.text or "ЖИмен" in w.text for w in notices.catalogue())


def test_unknown_languages_are_refused() -> None:
    for bad in (["de"], []):
        with pytest.raises(UsageError, match=r"kk|no language"):
            notices.check_langs(bad)
    assert notices.check_langs(["en", "ru", "kk"]) == ("kk", "ru", "en")


def letters() -> set[str]:
    return {c for w in notices.catalogue() for c in w.text if c != " "} | set("ӘәҒғҚқҢңӨөҰұҮүҺһІі")


def glyph(text: str) -> bytes:
    image = Image.new("L", (80, 80))
    ImageDraw.Draw(image).text((10, 10), text, fill=255, font=raster._font(40))
    return image.tobytes()


def test_every_letter_differs_from_the_missing_glyph() -> None:
    missing = glyph("\U0010fffd")
    drawn = {c: glyph(c) for c in letters()}
    assert any(missing) and all(g != missing and any(g) for g in drawn.values())
    assert (
        drawn["Қ"] != drawn["К"] and drawn["ұ"] != drawn["ү"] and drawn["і"] != drawn["ї"]
        if "ї" in drawn
        else True
    )


def test_outlines_have_every_letter_of_the_catalogue() -> None:
    glyphs = json.loads(resources.files("labeler.fonts").joinpath("outlines.json").read_text("utf-8"))[
        "glyphs"
    ]
    needed = {c for w in notices.catalogue() for c in w.text}
    assert needed <= set(glyphs) and all(glyphs[c][1] for c in needed - {" "})


def test_the_licence_lies_beside_the_font() -> None:
    text = resources.files("labeler.fonts").joinpath("OFL.txt").read_text("utf-8")
    assert "SIL Open Font License, Version 1.1" in text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("langs", [("kk", "ru"), ("kk", "ru", "en"), ("kk",)])
def test_layouts_keep_the_rules(size: tuple[int, int], langs: tuple[str, ...]) -> None:
    words = notices.words(Label(system="x"), "image", langs)
    layout = arrange(size, words, "plate")
    b = layout.box
    assert layout.legible and layout.em >= max(12, 0.04 * min(size))
    assert b.w * b.h <= MAX_SHARE * size[0] * size[1]
    assert b.x > 0 and b.y > 0 and b.x + b.w < size[0] and b.y + b.h < size[1]
    for block in lines(layout, words[layout.tier]):
        assert all(layout.em * (measure(t) + 1) <= b.w for t in block)
    assert Layout.from_dict(json.loads(json.dumps(layout.to_dict()))) == layout


def test_the_longest_tier_that_fits_is_taken() -> None:
    words = notices.words(Label(system="x"), "image", ("kk", "ru"))
    assert arrange((1920, 1080), words, "plate").tier == "sentence"
    assert arrange((250, 140), words, "plate").tier in ("phrase", "short")
    with pytest.raises(NoticeError):
        arrange((64, 64), words, "plate")


@pytest.mark.parametrize("em", [*range(12, 45), 60, 101, 213])
def test_no_letter_reaches_the_edge_of_its_plate(em: int) -> None:
    for involvement in Involvement:
        words = notices.words(Label(system="x", involvement=involvement), "image", notices.LANGS)
        layout = arrange((em * 80, em * 25), words, "plate")
        assert layout.em == em
        plate, boxes = raster.render(layout, words[layout.tier])
        left, top, right, bottom = plate.convert("L").getbbox() or (0, 0, 0, 0)
        assert min(left, plate.width - right) >= 0.4 * em and min(top, plate.height - bottom) >= 0.2 * em
        covered = Image.new("L", plate.size)
        for part in (p for parts in boxes for p in parts):
            covered.paste(255, (part.x, part.y, part.x + part.w, part.y + part.h))
        outside = plate.convert("L")
        outside.paste(0, mask=covered)
        assert outside.getbbox() is None, "letters outside the boxes that the verifier compares"


def test_wrapping_loses_no_word() -> None:
    text = "Бұл материалды жасанды интеллект жүйесі жасаған."
    for rows in range(1, 9):
        wrapped = wrap(text, rows)
        assert " ".join(wrapped) == text and len(wrapped) <= rows


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {},
        {"mode": "plate"},
        {"mode": "huge"},
        {"mode": "plate", "langs": ["kk"], "tier": "short", "em": -1, "rows": 1, "box": {"x": 0, "y": 0, "w": 9, "h": 9}, "size": {"w": 9, "h": 9}},
        {"mode": "plate", "langs": ["kk"], "tier": "short", "em": 9e9, "rows": 1, "box": {"x": 0, "y": 0, "w": 9, "h": 9}, "size": {"w": 9, "h": 9}},
        {"mode": "plate", "langs": ["de"], "tier": "short", "em": 5, "rows": 1, "box": {"x": 0, "y": 0, "w": 9, "h": 9}, "size": {"w": 9, "h": 9}},
        {"mode": "plate", "langs": ["kk"], "tier": "short", "em": True, "rows": 1, "box": {"x": 0, "y": 0, "w": 9, "h": 9}, "size": {"w": 9, "h": 9}},
        {"mode": "plate", "langs": [["kk"]], "tier": "short", "em": 5, "rows": 1, "box": {"x": 0, "y": 0, "w": 9, "h": 9}, "size": {"w": 9, "h": 9}},
    ],
)  # fmt: skip
def test_claims_that_make_no_sense_are_none(bad: object) -> None:
    assert Layout.from_dict(bad) is None
