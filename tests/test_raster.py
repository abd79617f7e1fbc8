"""Pixels of before and after are compared by what a viewer sees."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from pictures import label
from PIL import Image, ImageDraw
from variants import gif as make

import labeler
from labeler.errors import UnreadableError
from labeler.media.base import Box
from labeler.surfaces.raster import worst_change

SIZE, BOX = (60, 40), Box(5, 30, 40, 8)


def picture(mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGBA", SIZE, (10, 200, 30, 0))
    ImageDraw.Draw(image).ellipse((8, 4, 50, 30), fill=(200, 40, 90, 255))
    return image.convert(mode)


def animated(
    durations: Sequence[int] | int, frames: int = 3, kind: str = "PNG", **options: Any
) -> Image.Image:
    out = io.BytesIO()
    more = [picture("RGB").rotate(9 * i) for i in range(1, frames)]
    picture("RGB").save(out, kind, save_all=True, append_images=more, duration=durations, **options)
    return Image.open(out)


def test_what_is_hidden_is_no_change() -> None:
    other = picture()
    other.putpixel((0, 0), (255, 255, 255, 0))
    assert worst_change(picture(), other, BOX) == 0
    other.putpixel((0, 0), (255, 255, 255, 9))
    assert worst_change(picture(), other, BOX) > 0


@pytest.mark.parametrize(
    ("mode", "wider"), [("RGB", "RGBA"), ("L", "RGB"), ("L", "LA"), ("1", "L"), ("P", "RGB")]
)
def test_a_wider_mode_is_no_change_but_another_pixel_is(mode: str, wider: str) -> None:
    image = picture("RGB").convert(mode)
    assert worst_change(image, image.convert(wider), BOX) == 0
    other = image.convert("RGB")
    other.putpixel((20, 10), (128, 0, 7))
    assert worst_change(image, other.convert(wider), BOX) > 0
    other.paste("white", BOX.corners)
    other.putpixel((20, 10), image.convert("RGB").getpixel((20, 10)))
    assert worst_change(image, other.convert(wider), BOX) == 0


def test_the_low_byte_of_16_bits_is_seen() -> None:
    deep = Image.new("I;16", SIZE, 300)
    other = deep.copy()
    assert worst_change(deep, other, BOX) == 0
    other.putpixel((0, 0), 301)
    assert worst_change(deep, other, BOX) > 0
    assert worst_change(deep, Image.new("L", SIZE, 1), BOX) == 0


def test_frames_and_timing() -> None:
    assert worst_change(animated([100, 200, 300]), animated([100, 200, 300]), BOX) == 0
    for other in (animated([100, 200, 301]), animated([100, 200], 2), animated([100] * 4, 4)):
        with pytest.raises(UnreadableError, match=r"frames|timing|decoded"):
            worst_change(animated([100, 200, 300]), other, BOX)


def test_no_timing_and_none_are_one() -> None:
    frame = make.image(make.pattern(*make.SIZE, 16), make.FULL, 4)
    silent, told, slow = (
        Image.open(io.BytesIO(make.gif(*before, frame, table=make.REDS)))
        for before in ((), (make.control(0),), (make.control(5),))
    )
    assert worst_change(silent, told, BOX) == 0 and worst_change(told, silent, BOX) == 0
    with pytest.raises(UnreadableError, match="timing"):
        worst_change(silent, slow, BOX)


def test_a_gif_that_viewers_show_differently_is_labelled_and_told() -> None:
    # nothing is drawn around its frame, nor said to be transparent: a background for some, a hole for others
    data = make.gif(
        make.image(make.pattern(200, 200, 16), (0, 0, 200, 200), 4), table=make.REDS, size=(640, 480)
    )
    receipt = labeler.add(data, None, label())
    assert [r for r in receipt.remarks if "could not be compared: around its first frame" in r]
    assert labeler.verify(receipt.data).verdict == "labelled"
