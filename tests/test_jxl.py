"""JPEG XL: its boxes, what is read from them, and that nothing coded in them changes."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import c2pa_reader, encypher, label
from variants import jxl as make
from variants.jxl import ENDLESS, EXIF, VARIANTS, box, container, from_jpeg, lossy, packed, parted
from variants.webp import PACKET

import labeler
from labeler.errors import LimitError, NoticeError, UnreadableError, UsageError
from labeler.media import Content, Field, Limits, Slot, identify
from labeler.media.jxl import MEDIUM

LIMITS, MIME = Limits(), "image/jxl"
ALL = VARIANTS | ENDLESS | {"from-jpeg": from_jpeg}
every = pytest.mark.parametrize("name", ALL)


@functools.cache
def variant(name: str) -> bytes:
    return ALL[name]()


def read(data: bytes, limits: Limits = LIMITS) -> Content:
    return MEDIUM.read(io.BytesIO(data), limits, essence=True)


def splice(data: bytes, puts: dict[Slot, bytes]) -> bytes:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, puts)
    return out.getvalue()


# ---------------------------------------------------------------- what is read


def test_fields_slots_and_sizes() -> None:
    for name in ("metadata", "exif-offset", "compressed"):
        content = read(variant(name))
        assert content.slots[Slot.EXIF] == EXIF and content.slots.get(Slot.XMP) in (PACKET, None), name
        assert Field("exif:IFD0", "Software", b"Steppe 1\0") in content.fields
    assert read(variant("metadata")).slots[Slot.XMP] == read(variant("compressed")).slots[Slot.XMP] == PACKET
    assert read(variant("bare-lossless")).size == (121, 83) and read(variant("parted")).size == (64, 48)
    assert read(from_jpeg()).size == (32, 48)  # the codestream says that it is turned, not the EXIF block
    assert Slot.C2PA not in read(variant("other-boxes")).slots
    assert read(variant("signed")).slots[Slot.C2PA][4:8] == b"jumb"


def test_the_codestream_is_one_however_it_is_parted() -> None:
    first = read(variant("bare-lossy")).essence
    assert all(read(variant(name)).essence == first for name in ("container", "parted", "long-sizes"))
    assert read(variant("other-boxes")).essence[0] == first[0] != read(variant("level-10")).essence[0]
    assert {s.name for s in read(variant("other-boxes")).essence} == {"codestream", "jumb", "jxli", "hrgm"}


def bits(*fields: tuple[int, int]) -> bytes:
    value = shift = 0
    for number, width in fields:
        value |= number << shift
        shift += width
    return b"\xff\x0a" + value.to_bytes((shift + 7) // 8 + 8, "little")


def side(number: int) -> list[tuple[int, int]]:
    choice = next(i for i, width in enumerate((9, 13, 18, 30)) if number <= 1 << width)
    return [(choice, 2), (number - 1, (9, 13, 18, 30)[choice])]


@settings(deadline=None)
@given(st.integers(1, 1 << 14), st.integers(1, 1 << 13), st.integers(1, 8))
def test_any_size_and_orientation(width: int, height: int, turn: int) -> None:
    head = bits((0, 1), *side(height), (0, 3), *side(width), (0, 1), (1, 1), (turn - 1, 3))
    assert read(head).size == ((height, width) if turn > 4 else (width, height))


@settings(deadline=None)
@given(st.integers(1, 32), st.integers(1, 32), st.integers(0, 7))
def test_small_sizes_and_ratios(across: int, down: int, ratio: int) -> None:
    about = [(across - 1, 5)] if not ratio else []
    wide = [
        across * 8,
        *(down * 8 * n // d for n, d in ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))),
    ]
    head = bits((1, 1), (down - 1, 5), (ratio, 3), *about, (1, 1))
    assert read(head).size == (wide[ratio], down * 8)


def test_a_cut_that_cannot_be_noticed_is_not_said_to_be_none() -> None:
    for cut in (lossy(), lossy()[:-40]):
        assert any("whole" in what for what in labeler.verify(cut).not_checked)
    assert not any("whole" in what for what in labeler.verify(variant("container")).not_checked)


def test_the_name_or_the_container_tells() -> None:
    for name in ALL:
        assert identify(io.BytesIO(variant(name)), "a.jxl") is MEDIUM
    assert identify(io.BytesIO(lossy())) is MEDIUM
    assert MEDIUM.accept(b"\xff\xd8\xff", "a.jxl") == 0


# ---------------------------------------------------------------- what is written


@every
def test_a_packet_comes_and_nothing_else_changes(name: str) -> None:
    before = read(variant(name))
    once = splice(variant(name), {Slot.XMP: b"<new/>"})
    after = read(once)
    assert after.slots[Slot.XMP] == b"<new/>" and (after.essence, after.size) == (before.essence, before.size)
    assert after.slots.get(Slot.EXIF) == before.slots.get(Slot.EXIF)
    assert after.slots.get(Slot.C2PA) == before.slots.get(Slot.C2PA)
    assert splice(once, {Slot.XMP: b"<new/>"}) == once and splice(variant(name), {}) == variant(name)
    both = splice(once, {Slot.EXIF: EXIF, Slot.C2PA: read(variant("signed")).slots[Slot.C2PA]})
    assert (
        read(both).slots.keys() == {Slot.XMP, Slot.EXIF, Slot.C2PA} and read(both).essence == before.essence
    )


def test_other_packets_and_the_level_stay_where_they_are() -> None:
    assert b"<second/>" in splice(variant("metadata"), {Slot.XMP: b"<new/>"})
    level = splice(variant("level-10"), {Slot.XMP: b"<new/>"})
    assert level.index(b"jxll") < level.index(b"xml ") < level.index(b"jxlc")


@pytest.mark.parametrize(
    "puts",
    [{Slot.NATIVE: b""}, {Slot.XMP: b"\xff\xfe<\0"}, {Slot.XMP: b"<x>\0</x>"}, {Slot.EXIF: b"Exif\0\0MM\0*"},
     {Slot.C2PA: b"no box"}],
)  # fmt: skip
def test_what_does_not_fit_is_refused(puts: dict[Slot, bytes]) -> None:
    with pytest.raises(UsageError):
        splice(variant("container"), puts)


def test_a_jpeg_that_can_be_restored_stays_so(tool: Callable[[str], str], tmp_path: Path) -> None:
    djxl = tool("djxl")

    def restored(data: bytes) -> bytes:
        (tmp_path / "a.jxl").write_bytes(data)
        subprocess.run([djxl, tmp_path / "a.jxl", tmp_path / "a.jpg"], check=True, capture_output=True)
        return (tmp_path / "a.jpg").read_bytes()

    for compressed in (True, False):
        data = from_jpeg(compressed=compressed)
        receipt = labeler.add(data, None, label())
        assert restored(receipt.data) == restored(data) and PACKET in restored(data)
        assert receipt.marks == ("c2pa",)
        assert [d for d in receipt.degradations if "restored" in d and "no XMP was written" in d]
    # what this guards against: another packet, and no JPEG comes of it
    assert restored(splice(from_jpeg(), {Slot.XMP: b"<new/>"})) != restored(from_jpeg())


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("name", [name for name in ALL if name != "signed"])  # whose manifest is none
def test_labels_are_accepted_by_others(name: str) -> None:
    data = variant(name)
    receipt = labeler.add(data, None, label())
    assert c2pa_reader(receipt.data, MIME)[0] == "signingCredential.untrusted"
    other = encypher(receipt.data, MIME)
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")
    assert read(receipt.data).essence == read(data).essence
    assert any("put into a container" in r for r in receipt.remarks) == (
        name in ("bare-lossy", "bare-lossless")
    )
    assert labeler.verify(receipt.data, notice_on_page=True).verdict == "labelled"
    assert labeler.add(receipt.data, None, label()).unchanged
    again = labeler.add(receipt.data, None, label(system="Other 2"))
    assert c2pa_reader(again.data, MIME)[0] == "signingCredential.untrusted" and not again.unchanged


def test_decoders_show_what_they_showed(tool: Callable[[str], str], tmp_path: Path) -> None:
    def shown(data: bytes) -> bytes:
        (tmp_path / "a.jxl").write_bytes(data)
        subprocess.run(
            [tool("djxl"), tmp_path / "a.jxl", tmp_path / "a.ppm"], check=True, capture_output=True
        )
        return (tmp_path / "a.ppm").read_bytes()

    for name in ("bare-lossy", "level-10", "parted", "compressed", "open-ended"):
        assert shown(labeler.add(variant(name), None, label()).data) == shown(variant(name)), name


def test_exiftool_reads_the_fields(tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "a.jxl"
    labeler.add(variant("bare-lossy"), path, label())
    out = subprocess.run([tool("exiftool"), "-j", "-G1", path], capture_output=True, check=True, text=True)
    tags = json.loads(out.stdout)[0]
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert tags["XMP-iptcExt:AISystemUsed"] == "Kandinsky 5" and tags["File:ImageWidth"] == 64


def test_no_notice_is_drawn_and_that_is_said() -> None:
    with pytest.raises(NoticeError, match="JPEG XL"):
        labeler.add(lossy(), None, label(), notice="plate")
    assert "no notice was drawn" in labeler.add(lossy(), None, label()).degradations[0]


def test_without_brotli_compressed_metadata_are_told_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    content = read(variant("compressed"))
    assert content.fields == () and not content.slots and content.takes == {Slot.C2PA}
    report = labeler.verify(variant("compressed"))
    assert len([what for what in report.not_checked if "brotli" in what]) == 2
    receipt = labeler.add(variant("compressed"), None, label())
    assert receipt.marks == ("c2pa",) and packed(b"xml ", PACKET) in receipt.data
    assert any("brotli" in d for d in receipt.degradations)
    assert read(variant("metadata")).takes is None


# ---------------------------------------------------------------- files made to hurt


@pytest.mark.parametrize(
    "data",
    [
        make.SIGNATURE,
        make.SIGNATURE + box(b"jxlc", lossy()),
        container(),
        container(box(b"xml ", PACKET)),
        container(box(b"jxlc", lossy()), box(b"jxlc", lossy())),
        container(box(b"jxlc", b"\xff\x0b" + lossy()[2:])),
        container(box(b"jxlc", lossy()[:3])),
        container(*parted(lossy())[:1]),
        container(*parted(lossy())[::-1]),
        container(box(b"jxlp", b"\0\0")),
        container(box(b"jxlc", lossy()), b"\0\0\0\x07free"),
        container(box(b"jxlc", lossy()), struct.pack(">I4sQ", 1, b"free", 15)),
        container(box(b"jxlc", lossy()), b"\0\0"),
        container(box(b"brob", b"xml \xff\xff"), box(b"jxlc", lossy())),
        container(box(b"brob", b"xml ", brotli.compress(PACKET)[:-5]), box(b"jxlc", lossy())),
    ],
)
def test_what_is_broken_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


def test_bombs() -> None:
    zeros = brotli.compress(bytes(33 << 20), quality=1)
    bomb = container(box(b"brob", b"xml ", zeros), box(b"jxlc", lossy()))
    assert len(bomb) < 10_000
    with pytest.raises(LimitError):
        read(bomb)
    with pytest.raises(LimitError):
        read(container(*[box(b"free")] * 200, box(b"jxlc", lossy())), Limits(max_parts=100))
    with pytest.raises(LimitError):
        read(bits((0, 1), *side(1 << 29), (1, 3)))
    both = container(packed(b"xml ", b"<x/>".ljust(600)), packed(b"Exif", bytes(600)), box(b"jxlc", lossy()))
    assert read(both, Limits(max_inflated=1200)).slots[Slot.XMP].startswith(b"<x/>")
    with pytest.raises(LimitError):
        read(both, Limits(max_inflated=1100))


@settings(deadline=None)
@given(st.data())
def test_no_bytes_surprise(data: st.DataObject) -> None:
    source = bytearray(variant(data.draw(st.sampled_from(["bare-lossy", "from-jpeg", "open-ended"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        source[data.draw(st.integers(0, len(source) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(labeler.LabelError):
        read(splice(bytes(source), {Slot.XMP: PACKET}))


def test_an_older_label_that_must_stay_is_not_contradicted() -> None:
    once = labeler.add(from_jpeg(None), None, label())
    assert "xmp" in once.marks
    with pytest.raises(UsageError, match="older label that cannot be replaced") as caught:
        labeler.add(once.data, None, label(involvement="modified"))
    assert "before that label" in caught.value.hint
    assert labeler.add(once.data, None, label()).unchanged
