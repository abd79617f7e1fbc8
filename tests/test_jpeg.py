"""JPEG: where segments stand to the byte, hostile files, and proofs that a notice changes its box alone."""

from __future__ import annotations

import functools
import io
import json
import os
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import c2pa_reader, encypher, label
from PIL import Image, ImageChops, ImageOps
from PIL.MpoImagePlugin import MpoImageFile
from variants import jpeg as made
from variants.jpeg import EXIF, PACKET, VARIANTS, XMP, app, coded, picture

import labeler
from labeler.errors import LimitError, NoticeError, UnreadableError, UsageError
from labeler.marks import c2pa
from labeler.media import identify
from labeler.media.base import Box, Content, Field, Limits, Painted, RasterSurface, Slot
from labeler.media.jpeg import MEDIUM, parse
from labeler.signing import identity

LIMITS = Limits()
STORE_HEAD = (
    b"jumb"
    + struct.pack(">I", 41)
    + b"jumd"
    + bytes.fromhex("6332706100110010800000aa00389b71")
    + b"\3c2pa\0"
)
LAST_ROW = ("the colour of the picture's last row of pixels blends with the band",)
RECODED = "the whole picture was re-encoded with the source's tables"


def read(data: bytes, limits: Limits = LIMITS) -> Content:
    return MEDIUM.read(io.BytesIO(data), limits, essence=True)


def put(data: bytes, slot: Slot, payload: bytes) -> bytes:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, {slot: payload})
    return out.getvalue()


def surface(data: bytes) -> RasterSurface:
    found = MEDIUM.surface(io.BytesIO(data), LIMITS)
    assert isinstance(found, RasterSurface)
    return found


def markers(data: bytes) -> list[int]:
    return [s.marker for s in parse(data, LIMITS).segments]


def plate(box: Box) -> Image.Image:
    image = Image.new("RGB", (box.w, box.h))
    image.paste("white", (box.w // 4, box.h // 4, box.w // 2, box.h // 2))
    return image


def painted(data: bytes, box: Box, *, band: bool = False) -> tuple[Painted, Box]:
    target = surface(data)
    box = target.fit(box, band=band)
    return target.paint(plate(box), box, band=band), box


def shown(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def changed(before: bytes, after: bytes) -> Box | None:
    """What differs between the pictures, within the smaller one."""
    old = shown(before)
    found = ImageChops.difference(old, shown(after).crop((0, 0, *old.size))).getbbox()
    return found and Box(found[0], found[1], found[2] - found[0], found[3] - found[1])


def store(size: int) -> bytes:
    """Bytes that begin like a C2PA manifest store."""
    body = STORE_HEAD + bytes(i * 7 % 251 for i in range(size - 4 - len(STORE_HEAD)))
    return struct.pack(">I", size) + body


# --- segments


def test_xmp_stands_after_jfif_and_exif_and_before_the_profile() -> None:
    data = made.everything()
    out = put(data, Slot.XMP, PACKET)
    at = data.index(b"\xff\xed")
    assert markers(data)[:4] == [0xE0, 0xE1, 0xED, 0xE2]
    assert out == data[:at] + app(0xE1, XMP + PACKET) + data[at:]


def test_xmp_keeps_its_place_before_the_profile_and_leaves_the_one_behind() -> None:
    data = coded(icc_profile=made.profile())
    early = made.after_jfif(data, app(0xED, made.iptc()), app(0xE1, XMP + b"old"))
    assert put(early, Slot.XMP, PACKET) == early.replace(app(0xE1, XMP + b"old"), app(0xE1, XMP + PACKET))
    late = made.xmp_behind_icc(copies=3)
    out = put(late, Slot.XMP, b"new")
    assert markers(late)[:6] == [0xE0, 0xE2, 0xE1, 0xE1, 0xE1, 0xE1]
    assert out == made.after_jfif(late, app(0xE1, XMP + b"new")).replace(app(0xE1, XMP + PACKET), b"", 1)
    assert b"http://ns.adobe.com/xmp/extension/\0" in out


def test_the_first_of_several_packets_counts() -> None:
    data = made.after_jfif(coded(), app(0xE1, XMP + b"first"), app(0xE1, XMP + b"second"))
    assert read(data).slots[Slot.XMP] == b"first"


def test_what_does_not_fit_a_segment_says_what_to_shorten() -> None:
    data = coded()
    assert read(put(data, Slot.XMP, b"x" * 65_502)).slots[Slot.XMP] == b"x" * 65_502
    with pytest.raises(UsageError, match="65,503 bytes") as caught:
        put(data, Slot.XMP, b"x" * 65_503)
    assert "prompt" in caught.value.hint
    with pytest.raises(UsageError, match="65,528 bytes; JPEG takes 65,527"):
        put(data, Slot.EXIF, b"II*\0".ljust(65_528))
    with pytest.raises(UsageError, match="no place for native"):
        put(data, Slot.NATIVE, b"x")


def test_exif_goes_right_after_jfif_and_turns_the_picture() -> None:
    data = made.after_jfif(coded(), app(0xE1, XMP + PACKET))
    image = Image.Exif()
    image[0x0112] = 6
    block = image.tobytes()[6:]
    out = put(data, Slot.EXIF, block)
    assert out == made.after_jfif(data, app(0xE1, EXIF + block))
    assert read(data).size == (311, 233) and read(out).size == (233, 311)
    assert read(put(out, Slot.EXIF, b"II*\0")).slots[Slot.EXIF] == b"II*\0"
    assert put(put(out, Slot.EXIF, b"II*\0"), Slot.EXIF, block) == out


def test_several_slots_at_once_in_any_order() -> None:
    data = coded(icc_profile=made.profile())
    outs = set()
    for slots in ((Slot.C2PA, Slot.XMP, Slot.EXIF), (Slot.EXIF, Slot.XMP, Slot.C2PA)):
        out = io.BytesIO()
        payloads = {Slot.XMP: PACKET, Slot.EXIF: b"MM\0*", Slot.C2PA: store(500)}
        MEDIUM.splice(io.BytesIO(data), out, {s: payloads[s] for s in slots})
        outs.add(out.getvalue())
    (only,) = outs
    assert markers(only)[:5] == [0xE0, 0xE1, 0xE1, 0xEB, 0xE2]
    assert read(only).slots == payloads


def test_essence_is_what_decides_the_pixels() -> None:
    data = made.everything()
    first = read(data).essence
    assert read(put(data, Slot.EXIF, b"II*\0")).essence == first
    assert read(data.replace("Қазақша".encode(), "Қазақшы".encode())).essence == first
    for mark in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xe2", b"\xff\xe0"):
        at = data.index(mark) + 12
        assert read(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]).essence != first, mark
    assert read(data[:-9] + bytes((data[-9] ^ 1,)) + data[-8:]).essence != first


def test_every_text_is_a_field_in_its_place() -> None:
    fields = read(made.everything()).fields
    assert fields == (
        Field("jpeg:COM", "Comment", "Қазақша".encode()),
        Field("exif:IFD0", "ImageDescription", b"a steppe at sunset\0"),
        Field("exif:IFD0", "Software", b"Kandinsky\0"),
        Field("exif:Exif", "UserComment", b"UNICODE\0" + "Steps: 20, Sampler: Euler a".encode("utf-16-be")),
        Field("iptc:IIM", "1:90", b"\x1b%G"),
        Field("iptc:IIM", "2:5", b"title"),
        Field("iptc:IIM", "2:80", b"Someone"),
        Field("iptc:IIM", "2:116", "© Біреу".encode()),
    )


def test_nothing_behind_the_end_is_a_field() -> None:
    data = coded() + made.everything() + app(0xFE, b"prompt")
    assert read(data).fields == () and read(data).slots == {}
    assert read(data).trailing == len(data) - len(coded())


def test_iptc_in_resources_that_go_on_in_the_next_segment() -> None:
    whole = made.iptc((2, 80, b"Someone"), (2, 120, b"c" * 300), name=b"name")
    halves = (app(0xED, whole[:90]), app(0xED, b"Photoshop 3.0\0" + whole[90:]))
    fields = read(made.after_jfif(coded(), *halves)).fields
    assert [(f.key, f.value) for f in fields] == [("2:80", b"Someone"), ("2:120", b"c" * 300)]


def test_iptc_with_an_extended_size() -> None:
    value = b"\x1c\x02\x78\x80\x04" + struct.pack(">I", 5) + b"hello" + b"\x1c\x02\x05\x00\x01t"
    block = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", 0x0404, 0, len(value)) + value
    fields = read(made.after_jfif(coded(), app(0xED, block))).fields
    assert [(f.key, f.value) for f in fields] == [("2:120", b"hello"), ("2:5", b"t")]


@given(st.binary(max_size=200))
def test_no_iptc_raises(tail: bytes) -> None:
    head = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", 0x0404, 0, 150)
    read(made.after_jfif(coded(), app(0xED, head + b"\x1c\x02" + tail), app(0xED, b"Photoshop 3.0\0" + tail)))


def test_iptc_is_bounded() -> None:
    many = app(0xED, made.iptc(*((2, 25, b"word"),) * 5000))
    data = made.after_jfif(coded(), *[many] * 3)
    assert len(read(data).fields) == 15_000
    assert len(read(data, Limits(max_parts=100)).fields) == 100
    overlong = (
        b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", 0x0404, 0, 0xFFFFFFFF) + b"\x1c\x02\x05\x7f\xffshort"
    )
    assert [f.value for f in read(made.after_jfif(coded(), app(0xED, overlong))).fields] == [b"short"]


# --- C2PA


def test_a_store_is_cut_into_segments_that_repeat_the_box_header() -> None:
    payload = store(150_000)
    out = put(coded(), Slot.C2PA, payload)
    parts = [s for s in parse(out, LIMITS).segments if s.marker == 0xEB]
    assert [len(s.tile) for s in parts] == [64_012, 64_020, 22_020]
    for i, part in enumerate(parts, 1):
        assert part.payload[:16] == b"JP" + struct.pack(">HI", 1, i) + payload[:8]
    assert b"".join(s.payload[16:] for s in parts) == payload[8:]
    assert read(out).slots == {Slot.C2PA: payload}
    assert put(put(out, Slot.C2PA, store(70)), Slot.C2PA, payload) == out


def test_a_store_with_a_long_size_keeps_it() -> None:
    payload = b"\0\0\0\1jumb" + struct.pack(">Q", 140_008) + STORE_HEAD[4:] + bytes(139_000)
    out = put(coded(), Slot.C2PA, payload)
    parts = [s for s in parse(out, LIMITS).segments if s.marker == 0xEB]
    assert len(parts) == 3 and all(s.payload[8:24] == payload[:16] for s in parts)
    assert read(out).slots == {Slot.C2PA: payload}


def test_segments_of_a_store_are_put_in_order_and_other_boxes_left_alone() -> None:
    payload = store(200)

    def part(number: int, i: int, box: bytes) -> bytes:
        return app(0xEB, b"JP" + struct.pack(">HI", number, i) + box)

    other = struct.pack(">I", 60) + b"jumb" + struct.pack(">I", 41) + b"jumd" + bytes(16) + b"\3other\0"
    pieces = [
        part(7, 1, other),
        part(1, 2, payload[:8] + payload[100:]),
        app(0xEB, b"HDR_RI ver=11"),
        part(1, 1, payload[:100]),
        part(1, 1, struct.pack(">I", 20) + b"RESI" + bytes(12)),
    ]
    data = made.after_jfif(coded(), *pieces)
    assert read(data).slots == {Slot.C2PA: payload}
    out = put(data, Slot.C2PA, store(90))
    assert read(out).slots == {Slot.C2PA: store(90)}
    assert [p in out for p in pieces] == [True, False, True, False, True]
    assert read(made.after_jfif(coded(), pieces[0])).slots == {}
    fresh = put(made.after_jfif(coded(), part(1, 1, other)), Slot.C2PA, payload)
    assert part(1, 1, other) in fresh and part(2, 1, payload) in fresh


def test_only_a_manifest_store_goes_into_the_slot() -> None:
    for payload in (b"", b"x" * 99, store(99)[:20], store(99).replace(b"jumd", b"jumx")):
        with pytest.raises(UsageError, match="manifest store"):
            put(coded(), Slot.C2PA, payload)


def test_stores_of_real_signed_files_are_whole(corpus: Path) -> None:
    seen = longest = 0
    for path in sorted(corpus.rglob("*.jp*g")):
        data = path.read_bytes()
        payload = read(data).slots.get(Slot.C2PA)
        if payload:
            assert int.from_bytes(payload[:4], "big") == len(payload), path.name
            at = 8  # boxes all the way to the end
            while at < len(payload):
                size, kind = struct.unpack_from(">I4s", payload, at)
                assert kind in (b"jumd", b"jumb") and size >= 8
                at += size
            assert at == len(payload)
            assert read(put(data, Slot.C2PA, payload)).slots[Slot.C2PA] == payload
            assert read(put(coded(), Slot.C2PA, payload)).slots[Slot.C2PA] == payload
            seen, longest = seen + 1, max(longest, len(payload))
    assert seen > 20 and longest > 65_536


def test_signed_files_with_their_own_store_put_again_are_the_same(corpus: Path) -> None:
    seen = 0
    for path in sorted((corpus / "c2pa-public-testfiles").rglob("*.jpg")):
        data = path.read_bytes()
        if payload := read(data).slots.get(Slot.C2PA):
            assert put(data, Slot.C2PA, payload) == data, path.name
            seen += 1
    assert seen > 10


# --- walking


def test_a_height_that_stands_behind_the_scan() -> None:
    data = coded()
    at = data.index(b"\xff\xc0") + 5
    late = data[:at] + b"\0\0" + data[at + 2 : -2] + app(0xDC, struct.pack(">H", 233)) + b"\xff\xd9"
    assert read(late).size == (311, 233)
    assert read(put(late, Slot.XMP, PACKET)).essence == read(late).essence
    with pytest.raises(UnreadableError, match="no size"):
        read(data[:at] + b"\0\0" + data[at + 2 :])
    with pytest.raises(UnreadableError):
        surface(late).regions(Box(0, 0, 8, 8))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff" * 9999,
        b"\xff\xd8\xff\xff\0" * 99,
        b"\xff\xd8\xff\xe1\0\1\xff\xd9",
        b"\xff\xd8\xff\xe1\0\2\xff\xd9",
        b"\xff\xd8\xff\xd8\xff\xd9",
        b"\xff\xd8" + coded()[2:].replace(b"\xff\xc0", b"\xff\xf7"),
        b"\xff\xd8" + app(0xC0, b"\x08\0\x08\0\x08\1\1\x11\0") + b"\xff\xd9",
        b"\xff\xd8" + app(0xC0, b"\x08\0\x08\0\x08\1\1\x11\0") * 2 + app(0xDA, b"") + b"\xff\xd9",
        b"\xff\xd8" + app(0xC0, b"\x08\0\x08\0\x08\2\1\x11\0") + app(0xDA, b"") + b"\xff\xd9",
        b"\xff\xd8" + app(0xC0, b"\x08\0\x08\0\x08\1\1\x01\0") + app(0xDA, b"") + b"\xff\xd9",
        b"\xff\xd8" + app(0xC0, b"\x08\0\x08\0\x08\0") + app(0xDA, b"") + b"\xff\xd9",
        b"\xff\xd8" + app(0xC0, b"\x08") + app(0xDA, b"") + b"\xff\xd9",
        coded()[:200] + b"\0\0" + coded()[200:],
    ],
)
def test_what_is_not_one_whole_picture_is_unreadable(data: bytes) -> None:
    for action in (read, surface, lambda d: put(d, Slot.XMP, PACKET)):
        with pytest.raises(UnreadableError) as caught:
            action(data)
        assert caught.value.hint


def test_cut_and_broken_are_told_apart() -> None:
    with pytest.raises(UnreadableError, match="is cut"):
        read(coded()[:-1])
    with pytest.raises(UnreadableError, match="broken at byte 20"):
        read(coded()[:20] + b"\0" + coded()[20:])


def test_sizes_and_counts_are_bounded() -> None:
    huge = coded().replace(struct.pack(">HH", 233, 311), struct.pack(">HH", 65_000, 65_000))
    with pytest.raises(LimitError):
        read(huge)
    comments = made.after_jfif(coded(), *[app(0xFE, b"")] * 100_001)
    start = time.perf_counter()
    with pytest.raises(LimitError):
        read(comments)
    assert time.perf_counter() - start < 5


def test_many_scans_of_a_large_picture_are_not_decoded() -> None:
    scan = app(0xDA, b"\1\1\0\0\0\0") + b"\x00"
    data = (
        b"\xff\xd8"
        + app(0xC2, b"\x08" + struct.pack(">HH", 10_000, 10_000) + b"\1\1\x11\0")
        + scan * 500
        + b"\xff\xd9"
    )
    assert read(data).size == (10_000, 10_000)
    with pytest.raises(LimitError):
        surface(data)


# --- multi-picture files


def pictures(data: bytes) -> list[tuple[int, int, bytes]]:
    """Size, offset from the index's start, and the bytes found there, of every picture but the first; first: size only."""
    at = data.index(b"MPF\0") + 4
    order = "<" if data[at : at + 2] == b"II" else ">"
    out = []
    for i in range(3):
        size, offset = struct.unpack_from(order + "II", data, at + 50 + 16 * i + 4)
        start = at + offset if i else 0
        out.append((size, offset, data[start : start + size]))
    return out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("behind", [(), (app(0xE1, XMP + PACKET * 4),)], ids=["no-xmp", "xmp-behind"])
@pytest.mark.parametrize("change", ["xmp", "exif", "c2pa", "all", "plate", "band"])
def test_a_multi_picture_index_still_points_at_its_pictures(
    order: str, behind: tuple[bytes, ...], change: str
) -> None:
    data = made.multi(order, *behind, exif=3)
    before = pictures(data)
    match change:
        case "plate" | "band":
            out = painted(data, Box(0, 0, 90, 40), band=change == "band")[0].data
        case "all":
            out = put(
                put(put(data, Slot.XMP, b"y" * 50), Slot.EXIF, b"II*\0\x08" + bytes(9)),
                Slot.C2PA,
                store(70_000),
            )
        case _:
            payloads = {Slot.C2PA: store(500), Slot.XMP: PACKET * 3, Slot.EXIF: b"II*\0" + PACKET * 3}
            out = put(data, Slot(change), payloads[Slot(change)])
    after = pictures(out)
    trailing = read(data).trailing
    assert len(out) != len(data)
    assert after[0][0] == len(out) - trailing and before[0][0] == len(data) - trailing
    assert [p[2] for p in after[1:]] == [p[2] for p in before[1:]]
    assert all(p[2][:2] == b"\xff\xd8" and p[2][-2:] == b"\xff\xd9" for p in after)
    with Image.open(io.BytesIO(out)) as image:
        assert getattr(image, "n_frames", 1) == 3
        for frame, size in ((1, (80, 60)), (2, (64, 48))):
            image.seek(frame)
            image.load()
            assert image.size == size


def test_an_index_that_makes_no_sense_is_left_alone() -> None:
    for block in (
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*" + struct.pack(">IHHHII", 8, 1, 0xB002, 7, 1 << 31, 20),
    ):
        data = made.after_jfif(coded(), app(0xE2, b"MPF\0" + block))
        assert put(data, Slot.XMP, PACKET) == made.after_jfif(data, app(0xE1, XMP + PACKET))


def test_exiftool_finds_packet_and_second_picture(tool: Callable[[str], str], tmp_path: Path) -> None:
    exiftool = tool("exiftool")
    packet = PACKET.replace(
        b"/></x",
        b'><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Qala"/></rdf:RDF></x',
    )
    for name in ("multi", "everything", "turned-6", "ycck"):
        data = made.multi(">", app(0xE1, XMP + b"old")) if name == "multi" else VARIANTS[name]()
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(put(data, Slot.XMP, packet))
        command = [exiftool, "-j", "-validate", "-warning", "-a", "-XMP:all", str(path)]
        said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
        assert said["Source"] == "Qala", name
        assert not any("JPEG" in str(w) or "MPF" in str(w) or "MPImage" in str(w) for w in said.values()), (
            said
        )
        if name == "multi":
            second = subprocess.run([exiftool, "-b", "-MPImage2", str(path)], capture_output=True, check=True)
            assert second.stdout == coded(picture((80, 60)))


@pytest.mark.parametrize(
    "name", ["multi", "multi-xmp-behind", "ultra-hdr", "ultra-hdr-little-endian", "index-first"]
)
def test_a_label_leaves_every_further_picture_where_others_find_it(
    name: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    data = made.ultra_hdr((640, 480)) if name == "ultra-hdr" else VARIANTS[name]()
    receipt = labeler.add(data, None, label())
    once, twice = receipt.data, labeler.add(receipt.data, None, label(system="Other 2")).data
    for signed in (once, twice, labeler.add(data, None, label(), notice="none").data):
        assert c2pa_reader(signed, "image/jpeg")[0] == "signingCredential.untrusted"
        assert encypher(signed, "image/jpeg")["integrity"] == "valid"
        before, after = parse(data, LIMITS), parse(signed, LIMITS)
        assert after.told and before.told and [*map(bytes, after.further)] == [*map(bytes, before.further)]
        # which Pillow does not open by itself where the second picture is a gain map
        with MpoImageFile(io.BytesIO(data)) as old, MpoImageFile(io.BytesIO(signed)) as new:
            assert new.n_frames == old.n_frames > 1
            for i in range(1, old.n_frames):
                old.seek(i)
                new.seek(i)
                assert ImageChops.difference(old, new).getbbox() is None
    path = tmp_path / "a.jpg"
    path.write_bytes(twice)
    command = [
        tool("exiftool"),
        "-j",
        "-G1",
        "-a",
        "-n",
        "-validate",
        "-MPF:all",
        "-XMP-Container:all",
        str(path),
    ]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    further = parse(data, LIMITS).further
    assert said["MPImage1:MPImageLength"] == len(twice) - parse(twice, LIMITS).trailing
    assert said["MPImage2:MPImageLength"] == len(further[0])
    second = subprocess.run([tool("exiftool"), "-b", "-MPImage2", str(path)], capture_output=True, check=True)
    assert second.stdout == bytes(further[0])
    if "ultra" in name:  # GContainer counts from the picture's end on, and is right as it was
        items = [v for k, v in said.items() if k.endswith("DirectoryItemLength")]
        assert items == [len(further[0])] and b"hdrgm:GainMapMax" in second.stdout
    assert labeler.add(twice, None, label(system="Other 2")).unchanged
    assert "further pictures in the file" in labeler.verify(twice).not_checked
    assert any(("gain map" if "ultra" in name else "further picture") in d for d in receipt.degradations)


@pytest.mark.parametrize("size", [100, 64_000, 64_001, 200_000])
def test_a_store_is_embedded_where_the_index_counts_it_in(size: int) -> None:
    for name in ("multi", "ultra-hdr", "index-first", "420"):
        data, payload = VARIANTS[name](), store(size)
        once = MEDIUM.embed(io.BytesIO(data), payload)
        assert read(once.data).slots[Slot.C2PA] == payload and parse(once.data, LIMITS).told
        behind = [*map(bytes, parse(data, LIMITS).further)]
        assert [*map(bytes, parse(once.data, LIMITS).further)] == behind
        for other in (
            MEDIUM.embed(io.BytesIO(data), bytes(size)),
            MEDIUM.embed(io.BytesIO(once.data), bytes(size)),
        ):
            assert other[1:] == once[1:]
            rest = (x.data[: x.start] + x.data[x.start + x.length :] for x in (once, other))
            assert len({*rest}) == 1


def test_a_store_of_many_segments_is_accepted_by_others() -> None:
    manifest = c2pa.definition(label(), {"padding": "x" * 150_000}, title="x", parent=False, drawn=False)
    for data in (VARIANTS["ultra-hdr"](), VARIANTS["index-first"]()):
        signed = c2pa.sign_exact(
            functools.partial(MEDIUM.embed, io.BytesIO(data)), manifest, identity.ensure("default"), None
        )
        assert c2pa_reader(signed, "image/jpeg")[0] == "signingCredential.untrusted"
        assert encypher(signed, "image/jpeg")["integrity"] == "valid"
        assert parse(signed, LIMITS).told and len(signed) > len(data) + 150_000


def test_no_band_goes_under_a_picture_with_a_gain_map() -> None:
    with pytest.raises(NoticeError, match="gain map"):
        labeler.add(made.ultra_hdr((640, 480)), None, label(), notice="band")
    standard = made.indexed(
        coded(),
        made.after_jfif(made.gain_map(), app(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(9))),
        at=20,
    )
    assert parse(standard, LIMITS).gain_map and not parse(VARIANTS["multi"](), LIMITS).gain_map


def test_further_pictures_that_overlap_or_lie_outside() -> None:
    first, second = coded(), coded(picture((64, 48)))
    data = bytearray(made.indexed(first, second, second, at=20))
    at = data.index(b"MPF\0") + 4 + 50 + 16
    outside = data.copy()
    struct.pack_into(">II", outside, at + 4, 1 << 31, 1 << 31)
    content = MEDIUM.read(io.BytesIO(outside), LIMITS, essence=True)
    assert [sum(map(len, s.pieces)) for s in content.essence[2:]] == [0, len(second)]
    for i in range(2):
        struct.pack_into(">II", data, at + 16 * i + 4, len(data), 100)
    with pytest.raises(LimitError):
        MEDIUM.read(io.BytesIO(data), LIMITS, essence=True)


# --- Samsung's trailer


def samsung(data: bytes) -> list[tuple[str, bytes]]:
    found = identify(io.BytesIO(data)).read(io.BytesIO(data), LIMITS)
    return [(f.key, f.value) for f in found.fields if f.where == "samsung:trailer"]


def test_the_trailer_is_read_kept_and_told(tool: Callable[[str], str], tmp_path: Path) -> None:
    png = io.BytesIO()
    picture((640, 480)).save(png, "PNG")
    for data in (coded(picture((640, 480))) + made.EDITED, png.getvalue() + made.EDITED):
        assert [key for key, _ in samsung(data)] == ["Image_UTC_Data", "PEg_Info"]
        report = labeler.verify(data)
        assert [(e.source, e.strength) for e in report.evidence] == [("samsung", "strong")]
        assert report.verdict == "unlabelled"
        signed = labeler.add(data, None, label()).data
        assert signed.endswith(made.EDITED) and samsung(signed) == samsung(data)
        assert encypher(signed, "image/png" if data[:1] == b"\x89" else "image/jpeg")["integrity"] == "valid"
    path = tmp_path / "a.jpg"
    path.write_bytes(
        signed if signed[:1] == b"\xff" else labeler.add(coded() + made.EDITED, None, label()).data
    )
    out = subprocess.run(
        [tool("exiftool"), "-s3", "-Samsung:TimeStamp", path], capture_output=True, check=True
    )
    assert out.stdout.startswith(b"2025:11:24")


def test_what_only_looks_like_the_trailer_tells_nothing() -> None:
    info = b'{"genImageVersion":"v1","genAIType":8}'
    for tail in (
        info,
        b"PEg_Info" + info,
        made.EDITED + b"\0",  # it ends the file, or is none
        made.EDITED[:-5] + b"\xffSEFT",
        made.EDITED[:-8] + struct.pack("<I", 1 << 31) + b"SEFT",
        b"SEFT",
        b"\0\0\0\0SEFT",
        made.EDITED.replace(b"SEFH", b"SEFX"),
        made.EDITED.replace(b"PEg_Info", b"PEg_Inf0"),
    ):
        data = coded() + tail
        assert labeler.verify(data).verdict == "no-evidence", tail
    assert samsung(coded() + made.samsung((1, b"film", bytes(100_000)))) == [("film", bytes(65536))]


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
def test_no_trailer_surprises(head: bytes, at: int, value: int) -> None:
    tail = bytearray(head + made.EDITED)
    tail[at % len(tail)] = value
    for _, found in samsung(coded(picture((8, 8))) + bytes(tail)):
        assert found in tail


def test_a_trailer_of_rows_that_overlap_is_bounded() -> None:
    block = struct.pack("<HHI", 0, 1, 1) + b"a" + bytes(60_000)
    rows = struct.pack("<HHII", 0, 1, len(block), len(block)) * 5000
    head = b"SEFH" + struct.pack("<II", 107, 5000) + rows
    found = samsung(coded() + block + head + struct.pack("<I", len(head)) + b"SEFT")
    assert sum(len(value) for _, value in found) <= len(block) + len(head) + 10


# --- the notice


def test_fit_is_the_grid_and_a_rim_where_colour_is_subsampled() -> None:
    assert surface(coded()).fit(Box(40, 40, 10, 10)) == Box(31, 31, 34, 34)
    assert surface(coded()).fit(Box(32, 32, 32, 32)) == Box(31, 31, 34, 34)
    assert surface(coded()).fit(Box(31, 31, 34, 34)) == Box(31, 31, 34, 34)
    assert surface(coded()).fit(Box(30, 31, 34, 34)) == Box(15, 31, 50, 34)
    assert surface(coded(subsampling=1)).fit(Box(40, 40, 10, 10)) == Box(31, 40, 34, 16)
    assert surface(coded(subsampling=0)).fit(Box(41, 41, 7, 8)) == Box(40, 40, 8, 16)
    assert surface(coded()).fit(Box(0, 0, 1, 1)) == Box(0, 0, 17, 17)
    assert surface(coded()).fit(Box(310, 232, 1, 1)) == Box(303, 223, 8, 10)
    assert surface(coded()).fit(Box(0, 233, 311, 20), band=True) == Box(0, 240, 311, 20)
    assert surface(made.turned(3)).fit(Box(0, 233, 311, 20), band=True) == Box(0, 233, 311, 32)
    assert surface(VARIANTS["grey-22"]()).fit(Box(41, 41, 7, 8)) == Box(40, 40, 8, 16)


@settings(deadline=None)
@given(st.data())
def test_fit_covers_stays_inside_and_is_stable(data: st.DataObject) -> None:
    target = surface(made.turned(data.draw(st.integers(1, 8)), subsampling=data.draw(st.integers(0, 2))))
    width, height = target.size
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    fit = target.fit(box)
    assert fit.x <= box.x and fit.y <= box.y and fit.x >= 0 and fit.y >= 0
    assert box.x + box.w <= fit.x + fit.w <= width and box.y + box.h <= fit.y + fit.h <= height
    assert target.fit(fit) == fit


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"tiny", "narrow", "444-in-large-cells"}))
@pytest.mark.parametrize("corner", range(3))
def test_outside_the_box_no_pixel_changes(tool: Callable[[str], str], name: str, corner: int) -> None:
    tool("jpegtran")
    data = VARIANTS[name]()
    width, height = surface(data).size
    x, y = ((0, 0), (width - 50, height - 30), (width // 3, height // 3))[corner]
    result, box = painted(data, Box(x, y, 50, 30))
    behind = "ultra" in name or "multi" in name or name == "index-first"
    assert result.exact and len(result.degradations) == behind
    difference = changed(data, result.data)
    assert difference and box.x <= difference.x and box.y <= difference.y
    assert difference.x + difference.w <= box.x + box.w and difference.y + difference.h <= box.y + box.h
    again = surface(result.data).paint(plate(box), box)
    assert changed(result.data, again.data) is None


def test_of_the_rim_only_the_colour_changes(tool: Callable[[str], str]) -> None:
    tool("jpegtran")
    data = coded()
    result, box = painted(data, Box(60, 60, 50, 30))
    planes = []
    for file in (data, result.data):
        with Image.open(io.BytesIO(file)) as image:
            image.draft("YCbCr", image.size)
            planes.append(image.getchannel("Y"))
    inner = (box.x + 1, box.y + 1, box.x + box.w - 1, box.y + box.h - 1)
    assert ImageChops.difference(*planes).getbbox() == inner


@pytest.mark.parametrize("size", [(311, 233), (310, 234), (304, 240), (17, 15)])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("options", [{}, {"subsampling": 1}, {"progressive": True}], ids=str)
def test_a_band_changes_no_pixel_but_the_last_row_at_most(
    tool: Callable[[str], str], size: tuple[int, int], orientation: int, options: dict[str, object]
) -> None:
    tool("jpegtran")
    data = made.turned(orientation, size, **options)
    width, height = surface(data).size
    result, box = painted(data, Box(0, height, width, 24), band=True)
    assert read(result.data).size == (width, box.y + box.h)
    assert 24 <= box.h < 40 and 0 <= box.y - height < 16
    assert result.degradations in ((), LAST_ROW)
    difference = changed(data, result.data)
    if difference:
        assert result.degradations and (difference.y, difference.h) == (height - 1, 1)


def test_metadata_and_trailing_bytes_stay_to_the_byte() -> None:
    data = made.everything() + b"trailer"
    for band in (False, True):
        out = painted(data, Box(0, 0, 60, 20), band=band)[0].data
        applied = [bytes(s.tile) for s in parse(data, LIMITS).segments if s.applied]
        assert [bytes(s.tile) for s in parse(out, LIMITS).segments if s.applied] == applied
        assert out.endswith(b"\xff\xd9trailer")
        with Image.open(io.BytesIO(out)) as image:
            assert image.info["dpi"] == (300, 300) and image.info["icc_profile"] == made.profile()


def test_the_kind_of_coding_stays(tool: Callable[[str], str]) -> None:
    jpegtran = tool("jpegtran")
    plain = coded()
    for options in ((), ("-progressive",), ("-arithmetic",), ("-arithmetic", "-progressive")):
        data = subprocess.run([jpegtran, *options], input=plain, capture_output=True, check=True).stdout
        for band in (False, True):
            result, _ = painted(data, Box(50, 50, 60, 20), band=band)
            assert result.degradations == ()
            assert parse(result.data, LIMITS).frame.marker == parse(data, LIMITS).frame.marker
            shown(result.data)


def test_black_on_cmyk_is_black_ink_alone() -> None:
    for name in ("cmyk", "ycck"):
        result, box = painted(VARIANTS[name](), Box(80, 80, 64, 64))
        with Image.open(io.BytesIO(result.data)) as image:
            assert image.mode == "CMYK"
            assert image.getpixel((box.x + 4, box.y + 4)) == (0, 0, 0, 255)
            assert image.getpixel((box.x + box.w // 3, box.y + box.h // 3)) == (0, 0, 0, 0)


def test_regions_are_the_first_picture_upright() -> None:
    for orientation in range(1, 9):
        data = made.turned(orientation)
        box = Box(20, 30, 100, 50)
        (region,) = surface(data).regions(box)
        assert region.mode == "RGB"
        assert ImageChops.difference(region, shown(data).crop((20, 30, 120, 80))).getbbox() is None
    assert len(surface(made.multi()).regions(Box(0, 0, 9, 9))) == 1


def test_pixels_that_cannot_be_decoded_are_unreadable() -> None:
    at = coded().index(b"\xff\xc0") + 4
    twelve = coded()[:at] + b"\x0c" + coded()[at + 1 :]
    lossless = coded().replace(b"\xff\xc0", b"\xff\xc3")
    fractions = made.sampled((3, 1), (2, 1), (1, 1))
    for data in (twelve, lossless, fractions):
        assert read(data).size == (311, 233)
        with pytest.raises(UnreadableError):
            surface(data).regions(Box(0, 0, 8, 8))
        with pytest.raises(UnreadableError):
            painted(data, Box(0, 0, 8, 8))


def test_a_band_past_the_format_is_a_limit() -> None:
    target = surface(coded(picture((8, 65_490)), subsampling=0))
    box = target.fit(Box(0, 65_490, 8, 24), band=True)
    with pytest.raises(LimitError, match="65,500"):
        target.paint(plate(box), box, band=True)


# --- without jpegtran, and with a bad one


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "name", ["420", "444", "grey", "rgb", "cmyk", "ycck", "progressive", "turned-6", "440", "multi"]
)
def test_without_jpegtran_everything_is_encoded_again_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [])  # where the optional jpeglib may be
    data = VARIANTS[name]()
    width, height = surface(data).size
    for band in (False, True):
        result, box = painted(data, Box(0, height, width, 24) if band else Box(50, 50, 90, 40), band=band)
        remedy = "; install jpegtran (libjpeg-turbo-progs) for a lossless notice"
        assert result.degradations[0] == RECODED + remedy and len(result.degradations) == 1 + (
            name == "multi"
        )
        with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(result.data)) as new:
            assert old.mode == new.mode and new.info.get("progressive") == old.info.get("progressive")
            assert list(new.quantization.values())[:1] == list(old.quantization.values())[:1]  # type: ignore[attr-defined]
        assert read(result.data).slots == read(data).slots
        (region,) = surface(result.data).regions(box)
        difference = ImageChops.difference(region, plate(box)).convert("L")
        assert sum(difference.histogram()[40:]) < box.w * box.h / 20


def test_no_jpegtran_from_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script(tmp_path / "jpegtran", f'echo "-drop"; : > {tmp_path}/executed')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    for path in (
        ".",
        "",
        f".{os.pathsep}",
        str(tmp_path),
        f"{tmp_path}/../{tmp_path.name}",
        f"nowhere{os.pathsep}.",
    ):
        monkeypatch.setenv("PATH", path)
        result, _ = painted(coded(), Box(50, 50, 60, 20))
        assert result.degradations[0].startswith(RECODED)
    assert not (tmp_path / "executed").exists()
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", str(tmp_path))
    painted(coded(), Box(50, 50, 60, 20))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "body",
    [
        "exit 1",
        "echo -drop; exit 2",
        "echo -drop",
        f"echo -drop; printf '{chr(92)}377{chr(92)}330{chr(92)}377'",
        "kill -9 $$",
    ],
)
def test_a_jpegtran_that_fails_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str
) -> None:
    script(tmp_path / "jpegtran", body)
    monkeypatch.setattr("sys.path", [])  # where the optional jpeglib may be
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    result, _ = painted(coded(), Box(50, 50, 60, 20))
    assert result.degradations[0].startswith(RECODED)
    assert read(result.data).size == (311, 233)


def test_a_jpegtran_that_gives_another_picture_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for i, other in enumerate(
        (coded(picture((64, 48))), coded(subsampling=0), coded(quality=40), coded(picture().convert("L")))
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "other.jpg").write_bytes(other)
        script(folder / "jpegtran", f'[ "$1" = -help ] && echo "-drop" || /bin/cat {folder}/other.jpg')
        monkeypatch.setenv("PATH", str(folder))
        assert painted(coded(), Box(50, 50, 60, 20))[0].degradations == (RECODED,)


def test_damaged_coding_is_encoded_again_and_said(tool: Callable[[str], str]) -> None:
    tool("jpegtran")
    data = bytearray(coded())
    at = data.index(b"\xff\xda") + 3000
    data[at : at + 40] = bytes(40)
    result, _ = painted(bytes(data), Box(50, 50, 60, 20))
    assert result.degradations == (RECODED,)


@pytest.mark.parametrize(
    "name", ["420", "422", "440", "411", "grey", "rgb-by-ids", "progressive", "turned-6-422", "turned-7"]
)
def test_jpeglib_replaces_blocks_where_there_is_no_jpegtran(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    pytest.importorskip("jpeglib", reason="the optional jpeglib is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    data = VARIANTS[name]()
    result, box = painted(data, Box(50, 50, 60, 20))
    assert result.degradations == (("the picture is no longer progressive",) if name == "progressive" else ())
    difference = changed(data, result.data)
    assert difference and box.x <= difference.x and box.y <= difference.y
    assert difference.x + difference.w <= box.x + box.w and difference.y + difference.h <= box.y + box.h
