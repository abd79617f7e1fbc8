"""The EXIF reader over blocks made by hand: what it yields, and that nothing in a block can hurt it."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeler.media import exif
from labeler.media.base import Field, Limits

LIMITS = Limits()
BYTE, ASCII, SHORT, LONG, UNDEFINED, UTF8 = 1, 2, 3, 4, 7, 129
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1, UTF8: 1}
Entry = tuple[int, int, bytes]


def tiff(order: str, first: list[Entry], second: list[Entry] = []) -> bytes:  # noqa: B006 - read only
    """A TIFF header, IFD0, and an Exif IFD that IFD0 points to."""

    def directory(at: int, entries: list[Entry]) -> bytes:
        head, values = struct.pack(order + "H", len(entries)), b""
        behind = at + 2 + 12 * len(entries) + 4
        for tag, kind, value in entries:
            count = len(value) // SIZES[kind]
            head += struct.pack(order + "HHI", tag, kind, count)
            if len(value) <= 4:
                head += value.ljust(4, b"\0")
            else:
                head += struct.pack(order + "I", behind + len(values))
                values += value
        return head + bytes(4) + values

    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    if second:
        first = sorted([*first, (0x8769, LONG, bytes(4))])
        end = 8 + len(directory(8, first))
        first = [(t, k, struct.pack(order + "I", end) if t == 0x8769 else v) for t, k, v in first]
        return start + directory(8, first) + directory(end, second)
    return start + directory(8, first)


both = pytest.mark.parametrize("order", ["<", ">"])


@both
def test_texts_and_bytes_of_both_directories_are_raw(order: str) -> None:
    comment = b"UNICODE\0" + "Steps: 20".encode("utf-16-be")
    first = [
        (0x010E, ASCII, b"a steppe at sunset\0"),
        (0x0110, ASCII, b"K5\0"),
        (0x0131, UTF8, "Қандай да\0".encode()),
        (0x4746, SHORT, struct.pack(order + "H", 5)),
        (0x9C9C, BYTE, "Пікір\0".encode("utf-16-le")),
        (0xBEEF, ASCII, b"unknown tag\0"),
    ]
    second = [(0x9286, UNDEFINED, comment), (0xA003, LONG, bytes(4)), (0xA420, ASCII, b"0190a8f2\0")]
    assert exif.fields(tiff(order, first, second), LIMITS) == (
        Field("exif:IFD0", "ImageDescription", b"a steppe at sunset\0"),
        Field("exif:IFD0", "Model", b"K5\0"),
        Field("exif:IFD0", "Software", "Қандай да\0".encode()),
        Field("exif:IFD0", "XPComment", "Пікір\0".encode("utf-16-le")),
        Field("exif:IFD0", "0xbeef", b"unknown tag\0"),
        Field("exif:Exif", "UserComment", comment),
        Field("exif:Exif", "ImageUniqueID", b"0190a8f2\0"),
    )


@both
def test_a_user_comment_in_the_wrong_directory_is_there(order: str) -> None:
    block = tiff(order, [(0x9286, UNDEFINED, b"ASCII\0\0\0prompt")])
    assert exif.fields(block, LIMITS) == (Field("exif:IFD0", "UserComment", b"ASCII\0\0\0prompt"),)


def test_of_a_makers_note_only_the_head() -> None:
    block = tiff("<", [(0x0131, ASCII, b"x\0")], [(0x927C, UNDEFINED, bytes(range(256)) * 9)])
    assert exif.fields(block, LIMITS)[-1] == Field("exif:Exif", "MakerNote", bytes(range(64)))


def test_what_has_a_slot_of_its_own_in_tiff_is_no_field() -> None:
    block = tiff(
        "<", [(0x02BC, BYTE, b"<x:xmpmeta/>"), (0x8773, UNDEFINED, b"profile"), (0xCD41, BYTE, b"c2pa")]
    )
    assert exif.fields(block, LIMITS) == ()


def test_thumbnail_position_and_interoperability_are_left_out() -> None:
    image = Image.Exif()
    image[0x0131] = "x"
    image[0x8825] = {0x001D: "2026:11:23"}
    assert [f.key for f in exif.fields(image.tobytes()[6:], LIMITS)] == ["Software"]


@both
@pytest.mark.parametrize("value", range(10))
def test_orientation(order: str, value: int) -> None:
    block = tiff(order, [(0x0110, ASCII, b"K5\0"), (0x0112, SHORT, struct.pack(order + "H", value))])
    assert exif.orientation(block) == (value if 1 <= value <= 8 else 1)


def test_orientation_is_upright_where_nothing_is_said() -> None:
    for block in (
        None,
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        tiff("<", [(0x0112, ASCII, b"6\0")]),
        b"x" * 99,
    ):
        assert exif.orientation(block) == 1


def test_a_cut_block_yields_what_is_left() -> None:
    block = tiff(">", [(0x010E, ASCII, b"description\0")], [(0x9286, UNDEFINED, b"ASCII\0\0\0prompt")])
    whole = exif.fields(block, LIMITS)
    for n in range(len(block)):
        for got, want in zip(exif.fields(block[:n], LIMITS), whole, strict=False):
            assert want.value.startswith(got.value) and got.key == want.key
        assert exif.orientation(block[:n]) == 1
    assert exif.fields(block[:-1], LIMITS)[-1].value == b"ASCII\0\0\0promp"


def test_a_directory_that_points_to_itself_is_read_twice_at_most() -> None:
    block = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x8769, LONG, 1, 8) + bytes(4)
    assert exif.fields(block, LIMITS) == ()
    text = struct.pack("<HHI4s", 0x0131, ASCII, 3, b"ab\0\0")
    block = b"II*\0" + struct.pack("<IH", 8, 2) + text + struct.pack("<HHII", 0x8769, LONG, 1, 8) + bytes(4)
    assert [f.where for f in exif.fields(block, LIMITS)] == ["exif:IFD0", "exif:Exif"]


def test_values_on_top_of_each_other_cost_no_more_than_the_block() -> None:
    entry = struct.pack("<HHII", 0x0131, ASCII, 0xFFFFFFFF, 0)
    block = b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + entry * 0xFFFF
    start = time.perf_counter()
    found = exif.fields(block, LIMITS)
    assert sum(len(f.value) for f in found) <= len(block)
    assert time.perf_counter() - start < 2


def test_the_number_of_entries_is_bounded() -> None:
    block = tiff("<", [(0x0131, ASCII, b"x\0")] * 50)
    assert len(exif.fields(block, Limits(max_parts=7))) == 7


@given(st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_no_bytes_raise(tail: bytes, head: bytes) -> None:
    exif.fields(head + tail, LIMITS)
    assert 1 <= exif.orientation(head + tail) <= 8


def test_pillow_agrees_on_orientation_in_real_files(corpus: Path) -> None:
    seen = 0
    for path in sorted((corpus / "exif-samples").rglob("*.jpg")):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            block = image.info.get("exif", b"")[6:]
            assert exif.orientation(block) == image.getexif().get(0x0112, 1), path.name
            seen += bool(block)
    assert seen > 10
