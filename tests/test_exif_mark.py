"""The EXIF mark: what is written into blocks of every make, that nobody's value changes, and what others read."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import piexif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, label, photo
from PIL import Image

import labeler
from labeler import ifd
from labeler.label import Label
from labeler.marks import exif, xmp
from labeler.media import Limits, Slot, identify

COMMENT, DESCRIPTION, MAKER_NOTE, VERSION = 0x9286, 0x010E, 0x927C, 0x9000
WORDS = {"kk": "ЖИ көмегімен жасалды", "ru": "Создано с помощью ИИ"}
SAID = b"\xd0\x96\xd0\x98"
RECORD: dict[str, Any] = {"version": 1, "label": label().to_dict(), "notice": {"mode": "none"}}
Entry = tuple[int, int, bytes]  # tag, type, value
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 12: 8, 99: 1}


def write(block: bytes | None, made: Label | None = None, words: dict[str, str] = WORDS) -> bytes:
    return exif.write(block, made or label(), words, RECORD)


def camera(
    first: list[Entry], details: list[Entry] | None = None, *, order: str = "<", thumbnail: bytes = b""
) -> bytes:
    """A block as a camera makes it: IFD0 at byte 8, Exif's directory, then IFD1 with a thumbnail."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))

    def put(entries: list[Entry], pointers: tuple[int, ...] = ()) -> dict[int, int]:
        """Where the values of the pointers stand, and (0) the pointer to the next directory."""
        rows = sorted([*entries, *((tag, 4, bytes(4)) for tag in pointers)])
        heap, places = len(out) + 2 + 12 * len(rows) + 4, {}
        table, values = struct.pack(order + "H", len(rows)), b""
        for tag, kind, value in rows:
            places[tag] = len(out) + len(table) + 8
            table += struct.pack(order + "HHI", tag, kind, len(value) // SIZES[kind])
            if len(value) > 4:
                table += struct.pack(order + "I", heap + len(values))
                values += value + bytes(len(value) % 2)
            else:
                table += value.ljust(4, b"\0")
        places[0] = len(out) + len(table)
        out.extend(table + bytes(4) + values)
        return places

    def point(place: int) -> None:
        struct.pack_into(order + "I", out, place, len(out))

    top = put(first, () if details is None else (ifd.EXIF,))
    if details is not None:
        point(top[ifd.EXIF])
        put(details)
    if thumbnail:
        point(top[0])
        place = put([(0x0202, 4, struct.pack(order + "I", len(thumbnail)))], (0x0201,))[0x0201]
        point(place)
        out.extend(thumbnail)
    return bytes(out)


def directories(block: bytes) -> dict[str, dict[int, tuple[int, int, bytes]]]:
    """Every field of IFD0, of Exif's directory and of IFD1, with its type, its count and its bytes."""
    order = "<" if block[:2] == b"II" else ">"

    def read(at: int) -> tuple[dict[int, tuple[int, int, bytes]], int]:
        (count,) = struct.unpack_from(order + "H", block, at)
        found = {}
        for row in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", block, row)
            size, place = number * SIZES.get(kind, 1), row + 8
            if size > 4 and kind != 99:
                (place,) = struct.unpack_from(order + "I", block, place)
            found[tag] = kind, number, block[place : place + (4 if kind == 99 else size)]
        return found, struct.unpack_from(order + "I", block, at + 2 + 12 * count)[0]

    (start,) = struct.unpack_from(order + "I", block, 4)
    first, second = read(start)
    out = {"first": first, "next": read(second)[0] if second else {}}
    if ifd.EXIF in first:
        out["details"] = read(struct.unpack(order + "I", first[ifd.EXIF][2])[0])[0]
    return out


def comment(block: bytes) -> Any:
    value = directories(block)["details"][COMMENT][2]
    assert value.startswith(b"ASCII\0\0\0")
    return json.loads(value[8:])


# ---- a new block


def test_a_new_block_says_the_label_in_the_words_of_iptc_and_in_ours() -> None:
    block = write(None, label(system_version="5.1"))
    assert comment(block) == {
        "Iptc4xmpExt:DigitalSourceType": label().source_type,
        "Iptc4xmpExt:AISystemUsed": "Kandinsky 5",
        "Iptc4xmpExt:AISystemVersionUsed": "5.1",
        exif.NOTICE: WORDS,
        exif.RECORD: RECORD,
    }
    found = directories(block)
    said = " / ".join(WORDS.values()).encode() + b"\0"
    assert found["first"][DESCRIPTION] == (2, len(said), said)
    assert found["details"][VERSION][2] == b"0232"
    reading = exif.read(block)
    assert reading and reading.record == RECORD and reading.marks[0].status == "present"


def test_values_stand_at_even_places() -> None:
    block = write(None)
    for tag in (DESCRIPTION, COMMENT):
        at = block.index(struct.pack("<H", tag))
        assert struct.unpack_from("<I", block, at + 8)[0] % 2 == 0


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_others_read_it(kind: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(labeler.add(encode(kind), None, label()).data)
    run = [tool("exiftool"), "-j", "-G1", "-ImageDescription", "-UserComment", "-warning", str(path)]
    tags = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)[0]
    assert tags["IFD0:ImageDescription"].startswith("Бұл") and "ExifTool:Warning" not in tags
    assert json.loads(tags["ExifIFD:UserComment"])["Iptc4xmpExt:AISystemUsed"] == "Kandinsky 5"
    with Image.open(path) as image:
        found = image.getexif().get_ifd(0x8769)[COMMENT]
        assert json.loads(found[8:])[exif.RECORD]["label"]["publisher"] == "Qala Media"
    if kind != "png":
        loaded = piexif.load(str(path))
        assert loaded["Exif"][COMMENT] == found and loaded["0th"][DESCRIPTION].decode().startswith("Бұл")


def test_exiftool_finds_no_fault_with_a_png(tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(labeler.add(encode("png"), None, label()).data)
    run = [tool("exiftool"), "-validate", "-s3", "-a", "-warning", str(path)]
    assert subprocess.run(run, capture_output=True, text=True).stdout == "OK\n"


# ---- a block of others

NOTE = (MAKER_NOTE, 7, b"Nikon\0\2\x10" + struct.pack("<I", 90) + bytes(range(256)))
TEXTS = [(0x010F, 2, b"NIKON\0"), (0x0110, 2, b"D1\0"), (0x8298, 2, b"A. K.\0"), (0xC7A1, 99, b"odd!")]


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """Fields of known and unknown tags and types, a comment that nobody wrote or none, a thumbnail, bytes behind."""
    tags = st.integers(0x0100, 0xFFFF).filter(
        lambda t: t not in (ifd.EXIF, DESCRIPTION, COMMENT, 0x8825, 0xA005, 0x0201, 0x0202, VERSION)
    )

    def entries() -> list[Entry]:
        rows = draw(st.dictionaries(tags, st.sampled_from(sorted(SIZES)), max_size=12))
        return [
            (tag, kind, draw(st.binary(min_size=SIZES[kind], max_size=40)).ljust(8, b"\0")[: SIZES[kind] * 5])
            if kind != 99
            else (tag, kind, b"odd!")
            for tag, kind in rows.items()
        ]

    def whole(rows: list[Entry]) -> list[Entry]:
        return [(t, k, v[: len(v) // SIZES[k] * SIZES[k]]) for t, k, v in rows]

    details = whole(entries()) if draw(st.booleans()) else None
    unused = draw(st.sampled_from([None, b"ASCII\0\0\0" + b" " * 40, bytes(12), b"UNICODE\0\0 \0 ", b""]))
    if details is not None and unused:
        details.append((COMMENT, 7, unused))
    block = camera(
        whole(entries()), details, order=draw(st.sampled_from("<>")), thumbnail=draw(st.binary(max_size=60))
    )
    return block + draw(st.binary(max_size=20))


@settings(max_examples=150, deadline=None)
@given(blocks())
def test_nothing_of_others_moves_or_changes(block: bytes) -> None:
    made = write(block)
    assert made[:4] == block[:4] and made[8 : len(block)] == block[8:]
    before, after = directories(block), directories(made)
    for part in ("first", "details", "next"):
        old = {t: v for t, v in before.get(part, {}).items() if t not in (ifd.EXIF, COMMENT)}
        new = after.get(part, {})
        assert {t: new[t] for t in old} == old
        assert new.keys() - old.keys() <= {ifd.EXIF, COMMENT, DESCRIPTION, VERSION}
    assert comment(made)[exif.RECORD] == RECORD
    assert write(made) == made
    longer = write(made, label(system="Kandinsky 5, the very long one"), {**WORDS, "en": "AI-generated"})
    assert comment(longer)["Iptc4xmpExt:AISystemUsed"].endswith("long one")
    assert longer[8 : len(block)] == block[8:]
    assert write(longer) == made


@pytest.mark.parametrize("order", ["<", ">"])
def test_cameras_notes_and_thumbnails_are_where_they_were(order: str) -> None:
    block = camera(TEXTS, [NOTE, (COMMENT, 7, bytes(64))], order=order, thumbnail=b"\xff\xd8thumb\xff\xd9")
    made = write(block)
    assert made.index(NOTE[2]) == block.index(NOTE[2])
    assert made[: len(block)].replace(made[4:8], b"", 1) == block.replace(block[4:8], b"", 1)
    with Image.open(io.BytesIO(spliced(encode("jpeg"), made))) as image:
        assert image.getexif()[0x010F] == "NIKON"
        assert image.getexif().get_ifd(0x8769)[MAKER_NOTE] == NOTE[2]
    assert piexif.load(b"Exif\0\0" + made)["thumbnail"] == b"\xff\xd8thumb\xff\xd9"


THEIRS = [
    b"ASCII\0\0\0a sunset",
    b"UNICODE\0" + "a sunset".encode("utf-16-be"),
    b"JIS\0\0\0\0\0" + "夕日".encode("iso2022-jp"),
    bytes(8) + b"a sunset",
    b"sunset",
    b"a sunset without a code",
    b'ASCII\0\0\0{"AIGC":{"Label":"1"}}',
    b"UNICODE\0" + "a cat\nSteps: 20, Sampler: Euler a, Seed: 5".encode("utf-16-be"),
]


@pytest.mark.parametrize("value", THEIRS)
def test_a_comment_of_others_stays(value: bytes) -> None:
    with pytest.raises(exif.OccupiedError, match="somebody else's"):
        write(camera([], [(COMMENT, 7, value)]))


def test_one_of_two_comments_says_something() -> None:
    block = camera([], [(COMMENT, 7, bytes(20)), (COMMENT, 7, b"ASCII\0\0\0a sunset")])
    with pytest.raises(exif.OccupiedError):
        write(block)


def test_a_description_of_others_stays() -> None:
    block = camera([(DESCRIPTION, 2, b"OLYMPUS DIGITAL CAMERA\0")])
    made = write(block)
    assert directories(made)["first"][DESCRIPTION][2] == b"OLYMPUS DIGITAL CAMERA\0"
    assert comment(made)[exif.NOTICE] == WORDS
    again = write(made, words={"ru": "Изменено с помощью ИИ"})
    assert directories(again)["first"][DESCRIPTION][2] == b"OLYMPUS DIGITAL CAMERA\0"


def test_our_description_follows_the_words() -> None:
    made = write(write(None, words={**WORDS, "en": "AI-generated"}), words={"ru": "Изменено с помощью ИИ"})
    assert directories(made)["first"][DESCRIPTION][2] == "Изменено с помощью ИИ\0".encode()


def test_a_block_that_piexif_cannot_read_is_written_all_the_same() -> None:
    block = camera([(0x0110, 99, b"odd!")])
    with pytest.raises(ValueError):
        piexif.load(b"Exif\0\0" + block)
    assert directories(write(block))["first"][0x0110][2] == b"odd!"


def test_a_directory_without_room_for_a_next_one() -> None:
    """piexif leaves none, and its value stands there."""
    block = piexif.dump({"Exif": {0x9003: "2026:11:25 10:00:00"}})[6:]
    made = write(block)
    details = directories(made)["details"]
    assert details[0x9003][2] == b"2026:11:25 10:00:00\0"
    at = made.rindex(struct.pack(">HHH", 2, 0x9003, 2))
    assert made[at + 2 + 24 : at + 2 + 28] == bytes(4)


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0"]))
def test_no_bytes_raise_anything_else(tail: bytes, head: bytes) -> None:
    try:
        made = write(head + tail)
    except exif.OccupiedError as e:
        assert str(e)
    else:
        found = exif.read(made)
        assert found and found.record == RECORD
        assert made[8 : len(head + tail)] == (head + tail)[8:]


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_hostile_comments_are_read(junk: bytes, at: int) -> None:
    block = bytearray(write(None))
    block[at % len(block) : at % len(block) + len(junk)] = junk
    exif.read(bytes(block))


@pytest.mark.parametrize("value", ['"x"', "[1]", "5", "null"])
def test_a_record_that_is_none_is_invalid(value: str) -> None:
    block = camera([], [(COMMENT, 7, b'ASCII\0\0\0{"tanba:Record":' + value.encode() + b"}")])
    reading = exif.read(block)
    assert reading and reading.marks[0].status == "invalid" and reading.record is None
    assert [f.code for f in reading.facts] == ["record.malformed"]


# ---- in files


def spliced(data: bytes, block: bytes) -> bytes:
    out = io.BytesIO()
    identify(io.BytesIO(data)).splice(io.BytesIO(data), out, {Slot.EXIF: block})
    return out.getvalue()


def slots(data: bytes) -> Any:
    return identify(io.BytesIO(data)).read(io.BytesIO(data), Limits()).slots


def status(report: labeler.Report, kind: str) -> str:
    return next(m.status.value for m in report.marks if m.kind == kind)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_comment_of_others_is_told_and_the_rest_is_labelled(kind: str) -> None:
    data = spliced(encode(kind), camera([], [(COMMENT, 7, THEIRS[-1])]))
    receipt = labeler.add(data, None, label())
    assert "exif" not in receipt.marks and receipt.degradations == (
        "no EXIF mark was written: the comment in its EXIF block is somebody else's and stays",
    )
    assert directories(slots(receipt.data)[Slot.EXIF])["details"][COMMENT][2] == THEIRS[-1]
    report = labeler.verify(receipt.data)
    assert report.verdict == "labelled" and status(report, "exif") == "absent"
    assert labeler.add(receipt.data, None, label()).unchanged


def test_a_block_without_room_is_told() -> None:
    big = camera([(0xC7A1, 7, bytes(65_000))])
    receipt = labeler.add(spliced(encode("jpeg"), big), None, label())
    assert "exif" not in receipt.marks and "65,527 is the most" in receipt.degradations[0]
    assert slots(receipt.data)[Slot.EXIF] == big
    assert labeler.add(receipt.data, None, label()).unchanged
    assert "exif" in labeler.add(spliced(encode("png"), big), None, label()).marks


@pytest.mark.parametrize(
    ("kind", "langs"), [("png", ("kk", "ru")), ("jpeg", ("kk", "ru", "en")), ("webp", ("kk", "ru"))]
)
def test_another_label_replaces_ours_and_only_ours(kind: str, langs: tuple[str, ...]) -> None:
    data = spliced(encode(kind), camera(TEXTS, [NOTE], thumbnail=b"thumb"))
    first = labeler.add(data, None, label(), langs=langs)
    assert labeler.add(first.data, None, label(), langs=langs).unchanged
    second = labeler.add(first.data, None, label(system="Another 2", involvement="modified"), langs=langs)
    block = slots(second.data)[Slot.EXIF]
    assert comment(block)["Iptc4xmpExt:AISystemUsed"] == "Another 2"
    assert (
        directories(block)["first"][DESCRIPTION][2]
        != directories(slots(first.data)[Slot.EXIF])["first"][DESCRIPTION][2]
    )
    assert directories(block)["details"][MAKER_NOTE][2] == NOTE[2] and directories(block)["next"]
    assert labeler.verify(second.data).verdict == "labelled"
    third = labeler.add(second.data, None, label(), langs=langs)
    assert len(slots(third.data)[Slot.EXIF]) == len(slots(first.data)[Slot.EXIF])


def test_what_is_left_when_the_rest_was_stripped() -> None:
    first = labeler.add(encode("png"), None, label())
    bare = io.BytesIO()
    Image.open(io.BytesIO(first.data)).convert("RGB").save(bare, "PNG")
    report = labeler.verify(spliced(bare.getvalue(), slots(first.data)[Slot.EXIF]))
    assert report.label == first.label and report.verdict == "labelled"
    assert (status(report, "exif"), status(report, "xmp")) == ("present", "absent")
    assert any(f.code == "c2pa.removed" for f in report.facts)


@pytest.mark.parametrize("what", ["system", "source type", "record"])
def test_a_comment_that_says_otherwise_than_the_record(what: str) -> None:
    made, other = label(), label(system="Another 2")
    record = {**RECORD, "label": made.to_dict()}
    packet = xmp.write(None, made, WORDS, record)[0]
    block = exif.write(None, made, WORDS, record)
    match what:
        case "system":
            block = block.replace(b'AISystemUsed":"Kandinsky 5"', b'AISystemUsed":"Kandinsky 6"')
        case "source type":
            block = block.replace(b"/trainedAlgorithmicMedia", b"/digitalCapture         ")
        case "record":
            block = exif.write(None, made, WORDS, {**record, "label": other.to_dict()})
    out = io.BytesIO()
    puts = {Slot.XMP: packet, Slot.EXIF: block}
    identify(io.BytesIO(encode("png"))).splice(io.BytesIO(encode("png")), out, puts)
    report = labeler.verify(out.getvalue())
    assert any(f.code == "marks.disagree" for f in report.facts)
    assert {r.id: r.status for r in report.rules}["kz.mark.well-formed"] == "fails"


def test_our_comment_is_no_trace_of_a_generator_and_its_prompt_no_news() -> None:
    asked = label(prompt="a steppe at dawn", system="Stable Diffusion XL")
    receipt = labeler.add(encode("jpeg"), None, asked, with_prompt=True)
    report = labeler.verify(receipt.data)
    assert not [e for e in report.evidence if e.strength != "declared"]
    again = labeler.add(receipt.data, None, label(prompt="another"), with_prompt=True)
    assert not any("UserComment" in r for r in again.remarks)


def test_real_files_through_exiftool(corpus: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    """Every tag of every camera reads as before, its maker's note included."""
    count = 0
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    for path in sorted((corpus / "exif-samples").rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".tiff"):
            continue
        data = path.read_bytes()
        medium = identify(io.BytesIO(data))
        block = medium.read(io.BytesIO(data), Limits()).slots.get(Slot.EXIF)
        try:
            made = write(block)
        except exif.OccupiedError:
            continue
        for folder, content in (("old", data), ("new", spliced(data, made))):
            (tmp_path / folder / f"{count:03}{path.suffix}").write_bytes(content)
        count += 1
    assert count > 60
    tags = {}
    for folder in ("old", "new"):
        run = [
            tool("exiftool"),
            "-j",
            "-G1",
            "-a",
            "-u",
            "-struct",
            "-x",
            "System:all",
            str(tmp_path / folder),
        ]
        found = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)
        tags[folder] = {Path(f.pop("SourceFile")).name: f for f in found}
    ours = {"ExifIFD:UserComment", "IFD0:ImageDescription", "ExifIFD:ExifVersion", "File:ExifByteOrder"}
    for name, before in tags["old"].items():
        after = tags["new"][name]
        changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        assert changed - ours <= {"MPImage1:MPImageLength", "MPImage2:MPImageStart"}, name
        assert "tanba:Record" in after["ExifIFD:UserComment"]
        said = str(before.get("IFD0:ImageDescription", ""))
        assert not said.strip() or said == str(after["IFD0:ImageDescription"]), name


def test_a_real_camera_file_signed(corpus: Path) -> None:
    data = (corpus / "exif-samples/jpg/Canon_40D.jpg").read_bytes()
    receipt = labeler.add(data, None, label(), notice="none")
    assert receipt.marks == ("xmp", "exif", "c2pa")
    before, after = (piexif.load(d) for d in (data, receipt.data))
    assert after["thumbnail"] == before["thumbnail"] and after["GPS"] == before["GPS"]
    del before["Exif"][COMMENT], after["Exif"][COMMENT]
    assert after["Exif"] == before["Exif"]


def test_one_page_of_many_takes_the_mark_and_the_others_stay() -> None:
    pages = io.BytesIO()
    images = [photo(64, 48), photo(48, 64)]
    images[0].save(pages, "TIFF", save_all=True, append_images=images[1:], tiffinfo={270: "a steppe"})
    receipt = labeler.add(pages.getvalue(), None, label(), notice="none")
    assert receipt.marks == ("xmp", "exif", "sidecar")
    with Image.open(io.BytesIO(receipt.data)) as image:
        assert image.n_frames == 2 and image.tag_v2[270] == "a steppe"
        assert json.loads(image.getexif().get_ifd(0x8769)[COMMENT][8:])[exif.RECORD]
        image.seek(1)
        assert image.tag_v2[270] == "a steppe" and ifd.EXIF not in image.tag_v2
