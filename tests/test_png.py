"""PNG and APNG: exact bytes, hostile files, and samples proved by a slow decoder that shares no code with ours."""

from __future__ import annotations

import functools
import io
import itertools
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from variants import png as make
from variants.png import ADAM7, CHANNELS, FULL, VARIANTS, apng, chunk, paeth, plte, png, ramp

from labeler.errors import LabelError, LimitError, NoticeError, UnreadableError, UsageError
from labeler.media import Box, Field, Limits, RasterSurface, Slot
from labeler.media.pixels import flat
from labeler.media.png import MEDIUM, walk

LIMITS = Limits()
KINDS = [
    (d, c)
    for c, ds in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for d in ds
]
Rows = list[list[tuple[int, ...]]]


@functools.cache
def variant(name: str) -> bytes:
    return VARIANTS[name]()


# ---------------------------------------------------------------- the slow decoder


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, kind = 8, b""
    while kind != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert data[at + 8 + length : at + 12 + length] == zlib.crc32(kind + body).to_bytes(4, "big"), kind
        yield kind, body
        at += 12 + length


def decode(stream: bytes, size: tuple[int, int], depth: int, colour: int, interlaced: bool) -> Rows:
    """Samples by pixel, row by row, as the specification says it."""
    channels, data, at = CHANNELS[colour], zlib.decompress(stream), 0
    unit, out = max(1, depth * channels // 8), [[()] * size[0] for _ in range(size[1])]
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, lines = range(x0, size[0], dx), range(y0, size[1], dy)
        if not columns or not lines:
            continue
        wide = (len(columns) * channels * depth + 7) // 8
        above = bytearray(wide)
        for y in lines:
            kind, row = data[at], bytearray(data[at + 1 : at + 1 + wide])
            at += 1 + wide
            for i in range(wide):
                a, c = (row[i - unit], above[i - unit]) if i >= unit else (0, 0)
                b = above[i]
                row[i] = row[i] + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind] & 255
            bits = int.from_bytes(row, "big")
            samples = [
                bits >> 8 * wide - depth * (k + 1) & (1 << depth) - 1 for k in range(len(columns) * channels)
            ]
            for k, x in enumerate(columns):
                out[y][x] = tuple(samples[k * channels : (k + 1) * channels])
            above = row
    assert at == len(data)
    return out


class File:
    """Every picture of a file, decoded slowly, and played as the specification says."""

    def __init__(self, data: bytes) -> None:
        self.size, self.frames, self.controls, self.numbers = (0, 0), [], [], []
        self.palette, self.clear, self.loops = b"", b"", b""
        streams: list[tuple[bytes | None, bytearray]] = []
        for kind, body in chunks(data):
            match kind:
                case b"IHDR":
                    *size, self.depth, self.colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
                    self.size, self.interlaced = tuple(size), bool(interlaced)
                case b"PLTE":
                    self.palette = body
                case b"tRNS":
                    self.clear = body
                case b"acTL":
                    self.loops = body
                case b"fcTL":
                    self.numbers.append(int.from_bytes(body[:4], "big"))
                    streams.append((body[4:], bytearray()))
                case b"IDAT":
                    if not streams:
                        streams.append((None, bytearray()))
                    streams[-1][1].extend(body)
                case b"fdAT":
                    self.numbers.append(int.from_bytes(body[:4], "big"))
                    streams[-1][1].extend(body[4:])
        for control, stream in streams:
            size = struct.unpack_from(">II", control) if control else self.size
            self.frames.append(decode(bytes(stream), size, self.depth, self.colour, self.interlaced))
            self.controls.append(control)

    def rgba(self, sample: tuple[int, ...]) -> tuple[int, int, int, int]:
        """8-bit RGBA of a pixel."""
        if self.colour == 3:
            (i,) = sample
            return (*self.palette[3 * i : 3 * i + 3], self.clear[i] if i < len(self.clear) else 255)
        key = struct.unpack(f">{len(self.clear) // 2}H", self.clear) if self.colour in (0, 2) else ()
        top = (1 << self.depth) - 1
        v = [s >> 8 if self.depth == 16 else s * 255 // top for s in sample]
        alpha = v.pop() if self.colour in (4, 6) else 0 if sample == key else 255
        return (*(v * 3)[:3], alpha)

    def played(self) -> list[Rows]:
        """What each picture shows, RGBA; alpha is all or nothing in what these tests play."""
        width, height = self.size
        canvas = [[(0, 0, 0, 0)] * width for _ in range(height)]
        out, first = [], True
        for frame, control in zip(self.frames, self.controls, strict=True):
            shown = [[self.rgba(s) for s in row] for row in frame]
            if control is None:
                out.append(shown)
                continue
            w, h, x0, y0, _, _, dispose, blend = struct.unpack(">4IHHBB", control)
            before = [list(row) for row in canvas]
            for y, x in itertools.product(range(h), range(w)):
                if not blend or shown[y][x][3]:
                    canvas[y0 + y][x0 + x] = shown[y][x]
            out.append([list(row) for row in canvas])
            if dispose == 1 or (dispose == 2 and first):
                for y in range(y0, y0 + h):
                    canvas[y][x0 : x0 + w] = [(0, 0, 0, 0)] * w
            elif dispose == 2:
                canvas = before
            first = False
        return out


def upright(rows: Rows, orientation: int) -> Rows:
    """EXIF 2.32, 4.6.4 A: where the 0th row and column of the stored picture are when it is shown."""
    turned = [list(row) for row in zip(*rows, strict=True)]  # 0th row left, 0th column on top
    return {
        1: lambda: rows,
        2: lambda: [row[::-1] for row in rows],
        3: lambda: [row[::-1] for row in rows[::-1]],
        4: lambda: rows[::-1],
        5: lambda: turned,
        6: lambda: [row[::-1] for row in turned],
        7: lambda: [row[::-1] for row in turned[::-1]],
        8: lambda: turned[::-1],
    }[orientation]()


# ---------------------------------------------------------------- painting


def surface(data: bytes) -> RasterSurface:
    out = MEDIUM.surface(io.BytesIO(data), LIMITS)
    assert isinstance(out, RasterSurface)
    return out


def plate_for(box: Box) -> Image.Image:
    """Colours of all kinds in the corner, for the file to hold as well as it can."""
    plate = Image.new("RGB", (box.w, box.h))
    plate.paste((255, 255, 255), (box.w // 3, box.h // 3, box.w, box.h))
    plate.putpixel((0, 0), (200, 30, 90))
    return plate


def expected(pixel: tuple[int, int, int], depth: int, colour: int) -> tuple[int, ...]:
    luma = (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16
    values = (luma,) if colour in (0, 4) else pixel
    if colour in (4, 6):
        values = (*values, 255)
    return tuple(v * 257 if depth == 16 else round(v * ((1 << depth) - 1) / 255) for v in values)


def sample_file(
    depth: int, colour: int, size: tuple[int, int], interlaced: bool, before: Sequence[bytes] = ()
) -> bytes:
    if colour != 3:
        return png(depth, colour, size=size, interlaced=interlaced, before=before)
    count = 1 << depth
    return png(
        depth,
        3,
        make.indexed(depth, count),
        size=size,
        interlaced=interlaced,
        before=[plte(ramp(count)), *before],
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_sample_outside_the_box_stays_and_inside_is_the_plate(data: st.DataObject) -> None:
    (depth, colour), interlaced = data.draw(st.sampled_from(KINDS)), data.draw(st.booleans())
    width, height = data.draw(st.integers(1, 21)), data.draw(st.integers(1, 21))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    old = sample_file(depth, colour, (width, height), interlaced)
    plate = plate_for(box)
    painted = surface(old).paint(plate, box)
    assert painted.degradations == ()
    before, after = File(old), File(painted.data)
    assert (before.size, before.depth, before.colour, before.interlaced) == (
        after.size,
        after.depth,
        after.colour,
        after.interlaced,
    )
    for j, i in itertools.product(range(height), range(width)):
        got, place = after.frames[0][j][i], (i - x, j - y)
        if not (0 <= place[0] < box.w and 0 <= place[1] < box.h):
            assert got == before.frames[0][j][i]
        elif colour != 3:
            assert got == expected(plate.getpixel(place), depth, colour)
        elif place != (0, 0):
            assert max(abs(a - b) for a, b in zip(after.rgba(got), plate.getpixel(place), strict=False)) <= 8


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (4, 3), (8, 2), (16, 6)])
def test_band_grows_where_the_viewer_sees_the_lower_edge(
    depth: int, colour: int, orientation: int, interlaced: bool
) -> None:
    turn = chunk(b"eXIf", make.exif_block(orientation))
    old = sample_file(depth, colour, (19, 11), interlaced, before=[turn])
    target = surface(old)
    width, height = target.size
    box = target.fit(Box(0, height, width, 5), band=True)
    plate = plate_for(box)
    painted = target.paint(plate, box, band=True)
    after, before = File(painted.data), File(old)
    new = upright(after.frames[0], orientation)
    assert new[:height] == upright(before.frames[0], orientation)
    assert [len(row) for row in new] == [width] * (height + 5)
    if colour == 3:
        shown = [[after.rgba(p)[1] > 128 for p in row] for row in new[height:]]
        assert shown == [[plate.getpixel((x, y))[1] > 128 for x in range(width)] for y in range(5)]
    else:
        assert new[height:] == [
            [expected(plate.getpixel((x, y)), depth, colour) for x in range(width)] for y in range(5)
        ]


def test_rows_away_from_the_box_keep_their_filtered_bytes() -> None:
    old = variant("rgb16")
    box = Box(10, 30, 40, 20)
    new = surface(old).paint(plate_for(box), box).data
    before, after = (zlib.decompress(b"".join(b for k, b in chunks(d) if k == b"IDAT")) for d in (old, new))
    stride = 1 + make.SIZE[0] * 6
    assert after[: 30 * stride] == before[: 30 * stride]
    assert after[51 * stride :] == before[51 * stride :]
    assert {after[y * stride] for y in range(30, 51)} == {2}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_other_chunk_stays_where_it_is(name: str) -> None:
    old = variant(name)
    target = surface(old)
    box = Box(target.size[0] // 8, target.size[1] // 2, target.size[0] // 3, target.size[1] // 5)
    painted = target.paint(plate_for(box), box)

    def kept(data: bytes) -> list[tuple[bytes, bytes]]:
        pixels = (b"IDAT", b"fdAT", b"PLTE", b"tRNS", b"hIST", b"fcTL" if painted.degradations else b"")
        return [(k, body[4:] if k == b"fcTL" else body) for k, body in chunks(data) if k not in pixels]

    assert kept(painted.data) == kept(old)
    assert painted.data.endswith(old[walk(old, LIMITS)[1][-1].start :])


def test_pieces_of_a_large_stream_are_bounded() -> None:
    noise = Image.effect_noise((1300, 900), 90)
    out = io.BytesIO()
    Image.merge("RGB", (noise, noise.rotate(180), noise)).save(out, "PNG", compress_level=1)
    box = Box(0, 0, 90, 40)
    new = surface(out.getvalue()).paint(plate_for(box), box).data
    lengths = [len(body) for kind, body in chunks(new) if kind == b"IDAT"]
    assert len(lengths) > 1 and max(lengths) == 1 << 20
    (region,) = surface(new).regions(box)
    assert ImageChops.difference(region, plate_for(box)).getbbox() is None


# ---------------------------------------------------------------- animations


def check_animation(old: bytes, box: Box) -> tuple[str, ...]:
    painted = surface(old).paint(plate_for(box), box)
    before, after = File(old), File(painted.data)
    assert after.size == before.size and after.loops == before.loops
    assert after.numbers == list(range(len(after.numbers)))
    assert [c and c[16:20] for c in after.controls] == [c and c[16:20] for c in before.controls]
    plate = plate_for(box)
    assert len(after.frames) == len(before.frames)
    for was, now in zip(before.played(), after.played(), strict=True):
        for y, x in itertools.product(range(before.size[1]), range(before.size[0])):
            inside = box.x <= x < box.x + box.w and box.y <= y < box.y + box.h
            if not inside:
                assert was[y][x][3] == now[y][x][3] and (was[y][x] == now[y][x] or not now[y][x][3])
            elif (x, y) != (box.x, box.y):
                level = plate.getpixel((x - box.x, y - box.y))[0]
                assert now[y][x][3] == 255 and abs(now[y][x][0] - level) <= 8
    regions = surface(painted.data).regions(box)
    assert len(regions) == len(after.frames)
    return painted.degradations


HALF = (FULL[0] // 2, FULL[1])
SMALL = (60, 40)
PIECE = (30, 20)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 0), (4, 3), (8, 2), (16, 2), (8, 6)])
def test_frames_keep_what_they_are(depth: int, colour: int, hidden: bool, interlaced: bool) -> None:
    frames = [
        (SMALL, (0, 0), 0, 0),
        (PIECE, (7, 11), 2, 1),
        (PIECE, (30, 20), 0, 1),
        ((1, 1), (59, 39), 0, 0),
    ]
    old = apng(
        depth,
        colour,
        frames,
        hidden=hidden,
        size=SMALL,
        interlaced=interlaced,
        pieces=2,
        picture=make.sticker if colour == 6 else None if colour != 3 else lambda _: make.indexed(4, 9),
        before=[plte(ramp(9))] if colour == 3 else [],
    )
    assert check_animation(old, Box(5, 15, 31, 13)) == ()


@pytest.mark.parametrize(
    "frames",
    [
        [(SMALL, (0, 0), 1, 0), (PIECE, (7, 11), 0, 0)],
        [(SMALL, (0, 0), 2, 0), (PIECE, (7, 11), 0, 1)],
        [(SMALL, (0, 0), 0, 0), (PIECE, (7, 11), 1, 1), (PIECE, (0, 0), 2, 1), (SMALL, (0, 0), 1, 1)],
    ],
)
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 0), (4, 3), (8, 2), (8, 6), (16, 6)])
def test_plate_that_would_be_cleared_costs_full_frames(
    depth: int, colour: int, frames: list[make.Frame]
) -> None:
    old = apng(
        depth,
        colour,
        frames,
        size=SMALL,
        picture={6: make.sticker if depth == 8 else opaque16, 3: lambda _: make.indexed(4, 9)}.get(colour),
        before=[plte(ramp(9)), chunk(b"bKGD", b"\1"), chunk(b"prVt", b"kept")] if colour == 3 else [],
    )
    (said,) = check_animation(old, Box(5, 15, 31, 13))
    assert ("8 bits" in said) == (depth == 16)
    assert ("no pixel outside" in said) == (depth != 16)


def opaque16(turn: int) -> make.Picture:
    return lambda x, y: ((x * 911 + turn) & 65535, y * 1001 & 65535, x * y & 65535, 65535)


def test_first_frame_beside_the_notice_of_a_hidden_default_image() -> None:
    old = apng(
        8, 6, [(PIECE, (0, 0), 0, 0), (PIECE, (7, 11), 0, 0)], size=SMALL, picture=make.sticker, hidden=True
    )
    assert check_animation(old, Box(20, 25, 31, 13)) != ()


def test_frames_that_the_box_misses_are_not_coded_anew() -> None:
    old = apng(
        8, 6, [(SMALL, (0, 0), 0, 0), (PIECE, (0, 0), 0, 0)], size=SMALL, picture=make.sticker, pieces=5
    )
    new = surface(old).paint(plate_for(Box(5, 25, 31, 13)), Box(5, 25, 31, 13)).data
    assert [b for k, b in chunks(new) if k == b"fdAT"] == [b for k, b in chunks(old) if k == b"fdAT"]


@pytest.mark.parametrize("orientation", [1, 6, 3])
@pytest.mark.parametrize("dispose", [0, 1])
def test_band_under_an_animation(orientation: int, dispose: int) -> None:
    turn = chunk(b"eXIf", make.exif_block(orientation))
    frames = [(SMALL, (0, 0), dispose, 0), (PIECE, (7, 11), 0, 1), (SMALL, (0, 0), 0, 1)]
    old = apng(8, 6, frames, size=SMALL, picture=make.sticker, before=[turn], hidden=True)
    target = surface(old)
    width, height = target.size
    box = Box(0, height, width, 9)
    painted = target.paint(plate_for(box), box, band=True)
    assert bool(painted.degradations) == bool(dispose)
    before, after = File(old), File(painted.data)
    for was, now in zip(before.played(), after.played(), strict=True):
        shown = upright(now, orientation)
        assert [[p for p in row if p[3]] for row in shown[:height]] == [
            [p for p in row if p[3]] for row in upright(was, orientation)
        ]
        plate = plate_for(box)
        assert [row[1:] for row in shown[height:]] == [
            [(*plate.getpixel((x, y)), 255) for x in range(1, width)] for y in range(9)
        ]


# ---------------------------------------------------------------- colours


def test_palette_gets_greys_while_there_is_room() -> None:
    old = variant("palette4")
    box = Box(10, 10, 50, 30)
    new = File(surface(old).paint(Image.linear_gradient("L").resize((50, 30)).convert("RGB"), box).data)
    before = File(old)
    assert new.palette.startswith(before.palette) and len(new.palette) == 48
    assert new.palette[27:] == bytes(v for grey in (0, 255, 136, 68, 102, 170, 238) for v in (grey,) * 3)
    assert len(dict(chunks(surface(old).paint(plate_for(box), box).data))[b"hIST"]) == 32
    again = surface(surface(old).paint(plate_for(box), box).data).paint(plate_for(box), box).data
    assert File(again).palette == new.palette


def test_full_palette_takes_its_darkest_and_lightest() -> None:
    old = png(
        2, 3, make.indexed(2, 4), before=[plte([(40, 0, 0), (90, 90, 0), (200, 0, 0), (255, 255, 200)])]
    )
    box = Box(10, 10, 50, 30)
    new = File(surface(old).paint(plate_for(box), box).data)
    assert {new.frames[0][y][x] for y in range(10, 40) for x in range(10, 60)} == {(0,), (3,)}
    assert len(new.palette) == 12


@pytest.mark.parametrize(
    ("entries", "clear"),
    [
        ([(120, 60, 60), (255, 255, 200)], b""),
        ([(0, 0, 0), (255, 255, 255)], b"\0"),
        ([(0, 0, 0)] * 2, b"\0\0"),
    ],
)
def test_palette_without_contrast_is_refused(entries: list[tuple[int, int, int]], clear: bytes) -> None:
    old = png(1, 3, make.indexed(1, 2), before=[plte(entries), chunk(b"tRNS", clear)])
    box = Box(10, 10, 50, 30)
    with pytest.raises(NoticeError) as caught:
        surface(old).paint(plate_for(box), box)
    assert "RGB" in caught.value.hint


def test_transparency_beyond_the_palette_does_not_reach_new_entries() -> None:
    old = png(8, 3, make.indexed(8, 5), before=[plte(ramp(5, 40, 200)), chunk(b"tRNS", bytes(9))])
    box = Box(10, 10, 50, 30)
    plate = Image.new("RGB", (50, 30), "white")
    painted = surface(old).paint(plate, box).data
    new = File(painted)
    assert new.clear == bytes(5) and len(new.palette) == 3 * 21
    assert ImageChops.difference(surface(painted).regions(box)[0], plate).getbbox() is None


@pytest.mark.parametrize(
    ("depth", "colour", "key"),
    [(2, 0, (0,)), (4, 0, (15,)), (8, 0, (0,)), (16, 0, (65535,)), (8, 2, (0, 0, 0)), (16, 2, (65535,) * 3)],
)
def test_plate_never_has_the_transparent_colour(depth: int, colour: int, key: tuple[int, ...]) -> None:
    old = png(depth, colour, before=[chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))])
    box = Box(10, 10, 50, 30)
    new = surface(old).paint(plate_for(box), box).data
    after = File(new)
    inside = {after.frames[0][y][x] for y in range(10, 40) for x in range(10, 60)}
    step = 257 if depth == 16 else 1
    assert key not in inside
    assert (*key[:-1], key[-1] - step if key[-1] else step) in inside


def test_one_bit_grey_with_a_transparent_colour_is_refused() -> None:
    old = png(1, 0, before=[chunk(b"tRNS", b"\0\0")])
    with pytest.raises(NoticeError):
        surface(old).paint(plate_for(Box(0, 0, 9, 9)), Box(0, 0, 9, 9))


# ---------------------------------------------------------------- regions


DIFFER = {"grey16", "rgb16-trns"}  # where Pillow 13 shows something else


@pytest.mark.parametrize(
    "name", [n for n in VARIANTS if not n.startswith(("apng", "orientation")) and n not in DIFFER]
)
def test_regions_are_what_pillow_shows(name: str) -> None:
    data = variant(name)
    target = surface(data)
    (region,) = target.regions(Box(0, 0, *target.size))
    assert ImageChops.difference(region, flat(Image.open(io.BytesIO(data)).convert("RGBA"))).getbbox() is None
    (part,) = target.regions(Box(3, 5, 40, 31))
    assert ImageChops.difference(part, region.crop((3, 5, 43, 36))).getbbox() is None


@pytest.mark.parametrize(
    "name", ["apng-parts", "apng-vanishing", "apng-hidden", "apng-rgb16", "apng-palette", "grey16"]
)
def test_regions_are_what_the_specification_shows(name: str) -> None:
    data = variant(name)
    target = surface(data)
    regions = target.regions(Box(3, 5, 100, 70))
    for region, shown in zip(regions, File(data).played(), strict=True):
        grey = [p[:3] if p[3] else (128, 128, 128) for row in shown[5:75] for p in row[3:103]]
        assert list(zip(*[iter(region.tobytes())] * 3, strict=True)) == grey


def test_regions_of_sixteen_bit_transparency() -> None:
    picture = lambda x, y: (256 if x % 2 else 257,)  # noqa: E731
    data = png(16, 0, picture, before=[chunk(b"tRNS", b"\1\1")])
    (region,) = surface(data).regions(Box(0, 0, 2, 1))
    assert region.tobytes() == b"\x80\x80\x80\1\1\1"


@pytest.mark.parametrize("box", [Box(-1, 0, 5, 5), Box(0, 0, 122, 5), Box(0, 80, 5, 5), Box(4, 4, 0, 5)])
def test_box_outside_the_picture_is_refused(box: Box) -> None:
    target = surface(variant("rgb8"))
    with pytest.raises(UsageError):
        target.regions(box)
    with pytest.raises(UsageError):
        target.paint(Image.new("RGB", (max(1, box.w), box.h)), box)


def test_plate_of_another_size_is_refused() -> None:
    target = surface(variant("rgb8"))
    with pytest.raises(UsageError):
        target.paint(Image.new("RGB", (4, 5)), Box(0, 0, 5, 5))
    with pytest.raises(UsageError):
        target.paint(Image.new("RGB", (5, 5)), Box(0, 83, 5, 5), band=True)


# ---------------------------------------------------------------- slots and fields


def splice(data: bytes, puts: dict[Slot, bytes]) -> bytes:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, puts)
    return out.getvalue()


def read(data: bytes, limits: Limits = LIMITS, *, essence: bool = False) -> dict[str, object]:
    return vars(MEDIUM.read(io.BytesIO(data), limits, essence=essence))


TIFF = make.exif_block(1)
HEAD = 8 + 25  # signature and IHDR


def test_new_chunks_stand_right_after_the_header() -> None:
    old = variant("texts")
    new = splice(old, {Slot.C2PA: b"jumb", Slot.EXIF: TIFF, Slot.XMP: make.XMP})
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + make.XMP)
    assert new == old[:HEAD] + xmp + chunk(b"eXIf", TIFF) + chunk(b"caBX", b"jumb") + old[HEAD:]
    assert read(new)["slots"] == {Slot.XMP: make.XMP, Slot.EXIF: TIFF, Slot.C2PA: b"jumb"}


def test_a_chunk_that_is_there_is_replaced_in_place() -> None:
    old = variant("xmp-compressed-late")
    new = splice(old, {Slot.XMP: b"<new/>"})
    at = old.index(b"iTXt") - 4
    assert new == old[:at] + chunk(b"iTXt", make.XMP_HEAD + bytes(4) + b"<new/>") + chunk(b"IEND")
    assert splice(old, {}) == old


def test_second_packets_stay() -> None:
    old = variant("xmp-twice")
    assert old.count(b"XML:com.adobe.xmp") == 2
    new = splice(old, {Slot.XMP: make.XMP})
    assert new.count(b"XML:com.adobe.xmp") == 2 and new.index(make.XMP) == old.index(make.XMP)


@pytest.mark.parametrize(
    ("slot", "payload"),
    [(Slot.XMP, b"\xff\xfe<"), (Slot.XMP, b"<a\0/>"), (Slot.EXIF, b"Exif\0\0II*\0"), (Slot.NATIVE, b"x")],
)
def test_payload_that_does_not_fit_is_a_usage_error(slot: Slot, payload: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        splice(variant("rgb8"), {slot: payload})
    assert caught.value.hint


def test_every_text_is_a_field_but_not_what_trails() -> None:
    texts = (
        Field("png:tEXt", "Software", b"caf\xe9 1.0"),
        Field("png:zTXt", "parameters", b"steps: 20, " * 30),
        Field("png:iTXt", "Title", "Қазақ".encode()),
        Field("png:iTXt", "workflow", '{"nodes": "ә"}'.encode()),
    )
    content = read(variant("texts"))
    late = tuple(Field(t.where.replace(":", ":late-"), t.key, t.value) for t in texts[::-1])
    assert content["fields"] == (*texts, *late) and content["slots"] == {}
    content = read(variant("trailing"))
    assert content["fields"] == () and content["trailing"] == len(
        b'{"sefd": "tEXtComment\0AI"}' + make.TEXTS[0]
    )


def test_exif_fields_and_orientation_are_read() -> None:
    for name in ("orientation6", "orientation6-late-prefixed"):
        content = read(variant(name))
        assert content["size"] == make.SIZE[::-1]
        assert content["slots"] == {Slot.EXIF: make.exif_block(6)}
        assert [f.value.rstrip(b"\0") for f in content["fields"]] == [b"a picture"]


def test_essence_is_the_picture_and_not_how_it_is_cut() -> None:
    whole, cut = read(variant("rgb8-filters"), essence=True), read(variant("small-idats"), essence=True)
    assert whole["essence"] == cut["essence"]
    names = [d.name for d in read(variant("colour-chunks"), essence=True)["essence"]]
    assert names == ["IHDR", "gAMA", "sBIT", "pHYs", "bKGD", "IDAT", "IEND"]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"prVt", b"tEXt", b"abCd", b"vpAg", b"eXIf", b"caBX"]), st.binary(max_size=60)
        ),
        max_size=12,
    ),
    st.binary(max_size=20),
)
def test_chunks_come_back_and_splice_keeps_them(parts: list[tuple[bytes, bytes]], trailing: bytes) -> None:
    data = png(1, 0, size=(3, 2), before=[chunk(*part) for part in parts], trailing=trailing)
    _, found = walk(data, LIMITS)
    assert [(c.kind, c.body(data)) for c in found[1:-2]] == parts
    assert splice(data, {}) == data
    new = splice(data, {Slot.XMP: make.XMP})
    assert [(c.kind, c.body(new)) for c in walk(new, LIMITS)[1][2:-2]] == parts and new.endswith(trailing)


# ---------------------------------------------------------------- hostile files


def refused(data: bytes, kind: type[UnreadableError] = UnreadableError, limits: Limits = LIMITS) -> str:
    with pytest.raises(kind) as caught:
        read(data, limits)
    assert caught.value.hint
    return caught.value.message


BOMB = zlib.compress(bytes(1 << 22))


@pytest.mark.parametrize(
    "bomb",
    [
        [chunk(b"zTXt", b"a\0\0" + BOMB)],
        [chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)],
        [chunk(b"iTXt", make.XMP_HEAD + b"\1\0\0\0" + BOMB)],
        [chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300_000)))] * 4,
    ],
)
def test_texts_that_inflate_too_far_hit_the_limit(bomb: list[bytes]) -> None:
    limits = Limits(max_inflated=1_000_000)
    assert "decompressed" in refused(png(1, 0, size=(3, 2), before=bomb), LimitError, limits)
    assert read(png(1, 0, size=(3, 2), before=bomb))["size"] == (3, 2)


def test_counts_and_sizes_hit_the_limit() -> None:
    many = png(1, 0, size=(3, 2), before=[chunk(b"prVt")] * 50)
    assert "chunks" in refused(many, LimitError, Limits(max_parts=40))
    huge = chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 8, 2, 0, 0, 0))
    flood = make.MAGIC + huge + chunk(b"IDAT", b"x") + chunk(b"IEND")
    assert "pixels" in refused(flood, LimitError)
    with pytest.raises(LimitError):
        surface(flood)
    frames = chunk(b"acTL", struct.pack(">II", 1 << 31, 0))
    assert "frame" in refused(png(1, 0, size=(3, 2), before=[frames]), LimitError)


def test_pixels_that_inflate_too_far_are_not_inflated() -> None:
    data = zlib.compress(bytes(1 << 28))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))
    bomb = make.MAGIC + head + chunk(b"IDAT", data) + chunk(b"IEND")
    painted = surface(bomb).paint(Image.new("RGB", (9, 9)), Box(0, 0, 9, 9)).data
    assert len(painted) < 200


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IEND"])
def test_wrong_checksum_is_damage(kind: bytes) -> None:
    data = bytearray(variant("palette8-trns"))
    data[data.index(kind) - 4 + 8 + int.from_bytes(data[data.index(kind) - 4 : data.index(kind)], "big")] ^= 1
    assert kind.decode() in refused(bytes(data))


def test_wrong_checksum_of_pixels_is_found_where_they_are_looked_at() -> None:
    data = variant("rgb8")
    data = data[:-13] + bytes([data[-13] ^ 1]) + data[-12:]
    assert read(data)["size"] == make.SIZE
    with pytest.raises(UnreadableError, match="IDAT"):
        read(data, essence=True)


def header(**changes: int) -> bytes:
    values = {"w": 3, "h": 2, "depth": 8, "colour": 0, "packing": 0, "filtering": 0, "interlace": 0} | changes
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *values.values()))


IDAT, IEND = chunk(b"IDAT", zlib.compress(bytes(8))), chunk(b"IEND")


@pytest.mark.parametrize(
    "parts",
    [
        [IDAT, header(), IEND],
        [header(), header(), IDAT, IEND],
        [chunk(b"IHDR", bytes(12)), IDAT, IEND],
        [header(w=0), IDAT, IEND],
        [header(h=1 << 31), IDAT, IEND],
        [header(depth=3), IDAT, IEND],
        [header(colour=5), IDAT, IEND],
        [header(colour=2, depth=4), IDAT, IEND],
        [header(packing=1), IDAT, IEND],
        [header(filtering=64), IDAT, IEND],
        [header(interlace=2), IDAT, IEND],
        [header(), IEND],
        [header(), IDAT, make.TEXTS[0], IDAT, IEND],
        [header(colour=3), IDAT, IEND],
        [header(colour=3), IDAT, plte(ramp(4)), IEND],
        [header(colour=3), plte(ramp(4)), plte(ramp(4)), IDAT, IEND],
        [header(colour=3), chunk(b"PLTE", b"ab"), IDAT, IEND],
        [header(colour=3), chunk(b"PLTE"), IDAT, IEND],
        [header(), chunk(b"CRIT"), IDAT, IEND],
        [header(), chunk(b"a-bc"), IDAT, IEND],
        [header(), b"\x7f\xff\xff\xfftEXt", IDAT, IEND],
        [header(), b"\xff\xff\xff\xfctEXt", IDAT, IEND],
    ],
)
def test_malformed_containers_are_unreadable(parts: list[bytes]) -> None:
    data = make.MAGIC + b"".join(parts)
    refused(data)
    with pytest.raises(UnreadableError):
        surface(data)
    with pytest.raises(UnreadableError):
        splice(data, {Slot.XMP: make.XMP})


@pytest.mark.parametrize("packed", [b"not deflate", zlib.compress(b"cut off here")[:-3], b""])
def test_broken_compressed_texts_are_unreadable(packed: bytes) -> None:
    assert "text" in refused(make.MAGIC + header() + chunk(b"zTXt", b"a\0\0" + packed) + IDAT + IEND)


def animation(*parts: bytes, claimed: int = 2) -> bytes:
    control = chunk(b"acTL", struct.pack(">II", claimed, 0))
    return make.MAGIC + header() + control + b"".join(parts) + IEND


FDAT = zlib.compress(bytes(8))


@pytest.mark.parametrize(
    "data",
    [
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2)), claimed=2),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2)), make.fdat(2, FDAT), claimed=3),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(2, (3, 2)), make.fdat(1, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2)), make.fdat(1, FDAT)),
        animation(make.fctl(0, (2, 2)), IDAT, make.fctl(1, (3, 2)), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), make.fctl(1, (3, 2)), IDAT),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2), (1, 0)), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (0, 2)), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2), dispose=3), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, make.fctl(1, (3, 2), blend=2), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, chunk(b"fcTL", b"\0\0\0\1"), make.fdat(2, FDAT)),
        animation(make.fctl(0, (3, 2)), IDAT, chunk(b"fdAT", b"\0\0"), claimed=1),
        animation(IDAT, make.fdat(0, FDAT), claimed=0),
    ],
)
def test_malformed_animations_have_no_surface(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        surface(data)


def test_animation_chunks_without_an_animation_are_left_alone() -> None:
    stray = make.fctl(9, (3, 2))
    data = make.MAGIC + header() + IDAT + stray + IEND
    new = surface(data).paint(Image.new("RGB", (1, 1)), Box(0, 0, 1, 1)).data
    assert stray in new and len(surface(new).regions(Box(0, 0, 1, 1))) == 1


@pytest.mark.parametrize(
    "raw", [zlib.compress(bytes(7)), zlib.compress(b"\5" + bytes(7)), b"", b"no deflate"]
)
def test_broken_pixels_are_unreadable(raw: bytes) -> None:
    target = surface(make.MAGIC + header() + chunk(b"IDAT", raw) + IEND)
    with pytest.raises(UnreadableError):
        target.regions(Box(0, 0, 3, 2))
    with pytest.raises(UnreadableError):
        target.paint(Image.new("RGB", (3, 1)), Box(0, 0, 3, 1))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_with_right_checksums_never_surprise(data: st.DataObject) -> None:
    parts = [
        (kind, bytearray(body))
        for kind, body in chunks(variant(data.draw(st.sampled_from(sorted(VARIANTS)))))
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(parts) - 1))
        body = parts[at][1]
        match data.draw(st.sampled_from(("change", "cut", "drop", "double", "swap"))):
            case "change" if body:
                body[data.draw(st.integers(0, min(len(body), 40) - 1))] = data.draw(st.integers(0, 255))
            case "cut":
                del body[data.draw(st.integers(0, len(body))) :]
            case "drop" if len(parts) > 1:
                del parts[at]
            case "double":
                parts.insert(at, (parts[at][0], bytearray(body)))
            case "swap":
                parts[at], parts[0] = parts[0], parts[at]
    blob = make.MAGIC + b"".join(chunk(kind, bytes(body)) for kind, body in parts)
    try:
        read(blob, essence=True)
        target = surface(blob)
        width, height = target.size
        box = Box(0, 0, min(24, width), min(12, height))
        target.regions(box)
        target.paint(plate_for(box), box)
        if width * height < 1 << 20:
            target.paint(Image.new("RGB", (width, 3)), Box(0, height, width, 3), band=True)
    except LabelError as e:
        assert e.message and e.hint


# ---------------------------------------------------------------- other people's tools


def run(tool: str, *arguments: str) -> str:
    if not shutil.which(tool):
        pytest.skip(f"{tool} IS NOT INSTALLED: its judgement of our files was not asked for")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("band", [False, True])
def test_pngcheck_finds_nothing_wrong(tmp_path: Path, band: bool) -> None:
    names = []
    for name in VARIANTS:
        if name == "trailing":  # which pngcheck calls an error, before and after
            continue
        data = splice(variant(name), {Slot.XMP: make.XMP, Slot.EXIF: TIFF, Slot.C2PA: b"jumb"})
        width, height = surface(data).size
        box = Box(0, height, width, 9) if band else Box(width // 8, height // 2, width // 3, height // 5)
        names.append(str(tmp_path / f"{name}.png"))
        Path(names[-1]).write_bytes(surface(data).paint(plate_for(box), box, band=band).data)
    said = run("pngcheck", "-q", *names)
    assert not [line for line in said.splitlines() if not line.startswith("OK:")]


def test_exiftool_reads_what_was_spliced(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    about = b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/png"/></rdf:RDF>'
    xmp = make.XMP.replace(b'rdf-syntax-ns#"/>', b'rdf-syntax-ns#">' + about)
    file.write_bytes(splice(variant("colour-chunks"), {Slot.XMP: xmp, Slot.EXIF: make.exif_block(6)}))
    said = run(
        "exiftool", "-G", "-s", "-n", "-XMP:Format", "-EXIF:Orientation", "-Software", "-warning", str(file)
    )
    assert "image/png" in said and "Orientation                     : 6" in said and "Warning" not in said
