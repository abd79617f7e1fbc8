"""WebP: the RIFF codec byte by byte, exact pixels where they are promised, and files made to hurt."""

from __future__ import annotations

import io
import math
import random
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageSequence, ImageStat
from variants.webp import (
    PACKET,
    SIZE,
    VARIANTS,
    animation,
    chunk,
    chunks,
    coded,
    frame,
    header,
    patch,
    picture,
    riff,
    tiff,
    u24,
)

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import Box, Limits, Slot
from labeler.media.webp import MEDIUM, WebPSurface

LIMITS = Limits()


def spliced(data: bytes, puts: Mapping[Slot, bytes]) -> bytes:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, puts)
    return out.getvalue()


def surface(data: bytes) -> WebPSurface:
    return MEDIUM.surface(io.BytesIO(data), LIMITS)


def refused(data: bytes, error: type[UnreadableError], limits: Limits = LIMITS) -> None:
    for job in (MEDIUM.read, MEDIUM.surface):
        with pytest.raises(error):
            job(io.BytesIO(data), limits)


def kinds(data: bytes) -> list[bytes]:
    return [kind for kind, _ in chunks(data)]


def frames(data: bytes) -> list[Image.Image]:
    return [f.convert("RGBA") for f in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


def tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed: this check did NOT run")


def test_a_simple_file_becomes_extended_and_its_picture_stays() -> None:
    data = coded(picture())
    (bits,) = chunks(data)
    assert bits[0] == b"VP8 "
    assert spliced(data, {Slot.XMP: PACKET}) == riff(header(0x04), bits, (b"XMP ", PACKET))
    both = {Slot.XMP: PACKET, Slot.EXIF: tiff()}
    assert spliced(data, both) == riff(header(0x0C), bits, (b"EXIF", tiff()), (b"XMP ", PACKET))


@pytest.mark.parametrize(("mode", "flags"), [("RGB", 0x04), ("RGBA", 0x14)])
def test_the_alpha_bit_is_that_of_the_lossless_header(mode: str, flags: int) -> None:
    data = coded(picture(mode=mode), lossless=True)
    assert kinds(data) == [b"VP8L"]
    assert chunks(spliced(data, {Slot.XMP: PACKET}))[0] == header(flags)


def test_new_chunks_stand_where_the_specification_wants_them() -> None:
    (bits,) = chunks(coded(picture(), lossless=True))
    data = riff(header(0x20), (b"ICCP", b"profile"), bits, (b"UNKN", b"?"))
    puts = {Slot.C2PA: b"store", Slot.XMP: PACKET, Slot.EXIF: tiff()}
    assert kinds(spliced(data, puts)) == [b"VP8X", b"ICCP", b"VP8L", b"EXIF", b"XMP ", b"UNKN", b"C2PA"]
    moving = animation(frame(patch(0), (0, 0), 9, 0), frame(patch(1), (0, 0), 9, 0))
    assert kinds(spliced(moving, puts)) == [b"VP8X", b"ANIM", b"ANMF", b"ANMF", b"EXIF", b"XMP ", b"C2PA"]


def test_a_signature_alone_needs_no_extended_file() -> None:
    data = coded(picture())
    assert kinds(spliced(data, {Slot.C2PA: b"store"})) == [b"VP8 ", b"C2PA"]
    assert kinds(spliced(VARIANTS["signed"](), {Slot.XMP: PACKET})) == [b"VP8X", b"VP8 ", b"XMP ", b"C2PA"]


def test_what_is_there_is_replaced_in_place_and_only_that() -> None:
    (bits,) = chunks(coded(picture()))
    data = riff(
        header(0x0C), bits, (b"XMP ", b"old"), (b"odd!", b"1"), (b"EXIF", tiff(3)), (b"XMP ", b"second")
    )
    new = spliced(data, {Slot.XMP: PACKET, Slot.EXIF: tiff(6)})
    rest = (b"odd!", b"1"), (b"EXIF", tiff(6)), (b"XMP ", b"second")
    assert new == riff(header(0x0C), bits, (b"XMP ", PACKET), *rest)


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_put_is_a_copy(name: str) -> None:
    assert spliced(VARIANTS[name](), {}) == VARIANTS[name]()


def test_the_old_exif_prefix_is_no_part_of_the_block_and_stays() -> None:
    data = VARIANTS["exif-prefix"]()
    content = MEDIUM.read(io.BytesIO(data), LIMITS)
    assert content.slots == {Slot.EXIF: tiff(5)} and content.size == SIZE[::-1]
    assert chunks(spliced(data, {Slot.EXIF: tiff(1)}))[-1] == (b"EXIF", b"Exif\0\0" + tiff(1))


def test_fields_come_from_the_exif_block() -> None:
    content = MEDIUM.read(io.BytesIO(VARIANTS["extended-lossless"]()), LIMITS)
    assert [(f.where, f.key, f.value.rstrip(b"\0")) for f in content.fields] == [
        ("exif:IFD0", "Software", b"Steppe 1")
    ]
    assert content.slots[Slot.XMP] == PACKET and content.slots[Slot.EXIF] == tiff(6)


@pytest.mark.parametrize("put", [{Slot.EXIF: b"Exif\0\0MM\0*"}, {Slot.NATIVE: b"x"}])
def test_a_payload_that_does_not_fit_writes_nothing(put: Mapping[Slot, bytes]) -> None:
    out = io.BytesIO()
    with pytest.raises(UsageError):
        MEDIUM.splice(io.BytesIO(coded(picture())), out, put)
    assert out.getvalue() == b""


KIND = st.sampled_from([b"UNKN", b"abcd", b"\0\xff\n ", b"ICCP"])


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.tuples(KIND, st.binary(max_size=9)), max_size=3),
    after=st.lists(st.tuples(KIND, st.binary(max_size=9)), max_size=3),
    puts=st.fixed_dictionaries(
        {},
        optional={
            Slot.XMP: st.binary(max_size=99),
            Slot.C2PA: st.binary(min_size=1, max_size=9),
            Slot.EXIF: st.binary(max_size=9).map(lambda tail: b"II*\0" + tail),
        },
    ),
    trailing=st.binary(max_size=5),
)
def test_any_chunks_round_trip(
    before: list[tuple[bytes, bytes]],
    after: list[tuple[bytes, bytes]],
    puts: dict[Slot, bytes],
    trailing: bytes,
) -> None:
    (bits,) = chunks(coded(picture(size=(5, 3)), lossless=True))
    old = [header(0, (5, 3)), *before, bits, *after]
    new = spliced(riff(*old) + trailing, puts)
    assert spliced(new, puts) == new
    content = MEDIUM.read(io.BytesIO(new), LIMITS)
    assert content.slots == puts and content.trailing == len(trailing) and new.endswith(trailing)
    ours = {b"XMP ", b"EXIF", b"C2PA"}
    assert [c for c in chunks(new)[1:] if c[0] not in ours] == old[1:]


# Pixels


def painted(data: bytes, box: Box, *, band: bool = False) -> tuple[bytes, Image.Image, tuple[str, ...]]:
    target = surface(data)
    assert target.fit(box, band=band) == box
    plate = Image.effect_noise((box.w, box.h), 90).convert("RGB")
    done = target.paint(plate, box, band=band)
    return done.data, plate, done.degradations


@pytest.mark.parametrize("name", ["lossless", "lossless-alpha", "animated-partial", "trailing"])
@pytest.mark.parametrize("band", [False, True])
def test_lossless_stays_exact(name: str, band: bool) -> None:
    data = VARIANTS[name]()
    box = Box(0, SIZE[1], SIZE[0], 25 - 1) if band else Box(7, 41, 61, 33)
    new, plate, degradations = painted(data, box, band=band)
    assert degradations == ()
    for old, now in zip(frames(data), frames(new), strict=True):
        place = (box.x, box.y, box.x + box.w, box.y + box.h)
        assert now.crop(place).tobytes() == plate.convert("RGBA").tobytes()
        expected = old if band else old.copy()
        if not band:
            expected.paste(plate, place)
        assert now.crop((0, 0, *SIZE)).tobytes() == expected.tobytes()


def test_colours_hidden_under_alpha_stay(tmp_path: Path) -> None:
    dwebp, data = tool("dwebp"), VARIANTS["lossless-alpha"]()
    new, plate, _ = painted(data, Box(30, 50, 40, 20))
    pixels = []
    for name, content in (("old", data), ("new", new)):
        path = tmp_path / f"{name}.webp"
        path.write_bytes(content)
        subprocess.run([dwebp, "-quiet", "-pam", path, "-o", path.with_suffix(".pam")], check=True)
        raw = path.with_suffix(".pam").read_bytes().partition(b"ENDHDR\n")[2]
        pixels.append(Image.frombytes("RGBA", SIZE, raw))
    pixels[0].paste(plate, (30, 50))
    assert pixels[0].tobytes() == pixels[1].tobytes()
    clear = pixels[1].getchannel("A").point(lambda v: 255 * (v == 0))
    assert (
        max(high for _, high in Image.composite(pixels[1], Image.new("RGBA", SIZE), clear).getextrema()[:3])
        > 99
    )


@pytest.mark.parametrize("name", ["lossy", "lossy-alpha", "animated-lossy"])
def test_lossy_loss_is_small_and_said(name: str) -> None:
    data, box = VARIANTS[name](), Box(20, 60, 50, 20)
    new, _, degradations = painted(data, box)
    assert len(degradations) == 1 and "quality 95" in degradations[0]
    for old, now in zip(frames(data), frames(new), strict=True):
        for image in (old, now):
            image.paste((0, 0, 0, 255), (18, 58, 72, 82))
        assert old.getchannel("A").tobytes() == now.getchannel("A").tobytes()
        squares = ImageStat.Stat(ImageChops.difference(old.convert("RGB"), now.convert("RGB"))).sum2
        assert 10 * math.log10(255**2 * 3 * SIZE[0] * SIZE[1] / sum(squares)) > 38


def test_everything_around_the_picture_stays_byte_for_byte() -> None:
    data = VARIANTS["extended-lossless"]() + b"tail"
    new, _, _ = painted(data, Box(0, 100, 90, 40))  # stored turned by 90 degrees: shown as 121 x 150
    assert new.endswith(b"tail")
    for (kind, old), (same, now) in zip(chunks(data), chunks(new), strict=True):
        assert kind == same and (kind == b"VP8L") == (old != now)


def test_a_turned_picture_is_painted_as_it_is_seen() -> None:
    data = VARIANTS["extended-lossless"]()
    new, plate, _ = painted(data, Box(0, 150, 121, 24), band=True)
    assert Image.open(io.BytesIO(new)).size == (174, 121)
    assert MEDIUM.read(io.BytesIO(new), LIMITS).size == (121, 174)
    (region,) = surface(new).regions(Box(0, 150, 121, 24))
    assert region.tobytes() == plate.tobytes()


def test_frames_that_are_not_touched_keep_their_coded_bytes() -> None:
    data = VARIANTS["animated-partial"]()
    new, _, _ = painted(data, Box(0, 0, 20, 20))
    old_frames, new_frames = chunks(data)[2:], chunks(new)[2:]
    assert [a == b for a, b in zip(old_frames, new_frames, strict=True)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    new, _, _ = painted(data, Box(110, 100, 20, 10))
    assert [a == b for a, b in zip(old_frames, chunks(new)[2:], strict=True)] == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]
    assert chunks(new)[1] == chunks(data)[1]


def test_a_band_codes_one_frame_anew_and_moves_the_others() -> None:
    data = VARIANTS["animated-lossy"]()
    new, _, degradations = painted(data, Box(0, SIZE[1], SIZE[0], 24), band=True)
    assert degradations == ("1 of 4 frames are lossy and were encoded again at quality 95",)
    assert chunks(new)[3:] == chunks(data)[3:]
    turned = animation(
        frame(picture(0, "RGBA"), (0, 0), 9, 0, lossless=True),
        frame(patch(1), (4, 6), 9, 0, lossless=True),
        extra=((b"EXIF", tiff(3)),),
        flags=0x08,
    )
    assert surface(turned).fit(Box(0, SIZE[1], SIZE[0], 23), band=True).h == 24
    new, _, _ = painted(turned, Box(0, SIZE[1], SIZE[0], 24), band=True)
    assert chunks(new)[3] == (b"ANMF", u24(2, 3 + 12) + chunks(turned)[3][1][6:])
    for old, now in zip(frames(turned), frames(new), strict=True):
        assert now.crop((0, 24, SIZE[0], SIZE[1] + 24)).tobytes() == old.tobytes()


PLACE = st.tuples(st.integers(0, 12), st.integers(0, 8), st.integers(1, 8), st.integers(1, 8))


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.tuples(PLACE, st.sampled_from([0, 1, 2, 3])), min_size=1, max_size=5),
    box=PLACE,
    band=st.booleans(),
    orientation=st.integers(1, 8),
    seed=st.randoms(use_true_random=False),
)
def test_any_animation_shows_the_plate_and_else_what_it_showed(
    places: list[tuple[tuple[int, int, int, int], int]],
    box: tuple[int, int, int, int],
    band: bool,
    orientation: int,
    seed: random.Random,
) -> None:
    made = []
    for (x, y, w, h), flags in places:
        raw = bytes(seed.choice((0, 90, 255)) for _ in range(w * h * 4))
        made.append(frame(Image.frombytes("RGBA", (w, h), raw), (2 * x, 2 * y), 5, flags, lossless=True))
    meta = (b"EXIF", tiff(orientation))
    data = riff(header(0x1A, (32, 24)), (b"ANIM", bytes(6)), *made, meta)
    target = surface(data)
    width, height = target.size
    area = Box(box[0], box[1], box[2], box[3])
    if band:
        area = target.fit(Box(0, height, width, 5), band=True)
    plate = Image.effect_noise((area.w, area.h), 90).convert("RGB")
    new = target.paint(plate, area, band=band).data
    shown = Box(0, 0, width, area.y + area.h if band else height)
    before, after = target.regions(Box(0, 0, width, height)), surface(new).regions(shown)
    assert len(before) == len(after) == len(places)
    for old, now in zip(before, after, strict=True):
        expected = Image.new("RGB", (shown.w, shown.h))
        expected.paste(old)
        expected.paste(plate, (area.x, area.y))
        assert now.tobytes() == expected.tobytes()


def test_a_picture_too_tall_for_webp_is_a_typed_error() -> None:
    data = coded(Image.new("RGB", (2, 16383)), lossless=True)
    target = surface(data)
    box = target.fit(Box(0, 16383, 2, 20), band=True)
    with pytest.raises(UsageError):
        target.paint(Image.new("RGB", (box.w, box.h)), box, band=True)


# Files made to hurt


def test_sizes_that_lie() -> None:
    data = coded(picture())
    (bits,) = chunks(data)
    for claim in (len(data) - 7, 1 << 31, (1 << 32) - 1):
        refused(data[:4] + struct.pack("<I", claim) + data[8:], UnreadableError)
    for claim in (len(bits[1]) + 1, len(bits[1]) + 99, 1 << 31, (1 << 32) - 1):
        refused(data[:16] + struct.pack("<I", claim) + data[20:], UnreadableError)
    refused(riff(header(0), bits, (b"XMP ", b"abc"))[:-1], UnreadableError)
    odd = riff(header(0), bits, (b"XMP ", b"abc"))[:-1]
    refused(odd[:4] + struct.pack("<I", len(odd) - 8) + odd[8:], UnreadableError)  # libwebp refuses this too


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (header(0),),
        (header(2),),
        ((b"VP8X", b"\0" * 9), (b"VP8L", b"\x2f\0\0\0\0")),
        ((b"VP8 ", b"\0" * 10),),
        ((b"VP8 ", b"\0\0\0\x9d\x01\x2a\0\0\0\0"),),
        ((b"VP8L", b"\x2f\0\0"),),
        ((b"XMP ", PACKET), (b"VP8L", b"\x2f\0\0\0\0")),
        (header(0), (b"VP8L", b"\x2f\0\0\0\0")),
        (header(2), (b"ANMF", b"\0" * 15)),
        (header(2), (b"ANMF", b"\0" * 16)),
        (header(2), (b"ANMF", u24(75, 0, 0, 0, 9) + b"\0" + chunk(b"VP8L", b"\x2f\0\0\0\0"))),
        (header(2), (b"ANMF", u24(0, 0, 1, 0, 9) + b"\0" + chunk(b"VP8L", b"\x2f\0\0\0\0"))),
        (header(2), (b"ANMF", u24(0, 0, 0, 0, 9) + b"\0VP8L\xff\xff\xff\x7f\x2f\0\0\0\0")),
    ],
)
def test_malformed_structure(parts: tuple[tuple[bytes, bytes], ...]) -> None:
    refused(riff(*parts), UnreadableError)


def test_bombs_are_stopped_before_pixels_are_decoded() -> None:
    dot = chunk(b"VP8L", b"\x2f\0\0\0\0\x88\x88\x08")
    one = (b"ANMF", u24(0, 0, 0, 0, 9) + b"\0" + dot)
    refused(riff(header(2, (1 << 24, 1 << 24)), (b"ANIM", bytes(6)), one), LimitError)
    refused(riff(header(2, (16000, 10000)), (b"ANIM", bytes(6)), *[one] * 12), LimitError)
    refused(riff(header(2, (9, 9)), (b"ANIM", bytes(6)), *[one] * 2001), LimitError)
    (bits,) = chunks(coded(picture()))
    refused(riff(header(0), bits, *[(b"UNKN", b"")] * 100_001), LimitError)
    refused(coded(picture()), LimitError, Limits(max_bytes=100))


def test_pixels_that_cannot_be_decoded_are_a_typed_error() -> None:
    broken = riff((b"VP8L", b"\x2f" + struct.pack("<I", (SIZE[0] - 1) | (SIZE[1] - 1) << 14) + b"\xff" * 40))
    assert MEDIUM.read(io.BytesIO(broken), LIMITS).size == SIZE
    for job in (
        lambda s: s.regions(Box(0, 0, 9, 9)),
        lambda s: s.paint(picture(size=(9, 9)), Box(0, 0, 9, 9)),
    ):
        with pytest.raises(UnreadableError):
            job(surface(broken))


# Other people's tools


@pytest.mark.parametrize("name", VARIANTS)
def test_webpinfo_finds_no_fault(name: str, tmp_path: Path) -> None:
    webpinfo, data = tool("webpinfo"), VARIANTS[name]()
    box = Box(10, 60, 50, 20)
    written = {
        "put": spliced(data, {Slot.XMP: PACKET, Slot.EXIF: tiff()}),
        "plate": painted(data, box)[0],
        "band": painted(data, Box(0, surface(data).size[1], surface(data).size[0], 20), band=True)[0],
    }
    for what, content in written.items():
        path = tmp_path / f"{what}.webp"
        path.write_bytes(content)
        run = subprocess.run([webpinfo, "-quiet", path], capture_output=True, text=True)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), what


def test_exiftool_reads_what_is_put(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(spliced(coded(picture()), {Slot.XMP: PACKET, Slot.EXIF: tiff(6)}))
    run = subprocess.run(
        [
            tool("exiftool"),
            "-s3",
            "-XMP:Source",
            "-EXIF:Software",
            "-n",
            "-EXIF:Orientation",
            "-Warning",
            path,
        ],
        capture_output=True,
        text=True,
    )
    assert run.stdout.split("\n")[:3] == ["Steppe", "Steppe 1", "6"]
    assert "Warning" not in run.stdout + run.stderr
