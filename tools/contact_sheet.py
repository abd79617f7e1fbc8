"""Label pictures and lay them out to be looked at: ``python tools/contact_sheet.py OUT.png [FILE...]``.

Without files: the cases that matter for legibility. Left the whole picture, right the notice, not scaled.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps, ImageSequence

import labeler

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
FONT = ImageFont.truetype(ROOT / "labeler" / "fonts" / "NotoSans-Medium.ttf", 18)
THUMBNAIL, CLOSE_UP, GAP = (360, 300), (1100, 420), 12


@dataclass(frozen=True)
class Case:
    """A picture, and how it is labelled."""

    caption: str
    data: bytes
    label: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What is shown of a case."""

    caption: str
    picture: Image.Image
    close_up: Image.Image


# ---- cases


def cases() -> Iterator[Case]:
    """What a notice has to stand on."""
    for size in ((320, 213), (1920, 1080), (8000, 5333), (1080, 1920)):
        yield Case(f"{size[0]} x {size[1]} JPEG", photo(size))
    for size in ((8000, 600), (200, 1600), (160, 120)):
        yield Case(f"{size[0]} x {size[1]} PNG", photo(size, "PNG"))
    for colour in ("black", "white"):
        yield Case(colour, encoded(Image.new("RGB", (960, 640), colour), "PNG"))
    noise = Image.frombytes("RGB", (960, 640), Random(1).randbytes(960 * 640 * 3))
    stripe = Image.frombytes("L", (12, 1), bytes([0] * 6 + [255] * 6)).resize((12, 640))
    stripes = Image.new("RGB", (960, 640))
    for x in range(0, 960, 12):
        stripes.paste(stripe, (x, 0))
    for kind in ("PNG", "JPEG"):
        yield Case(f"noise, {kind}", encoded(noise, kind))
        yield Case(f"stripes, {kind}", encoded(stripes, kind))
    for name in ("yurt.png", "tulip.webp", "eagle.webp", "ornament.svg", "tamga.bmp"):
        yield Case(name, (SAMPLES / name).read_bytes())
    for kind in ("PNG", "GIF"):
        yield Case(f"animated {kind}", animation(kind))
    middle = (960, 640)
    yield Case("lossy WebP", photo(middle, "WEBP"))
    yield Case("grey JPEG", photo(middle, mode="L"))
    yield Case("CMYK JPEG", photo(middle, mode="CMYK"))
    yield Case("progressive JPEG", photo(middle, progressive=True))
    exif = Image.Exif()
    exif[0x0112] = 6
    yield Case("orientation 6", photo(middle, exif=exif))
    band = {"notice": "band"}
    yield Case("band, orientation 6", photo(middle, exif=exif), options=band)
    yield Case("band, JPEG", photo(middle), options=band)
    yield Case("band, PNG", photo(middle, "PNG"), options=band)
    yield Case("band, portrait", photo((1080, 1920)), options=band)
    yield Case("band, SVG", (SAMPLES / "ornament.svg").read_bytes(), options=band)
    for involvement in ("generated", "modified", "assisted"):
        label = {"involvement": involvement}
        yield Case(f"{involvement}, three languages", photo(middle), label, {"langs": ("kk", "ru", "en")})
    for what in ("appearance", "voice", "event"):
        yield Case(f"imitates {what}", photo(middle), {"imitates": (what,)})
    yield Case("imitates appearance, portrait", photo((480, 853)), {"imitates": ("appearance",)})
    yield Case("imitates event, 320 x 213", photo((320, 213)), {"imitates": ("event",)})
    yield Case("reviewed by a person", photo(middle), {"reviewer": "Reviewer"})
    yield Case("64 x 64", photo((64, 64), "PNG"))


def photo(size: tuple[int, int], kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    with Image.open(SAMPLES / "steppe.jpg") as image:
        return encoded(ImageOps.fit(image, size).convert(mode), kind, **options)


def animation(kind: str) -> bytes:
    with Image.open(SAMPLES / "eagle.webp") as image:
        first, *rest = (frame.convert("RGB") for frame in ImageSequence.all_frames(image)[::3])
    return encoded(first, kind, save_all=True, append_images=rest, duration=240)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- looking


def rows(case: Case) -> Iterator[Row]:
    """One for a picture, or the error; two for an animation: its first and its last frame."""
    label = labeler.Label(**{"system": "Example Model 1", **case.label})
    try:
        receipt = labeler.add(case.data, None, label, **case.options)
    except labeler.LabelError as e:
        yield Row(f"{case.caption}: {type(e).__name__}", Image.new("RGB", (64, 64), "grey"), words(str(e)))
        return
    verdict = labeler.verify(receipt.data, sidecar=receipt.sidecar_data).verdict
    notice, box = receipt.notice, receipt.notice.box
    said = f"{case.caption}: {verdict}, {notice.mode} {notice.tier}, em {notice.em:g}, {notice.rows} row(s)"
    said = "; ".join((said, *receipt.degradations))
    seen = frames(receipt.data)
    for i in sorted({0, len(seen) - 1}):
        picture = seen[i]
        scale = picture.width / notice.size[0] if notice.size[0] else 1
        left, top = (max(round(scale * v) - 24, 0) for v in (box.x, box.y))
        right = min(round(scale * (box.x + box.w)) + 24, picture.width)
        bottom = min(round(scale * (box.y + box.h)) + 24, picture.height)
        close = picture.crop((left, top, right, bottom)) if box.w else words("No notice.")
        caption = f"{said}; frame {i + 1} of {len(seen)}" if len(seen) > 1 else said
        if (width := close.width) > CLOSE_UP[0] or close.height > CLOSE_UP[1]:
            close.thumbnail(CLOSE_UP)
            caption += f"; close-up at {close.width / width:.0%}"
        yield Row(caption, picture, close)


def frames(data: bytes) -> list[Image.Image]:
    """Upright, on light grey where transparent."""
    if data.lstrip().startswith(b"<"):
        if not shutil.which("rsvg-convert"):
            return [words("rsvg-convert is not installed.")]
        command = ["rsvg-convert", "--zoom", "2"]
        data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    out = []
    with Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            upright = ImageOps.exif_transpose(frame).convert("RGBA")
            ground = Image.new("RGBA", upright.size, "lightgrey")
            out.append(Image.alpha_composite(ground, upright).convert("RGB"))
    return out


def words(text: str) -> Image.Image:
    """A text as a picture, wrapped."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if FONT.getlength(longer) < CLOSE_UP[0] else [lines[-1], word]
    image = Image.new("RGB", (CLOSE_UP[0], 28 * len(lines)), "white")
    ImageDraw.Draw(image).multiline_text((0, 0), "\n".join(lines), "black", FONT)
    return image


def sheet(all_rows: list[Row]) -> Image.Image:
    tiles = []
    for row in all_rows:
        head = words(row.caption)
        row.picture.thumbnail(THUMBNAIL)
        height = head.height + max(row.picture.height, row.close_up.height) + 2 * GAP
        tile = Image.new("RGB", (THUMBNAIL[0] + CLOSE_UP[0] + 3 * GAP, height), "silver")
        tile.paste(head, (GAP, 0))
        tile.paste(row.picture, (GAP, head.height + GAP))
        tile.paste(row.close_up, (THUMBNAIL[0] + 2 * GAP, head.height + GAP))
        tiles.append(tile)
    out = Image.new("RGB", (tiles[0].width, sum(t.height for t in tiles)))
    y = 0
    for tile in tiles:
        out.paste(tile, (0, y))
        y += tile.height
    return out


def main(target: str, *files: str) -> None:
    chosen = [Case(name, Path(name).read_bytes()) for name in files] or cases()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABEL_DATA_DIR"] = folder  # an identity of its own, not the user's
        sheet([row for case in chosen for row in rows(case)]).save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
