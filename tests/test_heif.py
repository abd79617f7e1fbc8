"""AVIF and HEIF: exact bytes wherever data may lie, hostile files, drawing, and what others' tools make of it all."""

from __future__ import annotations

import functools
import io
import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import c2pa_reader, encypher, label, photo
from PIL import Image, ImageChops, ImageOps, ImageSequence, ImageStat
from variants import avif, heif
from variants.avif import EXIF, NCLX, XMP_TYPE, Item, Made, box, boxes, coded, full, ispe, made, pillow, still
from variants.webp import PACKET, tiff

import labeler
from labeler.errors import LabelError, LimitError, NoticeError, UnreadableError, UsageError
from labeler.marks import tc260
from labeler.media import Box, Content, Limits, Slot, identify, load
from labeler.media.bmff import Rewrite
from labeler.media.heif import Heif, is_avif, is_heif, parse
from labeler.media.heif_splice import Splice

LIMITS = Limits()
NEW = PACKET.replace(b"Steppe", "Жаңа дала".encode())
AVIF, HEIF = "avif", "heif"
EVERY = [(AVIF, name) for name in avif.VARIANTS] + [(HEIF, name) for name in heif.VARIANTS]
MIMES = {AVIF: "image/avif", HEIF: "image/heic"}
# signed beside: c2pa refuses what trails, or does not move places in tracks and with an index
BESIDE = {"animated-alpha-described", "in-item-index", "trailing", "second-file"}


@functools.cache
def variant(module: str, name: str) -> bytes:
    return (avif if module == AVIF else heif).VARIANTS[name]()


def read(data: bytes, limits: Limits = LIMITS, *, essence: bool = False) -> Content:
    return identify(io.BytesIO(data)).read(io.BytesIO(data), limits, essence=essence)


def splice(data: bytes, puts: dict[Slot, bytes]) -> bytes:
    out = io.BytesIO()
    identify(io.BytesIO(data)).splice(io.BytesIO(data), out, puts)
    return out.getvalue()


def surface(data: bytes) -> Any:
    return identify(io.BytesIO(data)).surface(io.BytesIO(data), LIMITS)


def frames(data: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(data))
    return [ImageOps.exif_transpose(f.copy()).convert("RGBA") for f in ImageSequence.Iterator(image)]


def pixels(data: bytes) -> list[tuple[tuple[int, int], bytes]]:
    return [(f.size, f.tobytes()) for f in frames(data)]


def tables(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes in the file's box of items."""
    return boxes(dict(boxes(data))[b"meta"][4:])


every = pytest.mark.parametrize(("module", "name"), EVERY, ids=lambda v: str(v))


# Bytes


@every
def test_nothing_put_is_a_copy(module: str, name: str) -> None:
    assert splice(variant(module, name), {}) == variant(module, name)


@every
def test_only_tables_of_places_and_metadata_change(module: str, name: str) -> None:
    data = variant(module, name)
    new = splice(data, {Slot.XMP: NEW})
    old_top, new_top = boxes(data), boxes(new) if name != "trailing" else boxes(new, 0, len(new) - 14)
    if name == "trailing":
        old_top = boxes(data, 0, len(data) - 14)
    told = (b"meta", b"moov", b"mdat", b"uuid")
    assert [b for b in new_top if b[0] not in told] == [b for b in old_top if b[0] not in told]
    datas = [content for kind, content in new_top if kind == b"mdat"]
    for kind, content in old_top:
        if kind == b"mdat":
            assert (
                content in datas or PACKET in content or zlib.compress(PACKET) in content or name == "split"
            )
    if b"meta" in dict(old_top):
        places = (b"iloc", b"iinf", b"iref", b"idat")
        assert [b for b in tables(new) if b[0] not in places] == [
            b for b in tables(data) if b[0] not in places
        ]
        for kind, head in ((b"iinf", 6), (b"iref", 4)):
            if name not in ("compressed", "v2", "v2-base", "other"):
                assert (
                    dict(tables(new))
                    .get(kind, b"")[head:]
                    .startswith(dict(tables(data)).get(kind, b"")[head:])
                )


@pytest.mark.parametrize(
    "name", ["v0-base", "v0-base-zero", "v0-base-only", "v1-base", "v1-index", "v2", "v2-base"]
)
def test_places_are_written_in_the_form_that_c2pa_does_not_spoil(name: str) -> None:
    data = variant(AVIF, name)
    old, new = dict(tables(data))[b"iloc"], dict(tables(splice(data, {Slot.XMP: NEW})))[b"iloc"]
    assert old[4:6] != b"\x44\0" == new[4:6] and old[0] == new[0]


def test_metadata_go_behind_the_items_and_the_file_ends_as_it_did() -> None:
    data = variant(HEIF, "motion")
    both = splice(data, {Slot.EXIF: tiff(3), Slot.XMP: NEW})
    assert [kind for kind, _ in boxes(both)] == [b"ftyp", b"meta", b"mdat", b"mdat", b"mpvd"]
    assert both[-300:] == data[-300:]
    new = splice(variant(HEIF, "heic"), {Slot.EXIF: tiff(3), Slot.XMP: NEW})
    assert [kind for kind, _ in boxes(new)] == [b"ftyp", b"meta", b"mdat", b"mdat", b"mdat"]
    assert boxes(new)[2:4] == [(b"mdat", EXIF[:10] + tiff(3)), (b"mdat", NEW)]
    entries = boxes(dict(tables(new))[b"iinf"][6:])
    assert entries[1:] == [
        (b"infe", struct.pack(">IHH", 2 << 24 | 1, 2, 0) + b"Exif\0"),
        (b"infe", struct.pack(">IHH", 2 << 24 | 1, 3, 0) + b"mime\0" + XMP_TYPE + b"\0"),
    ]
    links = boxes(dict(tables(new))[b"iref"][4:])
    assert links == [(b"cdsc", struct.pack(">HHH", n, 1, 1)) for n in (2, 3)]


def test_the_metadata_of_other_pictures_in_the_file_stay_theirs() -> None:
    for name, own in (("phone", b"gains"), ("motion", b"gains")):
        data = variant(HEIF, name)
        assert Slot.XMP not in read(data).slots
        new = splice(data, {Slot.XMP: NEW})
        assert own in new and read(new).slots[Slot.XMP] == NEW
    grid = splice(variant(AVIF, "grid"), {Slot.XMP: NEW})
    assert b"<of the thumbnail/>" in grid and read(grid).slots == {Slot.EXIF: tiff(6), Slot.XMP: NEW}
    around = splice(variant(AVIF, "shared"), {Slot.XMP: NEW})
    assert b"((" + PACKET + b"))" in around and read(around).slots[Slot.XMP] == NEW
    assert splice(around, {Slot.XMP: NEW}) == around


def test_a_film_and_its_file_are_told_the_same() -> None:
    data = variant(AVIF, "animated-alpha-described")
    new = splice(data, {Slot.XMP: NEW, Slot.EXIF: tiff(1, b"Steppe 2\0")})
    found = parse(new, LIMITS)
    for slot, expected in ((Slot.XMP, NEW), (Slot.EXIF, EXIF[:4] + b"")):
        told = [meta.bytes_of(item.id) for meta, item in found.carriers(slot)]
        assert len(told) >= 2 and len(set(told)) == 1 and (expected in told[0] or slot is Slot.EXIF)
    image = Image.open(io.BytesIO(new))
    assert image.info["xmp"] == NEW and image.getexif()[0x0131] == "Steppe 2"


@pytest.mark.parametrize(
    ("raw", "block", "head"),
    [
        (b"\0\0\0\6Exif\0\0" + tiff(), tiff(), b"\0\0\0\6Exif\0\0"),
        (b"\0\0\0\0" + tiff(), tiff(), b"\0\0\0\0"),
        (b"\0\0\0\2??" + tiff(), tiff(), b"\0\0\0\2??"),
        (b"\0\0\0\6" + tiff(), tiff(), b"\0\0\0\6Exif\0\0"),  # a lie is not kept
        (b"\xff\xff\xff\xffExif\0\0" + tiff(), tiff(), b"\0\0\0\6Exif\0\0"),
        (b"\0\0\0\0nothing of the kind", None, b"\0\0\0\6Exif\0\0"),
        (b"\0", None, b"\0\0\0\6Exif\0\0"),
    ],
)
def test_what_stands_before_the_exif_block(raw: bytes, block: bytes | None, head: bytes) -> None:
    whole = still(exif=True)
    data = made(replace(whole, items=(whole.items[0], replace(whole.items[1], parts=(raw,)))))
    assert read(data).slots.get(Slot.EXIF) == block
    new = splice(data, {Slot.EXIF: tiff(3)})
    assert read(new).slots[Slot.EXIF] == tiff(3) and head + tiff(3) in new


def test_a_compressed_packet_is_read_and_written_plain() -> None:
    data = variant(AVIF, "compressed")
    assert read(data).slots[Slot.XMP] == PACKET
    new = splice(data, {Slot.XMP: NEW})
    assert b"deflate" in data and b"deflate" not in new and NEW in new
    raw = zlib.compressobj(wbits=-15)
    packet = replace(avif.compressed().items[1], parts=(raw.compress(PACKET) + raw.flush(),))
    data = made(replace(avif.compressed(), items=(avif.compressed().items[0], packet)))
    assert read(data).slots[Slot.XMP] == PACKET
    data = made(
        replace(avif.compressed(), items=(avif.compressed().items[0], replace(packet, encoding=b"br")))
    )
    assert Slot.XMP not in read(data).slots
    with pytest.raises(UsageError, match="br"):
        splice(data, {Slot.XMP: NEW})


@pytest.mark.parametrize(
    "put",
    [{Slot.XMP: b""}, {Slot.EXIF: b"Exif\0\0MM\0*"}, {Slot.NATIVE: b"x"}, {Slot.XMP: NEW, Slot.EXIF: b"x"}],
)
def test_a_payload_that_does_not_fit_writes_nothing(put: dict[Slot, bytes]) -> None:
    out = io.BytesIO()
    with pytest.raises(UsageError):
        load(AVIF).splice(io.BytesIO(variant(AVIF, "pillow")), out, put)
    assert out.getvalue() == b""


def test_a_film_without_items_takes_xmp_in_a_box_of_its_own() -> None:
    data = variant(AVIF, "film-only")
    new = splice(data, {Slot.XMP: NEW})
    assert boxes(new)[1] == (b"uuid", avif.XMP_UUID + NEW)
    with pytest.raises(UsageError, match="EXIF"):
        splice(data, {Slot.EXIF: tiff()})


def test_a_manifest_goes_first_and_replaces_the_old_one() -> None:
    data = variant(AVIF, "v1")
    new = splice(data, {Slot.C2PA: b"store"})
    assert [kind for kind, _ in boxes(new)][:3] == [b"ftyp", b"uuid", b"meta"]
    assert read(new).slots[Slot.C2PA] == b"store" and pixels(new) == pixels(data)
    again = splice(new, {Slot.C2PA: b"another store"})
    assert read(again).slots[Slot.C2PA] == b"another store" and read(again, essence=True) == replace(
        read(data, essence=True), slots={**read(data).slots, Slot.C2PA: b"another store"}
    )


def test_numbers_of_items_are_nobody_elses() -> None:
    whole = still()
    groups = box(b"grpl", full(b"altr", struct.pack(">III", 7, 1, 1)))
    new = splice(made(replace(whole, extra=(groups,))), {Slot.XMP: NEW})
    assert struct.pack(">HHH", 8, 1, 1) in dict(tables(new))[b"iref"]
    item = replace(whole.items[0], id=0xFFFF)
    new = splice(made(replace(whole, items=(item,), primary=0xFFFF)), {Slot.XMP: NEW, Slot.EXIF: tiff()})
    assert read(new).slots == {Slot.XMP: NEW, Slot.EXIF: tiff()} and pixels(new) == pixels(made(whole))
    item = replace(whole.items[0], id=0x12345)
    for order in ((Slot.XMP,), (Slot.XMP, Slot.EXIF)):
        puts = {slot: {Slot.XMP: NEW, Slot.EXIF: tiff()}[slot] for slot in order}
        new = splice(made(replace(whole, items=(item,), primary=0x12345), version=2, ids=1), puts)
        assert read(new).slots == puts and pixels(new) == pixels(made(whole))


def test_places_of_eight_bytes_where_four_do_not_suffice() -> None:
    for name in ("split", "animated", "in-idat"):
        data = variant(AVIF, name)
        change = Splice(parse(data, LIMITS))
        change._bytes = 1 << 32  # as if it were so large
        change.put(Slot.XMP, NEW)
        new = b"".join(change.pieces())
        assert dict(tables(new))[b"iloc"][4:6] == b"\x88\0"
        assert read(new, essence=True).essence == read(data, essence=True).essence
    with pytest.raises(UsageError, match="larger than its own numbers"):
        Rewrite(data).patch(0, 1 << 32, 4)


# Films in their other forms


def film(data: bytes, table: Callable[[bytes, bytes], list[tuple[bytes, bytes]]]) -> bytes:
    """A film whose tables are others; all places in it move with them."""

    def walk(raw: bytes, shift: int) -> bytes:
        out = []
        for kind, content in boxes(raw):
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
                content = walk(content, shift)
            if kind == b"stco":
                (place,) = struct.unpack(">I", content[8:])
                content = content[:8] + struct.pack(">I", place + shift)
            out += (
                [box(*made_) for made_ in table(kind, content)] if kind in _CHANGING else [box(kind, content)]
            )
        return b"".join(out)

    shift = len(walk(data, 0)) - len(data)
    return walk(data, shift)


_CHANGING = (b"stco", b"stsz")


def _other_tables(kind: bytes, content: bytes) -> list[tuple[bytes, bytes]]:
    if kind == b"stco":
        wide = content[:8] + bytes(4) + content[8:]
        return [(b"co64", wide), (b"saio", content), (b"saio", b"\1\0\0\1auxiliar" + wide[4:])]
    sizes = struct.unpack(">3I", content[12:])
    return [(b"stz2", struct.pack(">II", 0, 16) + content[8:12] + struct.pack(">3H", *sizes))]


def test_places_of_films_in_all_their_tables() -> None:
    data = film(variant(AVIF, "film-only"), _other_tables)
    content = read(data, essence=True)
    assert content.essence[0] == read(variant(AVIF, "film-only"), essence=True).essence[0]
    assert Slot.C2PA not in (content.takes or set(Slot))
    new = splice(data, {Slot.XMP: NEW})
    assert read(new, essence=True).essence == content.essence
    shift = len(new) - len(data)
    for one, other in zip(re.finditer(rb"saio|co64", data), re.finditer(rb"saio|co64", new), strict=True):
        before, after = (raw[m.end() : m.end() + 28] for raw, m in ((data, one), (new, other)))
        end = 24 if before[3] else 16 if one[0] == b"co64" else 12
        assert int.from_bytes(after[end - 4 : end]) == int.from_bytes(before[end - 4 : end]) + shift


def test_fragments_are_followed_and_never_parted() -> None:
    sample = b"a frame of a film"
    ftyp = box(b"ftyp", b"msf1", bytes(4), b"avis")
    table = box(
        b"stbl",
        full(b"stsz", bytes(8)),
        full(b"stsc", bytes(4)),
        full(b"stco", bytes(4)),
    )
    track = full(b"tkhd", bytes(72), struct.pack(">II", 64 << 16, 48 << 16))
    moov = box(b"moov", box(b"trak", track, box(b"mdia", box(b"minf", table))), box(b"mvex"))
    start = len(ftyp + moov)
    moof = box(b"moof", box(b"traf", full(b"tfhd", struct.pack(">IQ", 1, start), flags=1)))
    index = box(
        b"mfra", full(b"tfra", struct.pack(">IIIIIBBB", 1, 0, 1, 0, start, 1, 1, 1)), full(b"mfro", bytes(4))
    )
    data = ftyp + moov + moof + box(b"mdat", sample) + index
    content = read(data, essence=True)
    assert content.size == (64, 48) and Slot.C2PA not in (content.takes or set(Slot))
    new = splice(data, {Slot.XMP: NEW})
    assert read(new, essence=True).essence == content.essence and read(new).slots == {Slot.XMP: NEW}
    shift = len(new) - len(data)
    assert moof.replace(struct.pack(">Q", start), struct.pack(">Q", start + shift)) in new
    assert struct.pack(">IIBBB", 0, start + shift, 1, 1, 1) in new
    late = ftyp + moov + moof + box(b"mdat", sample) + box(b"uuid", avif.XMP_UUID, PACKET)
    assert read(late).slots == {Slot.XMP: PACKET}
    with pytest.raises(UsageError, match="fragments"):
        splice(late, {Slot.XMP: NEW})
    assert read(data.replace(sample, sample.upper()), essence=True).essence != content.essence


# What is read


def test_kinds_by_their_brands() -> None:
    def head(*brands: bytes) -> bytes:
        return box(b"ftyp", brands[0], bytes(4), *brands[1:])

    for brands in ((b"avif",), (b"avis", b"heic"), (b"mif1", b"miaf", b"avif"), (b"msf1", b"avis")):
        assert is_avif(head(*brands)) and not is_heif(head(*brands)), brands
    for brands in (
        (b"heic",),
        (b"heix", b"avif"),
        (b"mif1",),
        (b"mif1", b"heic"),
        (b"hevc",),
        (b"avci",),
        (b"jpeg",),
    ):
        assert is_heif(head(*brands)) and not is_avif(head(*brands)), brands
    for brands in ((b"mp42", b"avif"), (b"isom",), (b"crx ",), (b"qt  ", b"heic"), (b"jxl ",)):
        assert not is_heif(head(*brands)) and not is_avif(head(*brands)), brands
    for raw in (b"", b"ftypavif", b"\0\0\0\x0cftyp", b"\0\0\0\x10ftypmif1\0\0\0\0avif"):
        assert not is_avif(raw)


def test_fields_are_those_of_the_picture() -> None:
    found = {(f.where, f.key): f.value for f in read(variant(HEIF, "other")).fields}
    assert (
        found[("heif:udes", "name")] == "Дала".encode() and found[("heif:udes", "description")] == b"Steppe 1"
    )
    found = {(f.where, f.key): f.value for f in read(variant(AVIF, "in-idat")).fields}
    assert found[("exif:IFD0", "Software")].rstrip(b"\0") == b"Steppe 1"
    assert ("heif:mime", "text/plain") in found
    assert read(variant(HEIF, "other")).mime == "image/heif" and read(variant(HEIF, "phone")).mime is None


def test_texts_of_films() -> None:
    texts = (b"AIGC", b'{"AIGC": {"Label": "1"}}'), ("сипаттама".encode(), b"a steppe")
    for quicktime in (False, True):
        told = [
            (f.where, f.key, f.value)
            for f in read(avif.tagged(avif.tags(*texts, quicktime=quicktime))).fields
        ]
        assert told == [
            ("bmff:ilst", "AIGC", b'{"AIGC": {"Label": "1"}}'),
            ("bmff:ilst", "сипаттама", b"a steppe"),
        ]
    named = box(
        b"----", full(b"mean", b"com.example"), full(b"name", b"prompt"), box(b"data", bytes(8), b"a steppe")
    )
    listed = box(b"ilst", box(b"\xa9too", box(b"data", bytes(8), b"Steppe 1")), named)
    data = avif.tagged(full(b"meta", full(b"hdlr", bytes(20)), listed))
    assert {(f.key, f.value) for f in read(data).fields} == {
        ("\xa9too", b"Steppe 1"),
        ("prompt", b"a steppe"),
    }
    for cut in range(len(listed)):  # nothing malformed in there matters
        read(data.replace(listed, listed[:cut].ljust(len(listed), b"\xff")))


@pytest.mark.parametrize("turn", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_turned_picture_is_what_pillow_shows(turn: int | None, axis: int | None) -> None:
    properties = [box(b"irot", bytes((turn,)))] if turn is not None else []
    properties += [box(b"imir", bytes((axis,)))] if axis is not None else []
    data = made(avif.turned(*properties))
    found = parse(data, LIMITS)
    image = Image.open(io.BytesIO(data))
    assert found.orientation == image.getexif().get(0x0112, 1)
    assert found.size == ImageOps.exif_transpose(image).size
    (shown,) = surface(data).regions(Box(0, 0, *found.size))
    assert shown.tobytes() == frames(data)[0].convert("RGB").tobytes()


def test_order_matters_and_two_mirrors_are_a_turn() -> None:
    def orientation(*properties: bytes) -> int:
        return parse(made(avif.turned(*properties)), LIMITS).orientation

    irot, imir = (lambda n: box(b"irot", bytes((n,)))), (lambda n: box(b"imir", bytes((n,))))
    assert orientation(imir(1), irot(1)) == orientation(irot(3), imir(1)) == 5
    assert orientation(imir(0), imir(1)) == orientation(irot(2)) == 3
    assert orientation(imir(1), imir(1)) == 1 and orientation(irot(1), irot(3)) == 1


def test_a_clipped_picture_has_the_size_that_is_shown() -> None:
    clap = box(b"clap", struct.pack(">8I", 100, 1, 161, 2, 0, 1, 0, 1))
    assert read(made(avif.turned(clap, box(b"irot", b"\1")))).size == (80, 100)


LAYOUT = st.fixed_dictionaries(
    {
        "offset": st.sampled_from([4, 8]),
        "length": st.sampled_from([4, 8]),
        "base": st.sampled_from([0, 4, 8]),
        "base_is": st.sampled_from(["start", "zero"]),
        "order": st.sampled_from(
            ["meta mdat", "mdat meta", "between meta mdat between", "mdat between meta"]
        ),
        "wide": st.booleans(),
        "trailing": st.sampled_from([b"", b"tail", b"\0" * 9]),
    }
)
ITEM = st.tuples(
    st.sampled_from([b"av01", b"mime", b"Exif", b"xmp ", b"hvc1"]),
    st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=3),
    st.sampled_from([0, 1]),
    st.sampled_from([(), (1,), (2,), (1, 2)]),  # what it describes
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ITEM, max_size=6),
    layout=LAYOUT,
    version=st.sampled_from([(1, 0, 0), (1, 0, 4), (2, 1, 0), (2, 0, 8)]),
    puts=st.fixed_dictionaries(
        {},
        optional={
            Slot.XMP: st.binary(min_size=1, max_size=60),
            Slot.C2PA: st.binary(min_size=1, max_size=9),
            Slot.EXIF: st.binary(max_size=9).map(lambda tail: b"II*\0" + tail),
        },
    ),
)
def test_any_items_anywhere_round_trip(
    rows: list[Any], layout: dict[str, Any], version: tuple[int, int, int], puts: dict[Slot, bytes]
) -> None:
    items, references = [Item(1, b"av01", (b"picture",), properties=(1,))], []
    for number, (kind, parts, method, about) in enumerate(rows, 2):
        content = XMP_TYPE if kind == b"xmp " else b"text/plain" if kind == b"mime" else b""
        items.append(Item(number, b"mime" if kind == b"xmp " else kind, tuple(parts), content, method))
        references += [(b"cdsc", number, about)] if about else []
    of = Made(tuple(items), (ispe((4, 4)),), tuple(references))
    number, ids, index = version
    between = box(b"free", bytes(11))
    data = made(of, version=number, ids=ids, index=index, between=between, **layout)
    content, new = read(data, essence=True), splice(data, puts)
    after = read(new, essence=True)
    assert splice(new, puts) == new
    assert after.essence == content.essence and after.trailing == content.trailing == len(layout["trailing"])
    assert after.slots == {**content.slots, **puts} and new.endswith(layout["trailing"])
    before, found = parse(data, LIMITS), parse(new, LIMITS)
    assert before.main and found.main
    carriers = {item.id for slot in puts for _, item in before.carriers(slot)}
    for item in before.main.items.values():
        if item.id not in carriers:
            assert found.main.bytes_of(item.id) == b"".join(items[item.id - 1].parts)


# Files made to hurt


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_mutant_is_refused_or_keeps_all_it_has(data: st.DataObject) -> None:
    module, name = data.draw(st.sampled_from(EVERY))
    mutant = bytearray(variant(module, name))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(mutant) - 1, 1200)))
        match data.draw(st.sampled_from("rridc")):
            case "r":
                mutant[at] = data.draw(
                    st.sampled_from([0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF, (mutant[at] + 1) % 256])
                )
            case "i":
                mutant[at:at] = data.draw(st.binary(max_size=8))
            case "d":
                del mutant[at : at + data.draw(st.integers(1, 16))]
            case "c":
                source = data.draw(st.integers(0, min(len(mutant) - 1, 1200)))
                mutant[at : at + 4] = mutant[source : source + 4]
    puts = {Slot.XMP: NEW, Slot.EXIF: tiff()}
    try:
        before = load(module).read(io.BytesIO(mutant), LIMITS, essence=True)
        out = io.BytesIO()
        load(module).splice(io.BytesIO(mutant), out, puts)
    except LabelError:
        return
    after = read(out.getvalue(), essence=True)
    assert after.essence == before.essence and after.size == before.size and after.trailing == before.trailing
    assert after.slots == {**before.slots, **puts} and splice(out.getvalue(), puts) == out.getvalue()


def test_nothing_is_put_where_something_else_would_break() -> None:
    both = {Slot.XMP: NEW, Slot.EXIF: tiff()}

    def kept(of: Made, puts: dict[Slot, bytes], **layout: Any) -> None:
        data = made(of, **layout)
        new = splice(data, puts)
        assert read(new, essence=True).essence == read(data, essence=True).essence
        assert read(new).slots == {**read(data).slots, **puts} and splice(new, puts) == new

    whole = still()
    kept(
        replace(whole, references=((b"cdsc", 2, (1,)), (b"cdsc", 9, (1,)))), both
    )  # by nobody, for whom 2 was free
    far = replace(whole.items[0], id=0xFFFF)
    kept(replace(whole, items=(far, Item(2, b"mime", (b"x",), b"text/plain")), primary=0xFFFF), both)
    wide = replace(whole, items=(replace(whole.items[0], id=0x30000),), primary=0x30000)
    kept(wide, both, version=2, ids=1)
    # tables of places taken for data, and data within metadata
    at = made(whole).index(b"iloc")
    for start in (at, at + 20, made(whole).index(b"iinf") + 2):
        item = replace(whole.items[0], parts=(), extents=((0, start, 9),))
        with pytest.raises(UsageError, match="overlap"):
            splice(made(replace(whole, items=(item,))), both)
    nested = replace(avif.in_item(), references=((b"iloc", 1, (3,)), (b"cdsc", 3, (1,))))
    item = replace(nested.items[0], extents=((0, 3, 40),))
    with pytest.raises(UsageError, match="lie in"):
        splice(made(replace(nested, items=(item, *nested.items[1:])), version=1), both)


def refused(data: bytes, error: type[LabelError] = UnreadableError, limits: Limits = LIMITS) -> None:
    for job in (lambda: load(AVIF).read(io.BytesIO(data), limits, essence=True), lambda: parse(data, limits)):
        with pytest.raises(error) as caught:
            job()
            splice(data, {Slot.XMP: NEW})
        assert caught.value.message


def test_counts_and_sizes_that_lie() -> None:
    whole = still(xmp=True)
    for kind, at, widths in (
        (b"iloc", 6, 2),
        (b"ipma", 4, 4),
        (b"iinf", 4, 2),
        (b"stsz", 8, 4),
        (b"stco", 4, 4),
    ):
        data = variant(AVIF, "animated") if kind.startswith(b"st") else made(whole)
        place = data.index(kind) + 4 + at
        lie = data[:place] + b"\xff" * widths + data[place + widths :]
        if kind == b"iinf":  # its boxes count
            assert (
                read(lie).slots == read(data).slots
                and read(splice(lie, {Slot.XMP: NEW})).slots[Slot.XMP] == NEW
            )
        else:
            refused(lie)
    for kind in (b"meta", b"iloc", b"iinf", b"infe", b"ipco", b"mdat", b"iref", b"cdsc"):
        place = (data := made(whole)).index(kind) - 4
        for size in (2, 7, len(data), (1 << 32) - 1):
            refused(data[:place] + struct.pack(">I", size) + data[place + 4 :])
    wide = variant(AVIF, "wide")
    for place in (m.start() + 4 for m in re.finditer(b"meta|mdat", wide)):
        for size in (0, 8, 15, len(wide), (1 << 64) - 1):
            refused(wide[:place] + struct.pack(">Q", size) + wide[place + 8 :])


@pytest.mark.parametrize(
    "of",
    [
        Made((Item(1, b"av01", properties=(1,), extents=((0, 0, 1 << 31),)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", (b"x",), properties=(2,)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", (b"x",), properties=(1,)),), (ispe((0, 4)),)),
        Made((Item(1, b"av01", (b"x",), properties=(1,)),), (full(b"ispe", b"\0\0\0\4"),)),
        Made((Item(1, b"av01", properties=(1,)),), (ispe((4, 4)),)),
        Made((Item(2, b"av01", (b"x",), properties=(1,)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", (b"x",), properties=(1,)), Item(1, b"mime", (b"x",))), (ispe((4, 4)),)),
        Made((Item(1, b"av01", (b"x",), method=3, properties=(1,)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", properties=(1,), method=1, extents=((0, 0, 1),)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", properties=(1,), method=2, extents=((0, 0, 1),)),), (ispe((4, 4)),)),
        Made((Item(1, b"av01", (b"x",), properties=(1, 2)),), (ispe((4, 4)), box(b"irot"))),
    ],
)
def test_malformed_items(of: Made) -> None:
    refused(made(of, version=1))


def test_items_that_lie_in_each_other() -> None:
    for length in (1, 2, 150):  # in itself, in each other, and a long way down
        items = [Item(n + 1, b"av01", method=2, extents=((0, 0, 1),), properties=(1,)) for n in range(length)]
        links = tuple((b"iloc", n + 1, ((n + 1) % length + 1,)) for n in range(length))
        refused(made(Made(tuple(items), (ispe((4, 4)),), links), version=1), LimitError)
    for many, error in ((9, None), (999, LimitError)):  # each holds the next so many times
        rows = [Item(n, b"mime", method=2, extents=((0, 0, many ** (3 - n)),) * many) for n in (1, 2, 3)]
        links = tuple((b"iloc", n, (n + 1,)) for n in (1, 2, 3))
        whole = Made(
            (*rows, Item(4, b"av01", (b"x" * 999,), properties=(1,))), (ispe((4, 4)),), links, primary=4
        )
        if error:
            refused(made(whole, version=1), error)
        else:
            found = parse(made(whole, version=1), LIMITS)
            assert found.main and found.main.bytes_of(1) == b"x" * many**3


def test_bombs_are_stopped_early() -> None:
    nested = b""
    for _ in range(200):
        nested = box(b"moov", nested)
    refused(variant(AVIF, "pillow") + nested, LimitError)
    refused(variant(AVIF, "pillow") + box(b"free") * 100_001, LimitError)
    refused(
        made(replace(still(), properties=(ispe((1 << 31, 1 << 31)), *still().properties[1:]))), LimitError
    )
    refused(variant(AVIF, "animated"), LimitError, Limits(max_frames=2))
    with pytest.raises(LimitError):
        read(variant(AVIF, "pillow"), Limits(max_bytes=99))
    with pytest.raises(LimitError, match="same bytes"):
        row = Item(2, b"mime", content=XMP_TYPE, extents=((0, 0, 99),) * 50)
        read(made(Made((Item(1, b"av01", (b"x" * 99,), properties=(1,)), row), (ispe((4, 4)),))))
    same = tuple(Item(n, b"av01", extents=((0, 0, 90_000),)) for n in range(2, 3000))
    data = made(Made((Item(1, b"av01", (b"x" * 90_000,), properties=(1,)), *same), (ispe((4, 4)),)))
    assert read(data).size == (4, 4)
    with pytest.raises(LimitError):
        read(data, essence=True)
    bomb = replace(avif.compressed().items[1], parts=(zlib.compress(b" " * (33 << 20)),))
    refused(made(replace(avif.compressed(), items=(avif.compressed().items[0], bomb))), LimitError)
    fixed = film(
        variant(AVIF, "film-only"),
        lambda k, c: [(k, c[:4] + b"\0\0\0\1" + b"\xff" * 4 if k == b"stsz" else c)],
    )
    refused(fixed)


def test_many_items_that_overlap_are_still_quick() -> None:
    many = tuple(Item(n, b"mime", extents=((0, n % 700, 9),)) for n in range(2, 20_000))
    packet = Item(30_000, b"mime", content=XMP_TYPE, extents=tuple((0, n % 800, 1) for n in range(20_000)))
    whole = Made((Item(1, b"av01", (b"x" * 999,), properties=(1,)), *many, packet), (ispe((4, 4)),))
    data = made(whole)
    assert read(splice(data, {Slot.XMP: NEW})).slots[Slot.XMP] == NEW
    mixed = tuple(Item(n, b"mime", (b"x",), b"text/plain") for n in range(2, 20_000))
    apart = Item(30_000, b"mime", tuple(b"x" for _ in range(20_000)), XMP_TYPE)
    data = made(replace(whole, items=(whole.items[0], *mixed, apart)))
    new = splice(data, {Slot.XMP: NEW})
    assert read(new).slots[Slot.XMP] == NEW and len(new) < len(data) - 2 * 99_999 // 2


# Drawing


UNDRAWN = {
    "film-only": "without a still picture",
    "in-item": "another item",
    "in-item-index": "another item",
    "mirrored-turned": "turn it in different ways",
    "deep": "more than 8 bits",
    "other": "another way",
    "film": "another way",
}


def hevc() -> Any:
    return pytest.importorskip(
        "pillow_heif",
        reason="pillow-heif is not installed: whether HEIC decodes and is drawn on was NOT checked",
    )


@every
def test_where_nothing_is_drawn_and_why(module: str, name: str) -> None:
    if module == HEIF:
        hevc()
    data = variant(module, name)
    if reason := UNDRAWN.get(name):
        with pytest.raises(NoticeError, match=reason):
            surface(data)
        receipt = labeler.add(data, None, label())
        assert receipt.notice.mode == "none" and any(reason in d for d in receipt.degradations)
        with pytest.raises(NoticeError, match=reason):
            labeler.add(data, None, label(), notice="plate")
    else:
        assert surface(data).size == read(data).size


def described(*properties: bytes, **more: Any) -> bytes:
    """A picture of which more is told."""
    whole = avif.turned(*properties)
    return made(replace(whole, **more))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: described(box(b"clap", struct.pack(">8I", 90, 1, 80, 1, 0, 1, 0, 1))), "clap"),
        (lambda: described(full(b"clli", bytes(4))), "clli"),
        (lambda: made(replace(still(), properties=still().properties[:3], items=(replace(still().items[0], properties=(1, 2, 0x83)),))), "colours mean"),
        (lambda: made(replace(still(), properties=(*still().properties[:3], NCLX.replace(b"\0\x0d", b"\0\x10")))), "HDR"),
        (lambda: made(replace(still(), properties=(*still().properties[:2], coded()[2][:10] + b"\x4c" + coded()[2][11:], NCLX))), "8 bits"),
        (lambda: made(replace(still(), references=((b"prem", 1, (1,)),))), "multiplied"),
        (lambda: variant(AVIF, "animated").replace(b"ctts", b"ctts").replace(b"stss", b"sgpd"), "tables"),
        (lambda: variant(AVIF, "animated").replace(b"ftypavis", b"ftypavif"), "film of a kind"),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_not_drawn_on(data: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(NoticeError, match=reason):
        surface(data())


def painted(data: bytes, at: Box, *, band: bool = False) -> bytes:
    target = surface(data)
    place = target.fit(at, band=band)
    done = target.paint(Image.new("RGB", (place.w, place.h), "white"), place, band=band)
    assert not done.exact and "quality 95" in done.degradations[0]
    return bytes(done.data)


def properties_of(found: Heif) -> list[bytes]:
    return [found.data[b.start : b.end] for b in found.properties]


@pytest.mark.parametrize("band", [False, True])
def test_all_around_the_coded_picture_stays(band: bool) -> None:
    wide = NCLX.replace(b"\0\1\0\x0d\0\6\x80", b"\0\x0c\0\x0d\0\1\0")  # Display P3, limited range
    thumb = Item(9, b"av01", (coded(size=(64, 64))[0],), properties=(6, 2, 7, 4))
    whole = still(exif=True, xmp=True)
    text = Item(8, b"mime", (b"a text",), b"text/plain", method=1)
    small = coded(size=(64, 64))
    whole = replace(
        whole,
        items=(replace(whole.items[0], properties=(1, 2, 0x83, 5)), *whole.items[1:], text, thumb),
        properties=(*whole.properties, wide, ispe((64, 64)), small[2]),
        references=(*whole.references, (b"thmb", 9, (1,))),
    )
    data = made(whole, version=1, trailing=b"tail")
    target = surface(data)
    place = target.fit(Box(0, 90, 120, 24) if band else Box(11, 40, 61, 30), band=band)
    done = target.paint(Image.new("RGB", (place.w, place.h), "white"), place, band=band)
    assert done.degradations == (
        "the picture was encoded again at quality 95",
        "its thumbnail shows no notice",
    )
    old, new = parse(data, LIMITS), parse(done.data, LIMITS)
    assert old.main and new.main and done.data.endswith(b"tail")
    assert new.slots == old.slots and new.size == (120, 114 if band else 90)
    for number in (2, 3, 8, 9):
        assert new.main.bytes_of(number) == old.main.bytes_of(number)
    assert NCLX in done.data and whole.properties[5] in done.data  # the thumbnail's
    colours = next(p for p in properties_of(new) if p[4:8] == b"colr")
    assert colours[8:] == b"nclx\0\x0c\0\x0d\0\6\x80"  # the same primaries, as coded now
    again = painted(done.data, Box(11, 40, 61, 30))
    assert len(again) < len(done.data) + 600  # nothing piles up


def test_a_profile_an_alpha_plane_and_their_data_stay() -> None:
    data = variant(AVIF, "pillow-alpha-profile")
    new = painted(data, Box(20, 40, 60, 30))
    before, after = (Image.open(io.BytesIO(x)) for x in (data, new))
    assert before.info["icc_profile"] == after.info["icc_profile"] != b""
    a, b = (frames(x)[0].getchannel("A") for x in (data, new))
    b.paste(0, (20, 40, 80, 70)), a.paste(0, (20, 40, 80, 70))
    assert ImageStat.Stat(ImageChops.difference(a, b)).mean[0] < 1
    assert frames(new)[0].getchannel("A").crop((22, 42, 78, 68)).getextrema()[0] > 250
    opaque = pillow("RGBA")  # its alpha is not coded anew where nothing shines through
    assert frames(painted(opaque, Box(20, 40, 60, 30)))[0].size == (120, 90)


def test_the_timing_of_a_film_stays_to_the_tick() -> None:
    data = variant(AVIF, "animated-alpha-described")
    # 30000/1001 frames a second: no whole number of milliseconds
    data = data.replace(struct.pack(">IQ", 1000, 99), struct.pack(">IQ", 30000, 3003))
    data = data.replace(struct.pack(">III", 1, 3, 33), struct.pack(">III", 1, 3, 1001))
    new = painted(data, Box(20, 40, 60, 30))
    durations = []
    for raw in (data, new):
        image = Image.open(io.BytesIO(raw))
        durations.append(
            [
                (image.seek(i), image.load(), image.info["duration"], image.info["timestamp"])[2:]
                for i in range(3)
            ]
        )
    assert durations[0] == durations[1] == [(33, 0), (33, 33), (33, 67)]
    for kind in (b"stts", b"mdhd", b"elst", b"mvhd"):
        tables_ = [re.findall(re.escape(kind) + rb".{24}", raw, re.S) for raw in (data, new)]
        assert tables_[0] == tables_[1] and tables_[0]
    assert read(new).slots == read(data).slots
    assert len(painted(new, Box(20, 40, 60, 30))) < len(new) + 600


def test_every_tile_of_a_grid_is_coded_alike() -> None:
    for name in ("grid", "grid-in-file"):
        data = variant(AVIF, name)
        new = painted(data, Box(40, 40, 60, 30))
        found = parse(new, LIMITS)
        assert found.main and [i.kind for i in found.main.items.values()][:3] == [b"grid", b"av01", b"av01"]
        assert found.main.bytes_of(7) == "Дала".encode() and b"<of the thumbnail/>" in new
        (old,), (now,) = frames(data), frames(new)
        assert now.crop((42, 42, 98, 68)).convert("L").getextrema()[0] > 240
        with pytest.raises(NoticeError, match="tiles"):
            surface(data).fit(Box(0, 90, 120, 24), band=True)
        for image in (old, now):
            image.paste(0, (40, 40, 100, 70))
        assert max(ImageStat.Stat(ImageChops.difference(old, now)).mean) < 3


def test_what_others_share_is_not_changed_for_them() -> None:
    whole = still()
    other_ = Item(5, b"av01", (coded()[0],), properties=(1, 2, 0x83, 4))
    limited = NCLX.replace(b"\6\x80", b"\1\0")  # as nothing is coded here
    target = surface(
        made(replace(whole, items=(*whole.items, other_), properties=(*whole.properties[:3], limited)))
    )
    place = target.fit(Box(20, 40, 60, 30))
    with pytest.raises(NoticeError, match="share"):
        target.paint(Image.new("RGB", (place.w, place.h)), place)


def test_heic_is_drawn_on_where_the_user_can_code_it() -> None:
    hevc()
    for name in ("heic", "described", "phone", "motion", "generic"):
        data = variant(HEIF, name)
        new = painted(data, Box(10, 20, 40, 24))
        assert read(new).slots == read(data).slots and read(new).size == read(data).size
        (old,), (now,) = frames(data), frames(new)
        assert now.crop((12, 22, 48, 42)).convert("L").getextrema()[0] > 235
        for image in (old, now):
            image.paste(0, (8, 18, 52, 46))
        assert max(ImageStat.Stat(ImageChops.difference(old, now)).mean) < 4
    found = surface(variant(HEIF, "phone"))
    done = found.paint(Image.new("RGB", (40, 24)), Box(10, 20, 40, 24))
    assert any("gain map" in d for d in done.degradations) and any(
        "thumbnail" in d for d in done.degradations
    )
    taller = painted(variant(HEIF, "heic"), Box(0, 64, 96, 25), band=True)
    assert read(taller).size == (96, 90) and frames(taller)[0].size == (96, 90)


def test_heic_without_an_encoder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = variant(HEIF, "phone")
    receipt = labeler.add(data, None, label())
    assert receipt.notice.mode == "none" and "c2pa" in receipt.marks
    assert "pillow-heif" in receipt.degradations[0] and "GPL" in receipt.degradations[0]
    assert labeler.verify(receipt.data).verdict == "incomplete"


def test_a_notice_that_cannot_be_looked_at_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    hevc()
    data = io.BytesIO()
    photo().save(data, "HEIF", quality=60)
    receipt = labeler.add(data.getvalue(), None, label())
    report = labeler.verify(receipt.data)
    assert report.verdict == "labelled" and receipt.notice.mode == "plate"
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    report = labeler.verify(receipt.data)
    assert report.verdict == "incomplete"
    notice = next(m for m in report.marks if m.kind == "notice")
    assert notice.status == "unknown" and "pillow-heif" in notice.details["reason"]


# Signed, and what others make of it


@pytest.mark.parametrize(
    ("module", "name"), [v for v in EVERY if v[1] != "signed"]
)  # by nobody that c2pa knows
def test_signed_and_accepted_by_others(module: str, name: str) -> None:
    data = variant(module, name)
    receipt = labeler.add(data, None, label(), notice="none")
    beside = receipt.sidecar_data
    assert (beside is not None) == (name in BESIDE) == any("sidecar" in d for d in receipt.degradations)
    failures, _ = c2pa_reader(receipt.data, MIMES[module], beside)
    assert failures == "signingCredential.untrusted"
    assert encypher(receipt.data, MIMES[module], beside)["integrity"] == "valid"
    before, after = (read(x, essence=True) for x in (data, receipt.data))
    assert (
        after.essence == before.essence and {*before.fields} <= {*after.fields} and after.size == before.size
    )
    assert Slot.EXIF in after.slots or name == "film-only"
    if module == AVIF and name not in ("film-only", "in-item", "in-item-index"):
        assert pixels(receipt.data) == pixels(data)
    if not beside:
        assert labeler.add(receipt.data, None, label(), notice="none").unchanged
        broken = bytearray(receipt.data)
        broken[receipt.data.rindex(b"mdat") + 9] ^= 1
        assert labeler.verify(bytes(broken)).verdict in ("tampered", "unreadable")


def test_a_manifest_of_ours_becomes_the_parent() -> None:
    data = variant(AVIF, "pillow-described")
    first = labeler.add(data, None, label(), notice="none")
    second = labeler.add(first.data, None, label(system="Other 2"), notice="none")
    failures, store = c2pa_reader(second.data, "image/avif")
    assert failures == "signingCredential.untrusted" and len(store["manifests"]) == 2
    assert pixels(second.data) == pixels(data) and {*read(data).fields} <= {*read(second.data).fields}
    assert read(second.data, essence=True).essence == read(data, essence=True).essence


def test_what_an_embedded_manifest_spoils_is_signed_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeler.media.heif._refusals", lambda heif: ())  # as if we did not know
    items, data = b"", made(still())
    for _ in "12":  # the film's own item lies in the picture's data
        place = struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, data.index(coded()[0]), 9)
        entry = full(b"infe", struct.pack(">HH", 1, 0), b"mime\0text/plain\0", version=2)
        items = full(b"meta", full(b"iloc", place), full(b"iinf", b"\0\1", entry))
        data = made(still(), order="between meta mdat", between=box(b"moov", items))
    receipt = labeler.add(data, None, label(), notice="none")
    assert receipt.sidecar_data and "sidecar" in receipt.marks
    assert any("with an embedded manifest the file did not read back" in d for d in receipt.degradations)
    assert read(receipt.data, essence=True).essence == read(data, essence=True).essence


@pytest.mark.parametrize("kind", ["still", "film"])
def test_a_labelled_avif_from_end_to_end(kind: str) -> None:
    out = io.BytesIO()
    more = (
        {"save_all": True, "append_images": [ImageOps.mirror(photo())], "duration": [70, 90]}
        if kind == "film"
        else {}
    )
    photo().save(out, "AVIF", quality=70, speed=10, **more)
    receipt = labeler.add(out.getvalue(), None, label())
    report = labeler.verify(receipt.data)
    assert report.verdict == "labelled" and receipt.notice.mode == "plate" and not receipt.sidecar_data
    assert {f.code for f in report.facts} >= {"notice.kk", "notice.ru", "notice.legible", "c2pa.intact"}
    assert encypher(receipt.data, "image/avif")["integrity"] == "valid"
    assert labeler.add(receipt.data, None, label()).unchanged
    band = labeler.add(out.getvalue(), None, label(), notice="band")
    assert labeler.verify(band.data).verdict == "labelled" and read(band.data).size > (640, 480)


def files(corpus: Path) -> Iterator[Path]:
    for suffix in ("avif", "heif", "heic", "hif"):
        yield from sorted(corpus.rglob(f"*.{suffix}"))


def test_real_files_are_labelled_and_decode_to_the_same(corpus: Path) -> None:
    found = list(files(corpus))
    assert len(found) >= 4
    for path in found:
        data = path.read_bytes()
        assert labeler.verify(path).verdict == "no-evidence"
        receipt = labeler.add(path, None, label())
        assert receipt.notice.mode == "none" and "c2pa" in receipt.marks and receipt.degradations
        mime = MIMES[AVIF if path.suffix == ".avif" else HEIF]
        assert c2pa_reader(receipt.data, mime)[0] == "signingCredential.untrusted"
        assert encypher(receipt.data, mime)["integrity"] == "valid", path
        assert read(receipt.data, essence=True).essence == read(data, essence=True).essence
        if path.suffix == ".avif":
            assert pixels(receipt.data) == pixels(data)
        elif path.name != "QuickTime.heic":  # which has no real picture
            hevc().register_heif_opener()
            assert pixels(receipt.data) == pixels(data)


def test_exiftool_reads_what_is_put(tool: Callable[[str], str], tmp_path: Path) -> None:
    for module, name in EVERY:
        path = tmp_path / f"{module}-{name}.{module}"
        path.write_bytes(splice(variant(module, name), {Slot.XMP: NEW}))
    command = [tool("exiftool"), "-json", "-a", "-G4", "-XMP:Source", "-Warning", tmp_path]
    found = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    assert len(found) == len(EVERY)
    for told in found:
        # this exiftool does not look into idat
        expected = "construction method 1" if "in-idat" in told["SourceFile"] else "Жаңа дала"
        assert any(expected in str(value) for value in told.values()), told


@pytest.mark.parametrize("module", [AVIF, HEIF])
def test_an_old_decoder_of_somebody_else_agrees(
    module: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    command = [tool("avifdec"), "--info"] if module == AVIF else [tool("heif-info")]
    names = [
        n for m, n in EVERY if m == module and n not in ("film-only", "in-item", "in-item-index", "other")
    ]
    for name in names:
        path = tmp_path / f"{name}.{module}"
        path.write_bytes(splice(variant(module, name), {Slot.XMP: NEW}))
        run = subprocess.run([*command, path], capture_output=True, text=True, check=False)
        assert run.returncode == 0, (name, run.stdout, run.stderr)
        if name not in ("xmp-of-films", "animated"):  # this looks only into tracks there
            assert str(len(NEW)) in run.stdout, name


def test_a_tc260_label_of_a_film_is_read_and_kept() -> None:
    said = json.dumps(dict.fromkeys(tc260.KEYS, "x") | {"Label": "1"}).encode()
    data = avif.tagged(avif.tags((b"AIGC", said)))
    assert {m.kind for m in labeler.verify(data).marks if m.status == "present"} == {"tc260"}
    receipt = labeler.add(data, None, label(), notice="none", policies=("kz", "cn"))
    assert said in receipt.data and any(
        "TC260 label that is there was kept" in d for d in receipt.degradations
    )
