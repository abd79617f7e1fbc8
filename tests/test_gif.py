"""GIF: exact bytes, hostile files, and pixels proved by a slow decoder and player that share no code with ours."""

from __future__ import annotations

import functools
import io
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import label
from PIL import Image
from variants import gif as make
from variants.gif import (
    FULL,
    LOOP,
    MUDDY,
    RAMP,
    REDS,
    SIZE,
    VARIANTS,
    control,
    gif,
    image,
    lzw,
    pattern,
    sub_blocks,
)
from variants.webp import PACKET

import labeler
from labeler.errors import LabelError, LimitError, UnreadableError, UsageError
from labeler.media import Box, Content, Field, Limits, Painted, Slot
from labeler.media.gif import MEDIUM
from labeler.media.gif_pixels import GifSurface
from labeler.media.pixels import flat

LIMITS = Limits()
PIXEL = image(b"\1", (0, 0, 1, 1), 2)


@functools.cache
def variant(name: str) -> bytes:
    return VARIANTS[name]()


def read(data: bytes, limits: Limits = LIMITS, *, essence: bool = False) -> Content:
    return MEDIUM.read(io.BytesIO(data), limits, essence=essence)


def splice(data: bytes, puts: dict[Slot, bytes]) -> bytes:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, puts)
    return out.getvalue()


def surface(data: bytes, limits: Limits = LIMITS) -> GifSurface:
    found = MEDIUM.surface(io.BytesIO(data), limits)
    assert isinstance(found, GifSurface)
    return found


def paint(data: bytes, box: Box, *, band: bool = False) -> tuple[Painted, Image.Image]:
    """With a plate of every grey."""
    plate = Image.linear_gradient("L").resize((box.w, box.h)).convert("RGB")
    return surface(data).paint(plate, box, band=band), plate


# ---------------------------------------------------------------- the slow decoder and player


class Frame(NamedTuple):
    delay: int | None
    coded: bytes  # control and image as they stand in the file
    shown: Image.Image


def unlzw(data: bytes, bits: int, count: int) -> bytes:
    number, at, width, out = int.from_bytes(data, "little"), 0, bits + 1, bytearray()
    clear, table, last = 1 << bits, list[bytes](), b""
    while len(out) < count:
        code = number >> at & (1 << width) - 1
        at += width
        assert at <= 8 * len(data), "it ends without saying so"
        if code == clear:
            table, width, last = [*(bytes((i,)) for i in range(clear)), b"", b""], bits + 1, b""
        else:
            assert code != clear + 1, "it ends too soon"
            entry = table[code] if code < len(table) else last + last[:1]
            if last and len(table) < 4096:
                table.append(last + entry[:1])
            if len(table) == 1 << width and width < 12:
                width += 1
            out += entry
            last = entry
    return bytes(out)


def blocks(data: bytes) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Label, whole block and sub-blocks."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[at] != 0x3B:
        start, parts, kind = at, list[bytes](), data[at]
        assert kind in (0x21, 0x2C)
        at += 2 if kind == 0x21 else 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
        while data[at]:
            parts.append(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
        at += 1
        yield kind if kind == 0x2C else data[start + 1], data[start:at], parts


def play(data: bytes) -> list[Frame]:
    """What a browser shows: cleared pixels are transparent, nothing is drawn outside the screen."""
    size, frames, coded = struct.unpack_from("<HH", data, 6), list[Frame](), b""
    common = data[13 : 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)]
    canvas, delay, clear, disposal = Image.new("RGBA", size), None, None, 0
    for kind, block, parts in blocks(data):
        if kind == 0xF9:
            flags, delay, index = struct.unpack("<BHB", parts[0])
            clear, disposal, coded = index if flags & 1 else None, flags >> 2 & 7, block
        if kind != 0x2C:
            continue
        x, y, w, h, flags = struct.unpack_from("<4HB", block, 1)
        table = block[10 : 10 + (3 << (flags & 7) + 1)] if flags & 0x80 else common
        pixels = unlzw(b"".join(parts), block[10 + len(table) if flags & 0x80 else 10], w * h)
        lines = [pixels[i : i + w] for i in range(0, len(pixels), w)]
        assert len(lines) == h and len(lines[-1]) == w
        if flags & 0x40:
            order = [*range(0, h, 8), *range(4, h, 8), *range(2, h, 4), *range(1, h, 2)]
            lines = [line for _, line in sorted(zip(order, lines, strict=True))]
        before = canvas.copy()
        for j, line in enumerate(lines):
            for i, p in enumerate(line):
                if p != clear and x + i < size[0] and y + j < size[1]:
                    canvas.putpixel((x + i, y + j), (*table[3 * p : 3 * p + 3], 255))
        frames.append(Frame(delay, coded + block, canvas.copy()))
        if disposal == 2:
            canvas.paste((0, 0, 0, 0), (x, y, x + w, y + h))
        elif disposal == 3:
            canvas = before
        delay, clear, disposal, coded = None, None, 0, b""
    return frames


@pytest.mark.parametrize("name", VARIANTS)
def test_regions_are_what_the_slow_player_shows(name: str) -> None:
    data = variant(name)
    shown = surface(data).regions(Box(10, 5, 90, 70))
    expected = [flat(f.shown.crop((10, 5, 100, 75))) for f in play(data)]
    assert [s.tobytes() for s in shown] == [e.tobytes() for e in expected]


def check(data: bytes, box: Box, *, band: bool, exact: bool = True) -> Painted:
    """Every frame shows the plate, and else what it showed, as long as it did."""
    painted, plate = paint(data, box, band=band)
    old, new = play(data), play(painted.data)
    area = (box.x, box.y, box.x + box.w, box.y + box.h)
    for before, after in zip(old, new, strict=True):
        assert (before.delay or 0) == (after.delay or 0)
        pairs = zip(after.shown.crop(area).convert("L").tobytes(), plate.convert("L").tobytes(), strict=True)
        assert after.shown.crop(area).getchannel("A").getextrema() == (255, 255)
        assert not exact or max(abs(a - b) for a, b in pairs) <= 17
        expected = Image.new("RGBA", after.shown.size)
        expected.paste(before.shown)
        for picture in (expected, after.shown):
            picture.paste(0, area)
        assert expected.tobytes() == after.shown.tobytes()
    assert (LOOP in data) == (LOOP in painted.data)
    return painted


@pytest.mark.parametrize("band", [False, True])
@pytest.mark.parametrize("name", [n for n in VARIANTS if n != "no-colour-to-spare"])
def test_the_slow_player_sees_the_plate_and_no_other_change(name: str, band: bool) -> None:
    check(variant(name), Box(0, 90, 120, 25) if band else Box(20, 40, 50, 30), band=band)


SIDE = st.integers(0, 14)
TABLES = (REDS, bytes(range(0, 144, 3)), bytes(range(255, 159, -2)), MUDDY[:48])


@st.composite
def animations(draw: st.DrawFn) -> bytes:
    """16 x 12, with frames anywhere on it, or beyond."""
    out, seed = [LOOP], draw(st.randoms(use_true_random=False))
    for n in range(draw(st.integers(1, 5))):
        full = draw(st.booleans()) or (n == 0 and draw(st.booleans()))
        x, y, w, h = (0, 0, 16, 12) if full else (draw(SIDE), draw(SIDE), 1 + draw(SIDE), 1 + draw(SIDE))
        if n == 0 and not full:
            x, y, w, h = x // 2, y // 3, 1 + w // 2, 1 + h // 3  # it would widen the screen
        clear = draw(st.none() | st.integers(0, 15))
        if draw(st.booleans()) or clear is not None:
            out.append(control(draw(st.integers(0, 900)), draw(st.integers(0, 3)), clear))
        pixels = bytes(seed.choices(range(16), k=w * h))
        table = draw(st.sampled_from((b"", *TABLES)))
        out.append(image(pixels, (x, y, w, h), 4, table, interlaced=draw(st.booleans())))
    return gif(*out, table=draw(st.sampled_from(TABLES)), size=(16, 12))


@settings(max_examples=150, deadline=None)
@given(data=animations(), place=st.tuples(SIDE, SIDE, SIDE, SIDE), band=st.booleans())
def test_any_animation_shows_the_plate_and_else_what_it_showed(
    data: bytes, place: tuple[int, int, int, int], band: bool
) -> None:
    x, y = min(place[0], 15), min(place[1], 11)
    w, h = min(1 + place[2], 16 - x), min(1 + place[3], 12 - y)
    check(data, Box(0, 12, 16, 1 + place[3]) if band else Box(x, y, w, h), band=band)


def test_frames_grow_where_that_changes_nothing() -> None:
    picture = pattern(16, 8, 16)
    upper = gif(image(picture, (0, 0, 16, 8), 4), table=REDS, size=(16, 12), version=b"GIF87a")
    painted = check(upper, Box(0, 6, 16, 6), band=False)  # it leaves no gap
    assert painted.degradations == () and painted.data.startswith(b"GIF87a")
    painted = check(upper, Box(3, 9, 6, 3), band=False)
    assert "full frames" in painted.degradations[0] and painted.data.startswith(b"GIF89a")
    frames = (control(5, n, 15) + image(make.blob(8, 6, 15, 15), (n, n, 8, 6), 4) for n in (3, 2, 3))
    assert check(gif(*frames, table=REDS, size=(16, 12)), Box(9, 9, 6, 3), band=False).degradations == ()


def test_frames_outside_the_screen_do_not_grow() -> None:
    frames = (control(5, 2, 15) + image(bytes(16), (x, 0, 4, 4), 4) for x in (0, 65_000))
    painted = check(gif(*frames, table=REDS, size=(16, 12)), Box(1, 1, 9, 9), band=False)
    sizes = [struct.unpack_from("<2H", block, 5) for kind, block, _ in blocks(painted.data) if kind == 0x2C]
    assert sizes == [(16, 12)] * 2


def test_what_is_taken_away_from_a_picture_leaves_it_with_the_plate() -> None:
    """Not among the variants: Pillow shows another colour where browsers show nothing."""
    disc = functools.partial(make.blob, colours=16, clear=3)
    data = gif(
        LOOP,
        control(10, 1) + image(pattern(*SIZE, 16), FULL, 4),
        control(20, 2, 3) + image(disc(70, 60), (20, 25, 70, 60), 4),
        control(30, 2, 3) + image(disc(50, 40), (60, 2, 50, 40), 4),
        control(40, 2, 3) + image(disc(20, 20), (5, 60, 20, 20), 4),
        table=REDS,
    )
    painted = check(data, Box(20, 40, 50, 30), band=False)
    assert painted.exact and painted.degradations == (
        "the animation's frames were rewritten as full frames; no pixel outside the notice changes",
    )
    assert check(data, Box(0, 90, 120, 30), band=True).degradations == ()


# ---------------------------------------------------------------- colours


def test_a_frame_without_greys_gets_a_table_of_its_own() -> None:
    data = variant("version-87a")
    painted = check(data, Box(30, 20, 40, 30), band=False)
    assert painted.exact and painted.degradations == () and painted.data[:13] == data[:13]
    assert Image.open(io.BytesIO(painted.data)).getpalette()[:48] == list(REDS)  # type: ignore[index]


def test_a_table_of_its_own_that_has_all_greys_stays() -> None:
    data = gif(image(pattern(*SIZE, 90), FULL, 8, RAMP), table=REDS)
    painted = check(data, Box(30, 20, 40, 30), band=False)
    assert painted.data[: data.index(RAMP) + 768] == data[: data.index(RAMP) + 768]


def test_codes_are_as_short_as_the_colours_allow() -> None:
    painted = check(variant("two-colours"), Box(30, 20, 40, 30), band=False)
    (picture,) = (block for kind, block, _ in blocks(painted.data) if kind == 0x2C)
    assert (picture[9], picture[10 + 3 * 32]) == (0x84, 5)


def test_an_interlaced_frame_stays_so() -> None:
    painted = check(variant("local-table-interlaced"), Box(30, 20, 40, 30), band=False)
    (picture,) = (block for kind, block, _ in blocks(painted.data) if kind == 0x2C)
    assert picture[9] & 0x40


def test_colours_that_only_the_plate_covers_make_room_for_it() -> None:
    pixels = bytearray(bytes(range(200)) * 54)
    box = Box(0, 0, 56, 1)
    pixels[:56] = bytes(range(200, 256))
    assert check(gif(image(bytes(pixels), FULL, 8), table=MUDDY), box, band=False).degradations == ()


def test_a_full_table_lends_its_darkest_and_lightest_colour() -> None:
    table = bytearray(MUDDY)
    table[30:33], table[300:303] = (60, 0, 20), (255, 250, 160)
    data = gif(image(bytes(range(256)) * 42 + bytes(48), FULL, 8), table=bytes(table))
    painted = check(data, Box(30, 40, 60, 20), band=False, exact=False)
    assert painted.degradations == ()
    (region,) = surface(painted.data).regions(Box(30, 40, 60, 20))
    assert {c for _, c in region.getcolors() or ()} == {(60, 0, 20), (255, 250, 160)}


def test_a_full_table_of_like_colours_gives_up_its_two_rarest() -> None:
    data = variant("no-colour-to-spare")
    painted, _ = paint(data, Box(0, 90, 120, 20), band=True)
    assert painted.degradations == (
        "1 of 1 frames had no colour to spare: their two rarest became their neighbours'",
    )
    assert not painted.exact
    before, after = play(data)[0].shown.tobytes(), play(painted.data)[0].shown.tobytes()
    changed = [i for i in range(0, len(before), 4) if before[i : i + 4] != after[i : i + 4]]
    assert 0 < len(changed) <= 2 * 42
    assert max(abs(before[i + k] - after[i + k]) for i in changed for k in range(3)) <= 16
    assert after[4 * 120 * 90 :: 4].count(0) + after[4 * 120 * 90 :: 4].count(255) == 120 * 20


def test_frames_drawn_anew_keep_the_colours_that_they_have() -> None:
    tables = [bytes((i * k) % 251 for i in range(720)) for k in (3, 5)]
    data = gif(
        control(9, 1) + image(bytes(range(220)) * 50, (0, 0, 110, 90), 8, tables[0].ljust(768, b"\0")),
        control(9, 2) + image(bytes(9), (110, 80, 3, 3), 8, tables[1].ljust(768, b"\0")),
    )
    painted = check(data, Box(10, 5, 108, 80), band=False)
    assert painted.exact and "full frames" in painted.degradations[0]


def test_a_grey_picture_stays_grey_for_others() -> None:
    for name in ("grey", "animated-grey"):
        painted = check(variant(name), Box(30, 40, 60, 20), band=False)
        assert Image.open(io.BytesIO(painted.data)).mode == Image.open(io.BytesIO(variant(name))).mode == "L"


def test_frames_drawn_anew_say_when_colours_were_lost() -> None:
    noise = [bytes((i * 37 + j) % 256 for i in range(60 * 45)) for j in range(2)]
    tables = [bytes((i * k + k) % 256 for i in range(768)) for k in (3, 5)]
    frames = (
        control(9, 2) + image(pixels, box, 8, table)
        for pixels, table, box in zip(noise, tables, [(0, 0, 60, 45), (60, 45, 60, 45)], strict=True)
    )
    data = gif(control(9, 1) + image(noise[0], (30, 20, 60, 45), 8, tables[1]), *frames, table=MUDDY)
    painted, _ = paint(data, Box(10, 50, 100, 20))
    assert painted.degradations == (
        "the animation's frames were rewritten as full frames; 3 of them with fewer colours",
    )
    assert not painted.exact
    assert [f.delay for f in play(painted.data)] == [9, 9, 9]


# ---------------------------------------------------------------- bytes


def test_frames_that_the_plate_does_not_meet_keep_their_bytes() -> None:
    data = variant("animated-patches")
    painted = check(data, Box(0, 0, 30, 20), band=False)
    old, new = play(data), play(painted.data)
    assert [a.coded == b.coded for a, b in zip(old, new, strict=True)] == [False, True, True, True]
    painted = check(data, Box(0, 90, 120, 20), band=True)
    assert [a.coded == b.coded for a, b in zip(old, play(painted.data), strict=True)] == [
        False,
        True,
        True,
        True,
    ]


def test_everything_but_pictures_stays_byte_for_byte() -> None:
    for name in VARIANTS:
        data = variant(name) + b"tail"
        painted, _ = paint(data, Box(30, 40, 60, 20))
        rest = [[b for k, b, _ in blocks(d) if k not in (0x2C, 0xF9)] for d in (data, painted.data)]
        assert rest[0] == rest[1]
        end = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        assert painted.data[6:end] == data[6:end]
        assert painted.data.endswith(data[-1 - read(data).trailing :])


def test_what_is_put_where() -> None:
    picture = image(pattern(*SIZE, 4), FULL, 2)
    data = gif(LOOP, picture, table=REDS[:12], version=b"GIF87a") + b"tail"
    assert splice(data, {}) == data
    xmp, store = make.xmp(b"<x/>"), make.application(b"C2PA_GIF\1\0\0", b"j" * 300)
    assert splice(data, {Slot.XMP: b"<x/>"}) == gif(LOOP, picture, xmp, table=REDS[:12]) + b"tail"
    both = splice(data, {Slot.XMP: b"<x/>", Slot.C2PA: b"j" * 300})
    assert both == gif(store, LOOP, picture, xmp, table=REDS[:12]) + b"tail"
    assert read(both).slots == {Slot.XMP: b"<x/>", Slot.C2PA: b"j" * 300}
    assert splice(splice(data, {Slot.C2PA: b"j" * 300}), {Slot.XMP: b"<x/>"}) == both


@pytest.mark.parametrize("name", ["xmp", "xmp-in-sub-blocks", "xmp-twice"])
def test_both_forms_of_xmp_are_read_and_one_takes_their_place(name: str) -> None:
    data = variant(name)
    assert read(data).slots == {Slot.XMP: PACKET}
    kinds = [k for k, _, _ in blocks(data)]
    new = list(blocks(splice(data, {Slot.XMP: b"<y/>"})))
    assert [b for _, b, _ in new].count(make.xmp(b"<y/>")) == sum(b"XMP Data" in b for _, b, _ in new) == 1
    at = next(i for i, (_, b, _) in enumerate(blocks(data)) if b"XMP Data" in b)
    assert new[at][1] == make.xmp(b"<y/>")
    assert [k for k, _, _ in new] == (kinds[:-1] if name == "xmp-twice" else kinds)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=700))
def test_any_packet_is_stepped_over_by_readers_of_sub_blocks(text: str) -> None:
    out = splice(gif(PIXEL, table=REDS), {Slot.XMP: text.encode()})
    assert [k for k, _, _ in blocks(out)] == [0x2C, 0xFF]
    assert read(out).slots == {Slot.XMP: text.encode()}
    plain = gif(PIXEL, make.application(b"XMP DataXMP", text.encode()), table=REDS)
    assert read(plain).slots == {Slot.XMP: text.encode()}


@pytest.mark.parametrize(
    "puts",
    [{Slot.EXIF: b"MM\0*"}, {Slot.NATIVE: b""}, {Slot.XMP: b"a\0b"}, {Slot.XMP: "ә".encode("utf-16-le")}],
)
def test_what_does_not_fit(puts: dict[Slot, bytes]) -> None:
    with pytest.raises(UsageError):
        splice(gif(PIXEL), puts)


def test_fields() -> None:
    assert read(variant("still")).fields == (Field("gif:comment", "Comment", "Дала".encode()),)
    assert read(variant("animated-from-nothing")).fields[0].value == b"a" * 300
    assert read(variant("everything-else")).fields == (
        Field("gif:application", "ImageMagick", b"gamma=0.4"),
        Field("gif:text", "PlainText", b"words"),
    )
    assert read(variant("everything-else")).trailing == 8


def test_essence_is_what_is_shown() -> None:
    frame = control(5) + image(pattern(*SIZE, 4), FULL, 2)
    base = read(gif(LOOP, frame, table=REDS[:12]), essence=True).essence
    assert (
        base == read(gif(make.comment(b"a"), LOOP, frame, make.xmp(), table=REDS[:12]), essence=True).essence
    )
    for other in (
        gif(frame, table=REDS[:12]),
        gif(LOOP, frame, table=REDS[3:15]),
        gif(LOOP, frame, table=REDS[:12], size=(120, 91)),
        gif(LOOP, frame, table=REDS[:12], size=(121, 90)),
        gif(LOOP, control(6) + frame[8:], table=REDS[:12]),
        gif(LOOP, frame, frame, table=REDS[:12]),
        gif(LOOP, make.application(b"ICCRGBG1012", b"p"), frame, table=REDS[:12]),
        gif(LOOP, frame[:-4] + b"\0" + frame[-3:], table=REDS[:12]),
    ):
        assert read(other, essence=True).essence != base


def test_a_screen_too_small_grows_to_the_first_picture() -> None:
    data = gif(image(pattern(30, 20, 4), (2, 3, 30, 20), 2), table=REDS[:12], size=(0, 0))
    assert read(data).size == (32, 23) == Image.open(io.BytesIO(data)).size
    painted, _ = paint(data, Box(0, 23, 32, 9), band=True)
    assert read(painted.data).size == (32, 32)
    painted, _ = paint(data, Box(4, 4, 9, 9))
    assert painted.data[6:10] == bytes(4) and read(painted.data).size == (32, 23)
    beyond = gif(image(pattern(16, 12, 4), (0, 0, 16, 12), 2), image(pattern(16, 12, 4, 1), (9, 9, 16, 12), 2),
                 table=REDS[:12], size=(16, 12))  # fmt: skip
    assert read(beyond).size == (16, 12)
    check(beyond, Box(5, 5, 11, 7), band=False)
    check(beyond, Box(0, 12, 16, 9), band=True)


# ---------------------------------------------------------------- files made to hurt


def test_sub_blocks_that_lie() -> None:
    whole = gif(image(pattern(*SIZE, 16), FULL, 4), table=REDS)
    at = whole.index(b"\xff", 100)
    for bad in (
        whole[:at] + b"\xff",
        whole[:at] + b"\xff" * 200,
        whole[:at] + b"\xff" * 256,
        whole[:at] + b"\xff" * 70_000,
        whole[:at] + b"\xfe" + whole[at + 1 :],
        whole[:-1],
        whole[:-1] + b"\0;",
    ):
        with pytest.raises(UnreadableError):
            read(bad)


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a", b"GIF88a" + gif(PIXEL)[6:], gif(), gif(LOOP), gif(image(b"", (0, 0, 0, 0), 2), size=(0, 0)),
        gif(b"!\xf9\3\0\0\0\0", PIXEL), gif(b"!\xf9\0", PIXEL), gif(b"?" + PIXEL), gif(b"\0", PIXEL), gif(PIXEL)[:-1],
        gif(PIXEL)[:10] + b"\xf7\0\0" + gif(PIXEL)[13:],
    ],
)  # fmt: skip
def test_malformed_structure(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        gif(PIXEL, size=(65535, 65535)),
        gif(PIXEL, b"," + struct.pack("<4HB", 0, 0, 65535, 65535, 0) + b"\2\0"),
        gif(*[PIXEL] * 2001),
        gif(*[PIXEL] * 12, size=(16000, 10000)),
        gif(*[make.comment(b"")] * 100_001, PIXEL),
    ],
    ids=["screen", "frame", "frames", "all-frames", "blocks"],
)
def test_bombs_are_stopped_before_pixels_are_decoded(data: bytes) -> None:
    for act in (read, surface):
        with pytest.raises(LimitError):
            act(data)


def test_the_limit_of_bytes() -> None:
    with pytest.raises(LimitError):
        read(gif(PIXEL), Limits(max_bytes=20))


@pytest.mark.parametrize(
    "coded",
    [b"\2\0", b"\2" + sub_blocks(b"\x84"), b"\2" + sub_blocks(b"\xff" * 9), b"\0\0", b"\x0d" + sub_blocks(b"\0" * 40),
     b"\xff" + sub_blocks(b"\0" * 40), b"\2" + sub_blocks(lzw(bytes(10), 2))],
)  # fmt: skip
def test_pixels_that_cannot_be_decoded(coded: bytes) -> None:
    data = gif(b"," + struct.pack("<4HB", 0, 0, 9, 9, 0) + coded, table=REDS, size=(9, 9))
    assert read(data).size == (9, 9)
    for job in (
        lambda s: s.regions(Box(0, 0, 4, 4)),
        lambda s: s.paint(Image.new("RGB", (4, 4)), Box(0, 0, 4, 4)),
    ):
        with pytest.raises(UnreadableError):
            job(surface(data))


def test_colours_beyond_the_table_do_not_matter() -> None:
    data = gif(image(bytes(range(16)) * 8, (0, 0, 16, 8), 4), table=REDS[:6], size=(16, 8))
    old, new = (surface(d).regions(Box(0, 0, 16, 2)) for d in (data, paint(data, Box(4, 4, 8, 4))[0].data))
    assert old[0].tobytes() == new[0].tobytes()


def test_a_picture_too_tall_for_gif_is_a_typed_error() -> None:
    target = surface(gif(image(bytes(9), (0, 0, 1, 9), 2), size=(1, 65530)))
    box = target.fit(Box(0, 65530, 1, 20), band=True)
    with pytest.raises(UsageError):
        target.paint(Image.new("RGB", (1, 20)), box, band=True)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_blocks_at_all(body: bytes) -> None:
    data = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + REDS[:6] + body
    for act in (read, lambda d: splice(d, {Slot.XMP: PACKET}), lambda d: paint(d, Box(1, 1, 4, 4))):
        try:
            act(data)
        except LabelError as e:
            assert e.message


# ---------------------------------------------------------------- other people's tools


@pytest.mark.parametrize("name", [n for n in VARIANTS if n != "everything-else"])
def test_gifsicle_finds_no_fault(name: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    gifsicle, data = tool("gifsicle"), splice(variant(name), {Slot.XMP: PACKET})
    for content in (
        data,
        paint(data, Box(20, 40, 50, 30))[0].data,
        paint(data, Box(0, 90, 120, 9), band=True)[0].data,
    ):
        path = tmp_path / "a.gif"
        path.write_bytes(content)
        run = subprocess.run([gifsicle, "--info", path], capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (0, "")
        assert f"{len(play(data))} image" in run.stdout


@pytest.mark.parametrize("name", VARIANTS)
def test_exiftool_reads_what_is_put(name: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(splice(variant(name), {Slot.XMP: PACKET}))
    run = subprocess.run([tool("exiftool"), "-s3", "-XMP:Source", path], capture_output=True, text=True)
    assert run.stdout == "Steppe\n"


@pytest.mark.parametrize("name", ["still", "animated", "animated-cropped", "xmp"])
def test_a_signed_gif_is_read_and_labelled_again(name: str) -> None:
    options: dict[str, Any] = {"notice": "band"}
    first = labeler.add(variant(name), None, label(), **options)
    assert read(first.data).slots.keys() == {Slot.XMP, Slot.C2PA} and first.sidecar_data is None
    second = labeler.add(first.data, None, label(system="Another 2"), **options)
    assert second.notice == first.notice or second.notice.mode == "band"
    assert labeler.verify(second.data).verdict == "labelled"
    assert labeler.add(second.data, None, label(system="Another 2"), **options).unchanged


def test_real_files(corpus: Path) -> None:
    paths = sorted(corpus.rglob("*.gif"))
    assert paths
    for path in paths:
        data = path.read_bytes()
        found = read(data, essence=True)
        assert found.size == Image.open(path).size
        new = splice(data, {Slot.XMP: PACKET})
        assert read(new, essence=True).essence == found.essence and read(new).slots[Slot.XMP] == PACKET
        width, height = found.size or (0, 0)
        check(data, Box(0, height, width, 20), band=True)
