"""What generators hide in pixels: found where it is, never where it is not, within bounds, and only at depth deep."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import hidden
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, label, photo
from PIL import Image, ImageDraw, ImageFile
from test_evidence import A1111, TEXT_TO_IMAGE, data, entry

import labeler
from labeler import evidence, media
from labeler.errors import LimitError
from labeler.evidence import message, pixels
from labeler.media.base import Box, KeepsPixels, Limits, RasterSurface
from labeler.media.pixels import first_frame

SIGNATURES = ("stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp")
MESSAGES: dict[str, str] = {
    e["id"]: e["any"][0]["message"] for e in data()["entries"] if "message" in e.get("any", [{}])[0]
}


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def found(image: Image.Image) -> dict[str, str]:
    return {e.source: e.strength.value for e in evidence.find((), size=image.size, pixels=image)}


def fields(image: Image.Image) -> dict[str, bytes]:
    return {f.key: f.value for f in pixels.fields(image)}


# Lowest bits


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SIGNATURES),
    st.binary(max_size=300),
    st.integers(20, 70),
    st.integers(1, 70),
    st.sampled_from(["RGB", "RGBA"]),
)
def test_texts_come_back(signature: str, text: bytes, width: int, height: int, mode: str) -> None:
    bits = 8 * (19 + len(gzip.compress(text) if signature.endswith("comp") else text))
    room = width * height * (1 if "png" in signature else 3)
    if bits > room:
        width = width * bits // room + 1
    image = hidden.lowest(photo(width, height).convert(mode), signature, text)
    told = fields(first_frame(saved(image), Limits()) or image)
    assert (told["signature"], told["parameters"]) == (signature.encode(), text)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A1111, "a1111"),
        (json.dumps({"Software": "NovelAI", "Comment": json.dumps({"prompt": "маяк"})}), "novelai"),
        (json.dumps({"prompt": json.loads(TEXT_TO_IMAGE), "workflow": {"nodes": []}}), "comfyui"),
        (json.dumps({"sui_image_params": {"prompt": "маяк"}}), "swarmui"),
        ("nobody knows what this is", "stealth"),
        ("", "stealth"),
        ("[" * 40_000, "stealth"),
        ('{"' + "a" * 5_000 + '": ' + "9" * 5_000 + "}", "stealth"),
    ],
    ids=range(8),
)
def test_a_hidden_text_is_looked_at_as_one_in_a_chunk(signature: str, text: str, expected: str) -> None:
    image = hidden.lowest(photo(512, 768), signature, text.encode())
    assert found(image) == {expected: "strong"}
    assert found(Image.open(io.BytesIO(saved(image, "WebP", lossless=True, exact=True)))) == {
        expected: "strong"
    }


def test_a_recompressed_picture_has_lost_it() -> None:
    image = hidden.lowest(photo(512, 512), "stealth_rgbcomp", A1111.encode())
    assert found(Image.open(io.BytesIO(saved(image, "JPEG", quality=95)))) == {}
    assert found(image.resize((256, 256))) == {}


@pytest.mark.parametrize("length", [1, 7, 8 * 4_000, 8 * 40_000, 2**31, 2**32 - 1])
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_length_that_lies_hurts_nothing(signature: str, length: int) -> None:
    image = hidden.lowest(photo(100, 90), signature, b"a text", length=length)
    assert found(image) == {"stealth": "strong"}
    assert len(fields(image).get("parameters", b"")) <= 100 * 90 * 3 // 8


def test_broken_and_bomb_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = hidden.lowest(photo(300, 300), "stealth_rgbcomp", b"x" * (6 << 20))
    assert len(fields(bomb)["parameters"]) == 4 << 20
    assert found(bomb) == {"stealth": "strong"}
    monkeypatch.setattr(gzip, "compress", lambda _: b"\x1f\x8b no gzip")
    assert found(hidden.lowest(photo(300, 300), "stealth_pngcomp", b"")) == {"stealth": "strong"}


def test_without_the_whole_signature_there_is_nothing() -> None:
    image = hidden.lowest(photo(300, 300), "stealth_pnginfi", b"text")
    assert fields(image).keys() == {"bits"}
    rows = photo(300, 300).copy()
    start = hidden.lowest(photo(300, 300), "stealth_rgbinfo", b"text").transpose(Image.Transpose.TRANSPOSE)
    rows.paste(start)  # row by row, not column by column
    assert "signature" not in fields(rows)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "F", "YCbCr"])
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (7, 7), (300, 300)])
def test_every_mode_and_size(mode: str, size: tuple[int, int]) -> None:
    image = photo(*size).convert("L").convert(mode) if mode == "I;16" else photo(*size).convert(mode)
    assert found(image) == {}
    told = fields(image)
    assert ("bits" in told) is (size == (300, 300) and mode in ("P", "PA", "RGB", "RGBA"))


# Blocks


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(256, 300), st.integers(256, 300), st.sampled_from([1, 3, 9]))
def test_bits_are_what_the_layout_says(seed: int, width: int, height: int, grain: int) -> None:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (-(-height // grain), -(-width // grain), 3), np.uint8)
    rgb = np.kron(small, np.ones((grain, grain, 1), np.uint8))[:height, :width]
    r, g, b = (rgb[..., k].astype(np.int64) for k in range(3))
    y = (4899 * r + 9617 * g + 1868 * b + 8192) >> 14
    u = ((b - y) * 8061 + (128 << 14) + 8192) >> 14
    expected = ""
    for top, left in itertools.product(range(0, height // 8 * 8, 8), range(0, width // 8 * 8, 8)):
        block = u[top : top + 8, left : left + 8]
        sums = [int(block[2 * j : 2 * j + 2, 2 * i : 2 * i + 2].sum()) for j in range(4) for i in range(4)]
        expected += str(int(max(sums[1:]) / 2 % 36 > 18))
    assert fields(Image.fromarray(rgb))["bits"].decode() == expected


def test_large_pictures_are_taken_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(640, 480)
    whole = fields(image)["bits"]
    monkeypatch.setattr(pixels, "_STRIP", 64 * 80 * 7)
    assert fields(image)["bits"] == whole
    monkeypatch.setattr(pixels, "HEAD", 1000)
    assert fields(image)["bits"] == whole[:1000]


@pytest.mark.parametrize("name", MESSAGES)
def test_watermarks_are_found_where_they_last(name: str) -> None:
    marked = hidden.blocks(photo(640, 512), MESSAGES[name])
    again = Image.open(io.BytesIO(saved(marked, "JPEG", quality=95, subsampling=0)))
    for kept in (marked, again, marked.point([min(255, v + 12) for v in range(256)] * 3)):
        assert found(kept) == {name: "strong"}
    # what moves the blocks loses it: nothing is found, and nothing else is
    for lost in (marked.crop((1, 1, 640, 512)), marked.resize((480, 384)), marked.rotate(2)):
        assert found(lost) == {}


@pytest.mark.parametrize("name", MESSAGES)
def test_other_messages_are_not_found(name: str) -> None:
    bits, rng = MESSAGES[name], random.Random(name)
    others = [
        "".join("10"[int(b)] for b in bits),
        bits[5:] + bits[:5],
        bits[::-1],
        *("".join(rng.choice("01") for _ in bits) for _ in range(200)),
    ]
    for other in others:
        votes = (other * 40)[: 40 * len(bits)]
        assert not {e for e, m in MESSAGES.items() if message.fits(votes, m)}


def tiled(
    period: int, colours: list[tuple[int, int, int]], size: tuple[int, int] = (1024, 768)
) -> Image.Image:
    image = Image.new("RGB", size)
    pen = ImageDraw.Draw(image)
    for x in range(0, size[0], 8):
        pen.rectangle((x, 0, x + 7, size[1]), fill=colours[x // 8 % period])
    return image


def test_pictures_that_repeat_are_no_text() -> None:
    """Letters share their high bits: stripes every 64 px can vote like them, and must not be taken for a message."""
    shades = {fields(tiled(1, [(0, 0, b)], (256, 256)))["bits"][:1]: (0, 0, b) for b in range(40, 120, 9)}
    none, one = shades[b"0"], shades[b"1"]
    for name, bits in MESSAGES.items():
        for period in (4, 8, 16):
            means = [sum(map(int, bits[k::period])) / len(bits[k::period]) for k in range(period)]
            colours = [one if mean > 0.5 else none for mean in means]
            for size in [(1024, 768), (1088, 512), (512, 512), (len(bits) * 8, 512)]:
                if min(size) >= 256:
                    assert name not in found(tiled(period, colours, size)), (name, period, size)
    assert (
        found(tiled(48, [one if b == "1" else none for b in MESSAGES["watermark-sdxl"]], (1152, 512))) != {}
    )


def test_the_bound_on_chance_holds() -> None:
    """Against every string of 12 bits: none is likelier to fit than the bound says."""
    rng = random.Random(4)
    for _ in range(20):
        votes = [rng.gauss(0, 1) ** 3 for _ in range(12)]
        sums = sorted(
            sum(v * s for v, s in zip(votes, signs, strict=True))
            for signs in itertools.product((1, -1), repeat=12)
        )
        for at in (4095, 4090, 4000, 3600):
            likely = sum(s >= sums[at] for s in sums) / 4096
            for t in (0.1, 0.5, 1, 2, 5):
                assert likely <= math.exp(message._exponent(votes, sums[at], t)) * (1 + 1e-9)


@pytest.mark.parametrize("shares", [[0.5] * 48, [0.0] * 47 + [1.0], [0.5, 0.5 + 1e-16] * 24])
def test_votes_that_say_nothing_fit_nothing(shares: list[float]) -> None:
    votes = "".join(
        "1" if random.Random(i * 99 + k).random() < s else "0"
        for k in range(50)
        for i, s in enumerate(shares)
    )
    assert not any(message.fits(votes, m) for m in MESSAGES.values())
    assert not any(
        message.fits(bits, m) for m in MESSAGES.values() for bits in ("", "0", "1" * 31, "0" * 10_000)
    )


def test_photographs_fit_no_message_by_chance() -> None:
    """A picture against many random messages: the bound is kept, with room to spare."""
    rng, tries = random.Random(7), 0
    for n, image in enumerate(
        [photo(512, 512), photo(1024, 512), Image.effect_noise((512, 512), 90).convert("RGB")]
    ):
        bits = fields(image)["bits"].decode()
        for size in (32, 46, 48, 56, 136, 224):
            for _ in range(150):
                other = "".join(rng.choice("01") for _ in range(size))
                assert message.fits(bits, other) is None, (n, size)
                tries += 1
    assert tries == 2700


def test_the_excerpt_tells_how_sure_it_is() -> None:
    (hit,) = evidence.find((), pixels=hidden.blocks(photo(512, 512), MESSAGES["watermark-sdxl"]))
    assert hit.where == "pixels:dwt-dct" and hit.excerpt.startswith("48 bits, chance < ")
    assert float(hit.excerpt.rpartition("< ")[2]) <= message.CHANCE


# Decoding, and the depth


def test_frames_are_decoded_as_they_are_stored() -> None:
    image = hidden.lowest(photo(60, 40), "stealth_pnginfo", b"text")
    turned = Image.Exif()
    turned[0x0112] = 6
    assert found(first_frame(saved(image, exif=turned), Limits()) or image) == {"stealth": "strong"}
    frames = [image, photo(60, 40).convert("RGBA")]
    animated = saved(frames[0], save_all=True, append_images=frames[1:])
    assert found(first_frame(animated, Limits()) or frames[1]) == {"stealth": "strong"}


def test_what_cannot_be_decoded_is_not_looked_at() -> None:
    whole = encode("png")
    for bad in (b"", b"text", whole[: len(whole) // 2], encode("svg"), encode("jpeg")[:500]):
        assert first_frame(bad, Limits()) is None
    assert first_frame(saved(Image.new("CMYK", (300, 300)), "JPEG"), Limits()) is None
    with pytest.raises(LimitError):
        first_frame(whole, Limits(max_pixels=1000))


@pytest.mark.parametrize(
    ("image", "source"),
    [
        (hidden.lowest(photo(300, 300), "stealth_pngcomp", A1111.encode()), "a1111"),
        (hidden.blocks(photo(640, 512), MESSAGES["watermark-flux"]), "watermark-flux"),
    ],
    ids=["lowest bits", "blocks"],
)
def test_only_the_deep_look_finds_them(image: Image.Image, source: str) -> None:
    file = saved(image)
    for depth in ("fast", "default"):
        report = labeler.verify(file, depth=depth)
        assert (report.verdict, report.evidence) == ("no-evidence", ())
        assert "generators' traces in pixels and watermarks" in report.not_checked
    report = labeler.verify(file, depth="deep")
    assert report.verdict == "unlabelled" and [e.source for e in report.evidence] == [source]
    assert {"pixels.searched", "evidence.strong"} <= {f.code for f in report.facts}
    assert "watermarks that only their makers can read" in report.not_checked
    assert "generators' traces in pixels and watermarks" not in report.not_checked


def test_nothing_found_says_what_was_not_looked_for() -> None:
    report = labeler.verify(encode("jpeg"), depth="deep")
    assert (
        report.verdict == "no-evidence" and "watermarks that only their makers can read" in report.not_checked
    )
    for file in (encode("svg"), saved(Image.new("CMYK", (300, 300)), "JPEG")):
        report = labeler.verify(file, depth="deep")
        assert "generators' traces in pixels and watermarks" in report.not_checked
        assert "pixels.searched" not in {f.code for f in report.facts}


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 95, "subsampling": 0}), ("WebP", {"lossless": True})],
)
def test_labelled_pictures_are_looked_at_too(
    kind: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = saved(hidden.blocks(photo(768, 640), MESSAGES["watermark-sdxl"]), kind, **options)
    labelled = labeler.add(marked, None, label()).data
    loads, load = [], ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: loads.append(self) or load(self))
    report = labeler.verify(labelled, depth="deep")
    assert report.verdict == "labelled" and "notice.kk" in {f.code for f in report.facts}
    assert "watermark-sdxl" in {e.source for e in report.evidence}
    # PNG has its own decoder for a part of a picture; the others decode it once for both
    assert kind == "PNG" or len({id(image) for image in loads}) == 1


def test_a_surface_keeps_its_first_frame() -> None:
    frames = [hidden.lowest(photo(60, 40), "stealth_pnginfo", b"text"), photo(60, 40).convert("RGBA")]
    animated = saved(frames[0], "WebP", save_all=True, append_images=frames[1:], lossless=True, exact=True)
    surface = media.load("webp").surface(io.BytesIO(animated), Limits())
    assert isinstance(surface, KeepsPixels) and isinstance(surface, RasterSurface)
    surface.regions(Box(0, 0, 9, 9))
    kept = first_frame(surface, Limits())
    assert kept and found(kept) == {"stealth": "strong"}
    surface.regions(Box(0, 0, 9, 9))
    assert found(kept) == {"stealth": "strong"}


# Real files


def test_real_files(corpus: Path) -> None:
    hidden_in, accused, searched = 0, [], 0
    with open(corpus / "MANIFEST.tsv", newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            image = first_frame((corpus / row["path"]).read_bytes(), Limits())
            if image is None:
                continue
            searched += 1
            sources = found(image)
            hidden_in += "stealth" in row["why"] and sources == {"a1111": "strong"}
            if row["expected"] in ("not-ai", "ambiguous", "tampered") and sources:
                accused.append((row["path"], sources))
    assert hidden_in >= 2 and searched > 150
    assert not accused


def test_every_message_is_told_once() -> None:
    assert len(MESSAGES) == 7 < message.CHANCE**-1 / 1e6  # so that the chance of any is below 1e-6
    assert (
        entry("watermark-flux")["any"][0]["message"]
        == f"{0b001010101111111010000111100111001111010100101110:b}"
    )
