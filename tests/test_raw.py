"""Cameras' raw files: read, labelled beside, and never touched."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import encypher, label
from variants import raw as make
from variants.raw import CALLED, VARIANTS
from variants.tiff import VARIANTS as TIFF
from variants.webp import PACKET

import labeler
from labeler.errors import LimitError, NoticeError, UnreadableError, UsageError
from labeler.label import Involvement
from labeler.marks import c2pa
from labeler.media import Content, Field, Limits, Slot, identify, tiff
from labeler.media.raw import MEDIUM
from labeler.signing import identity

ALL = VARIANTS | CALLED
every = pytest.mark.parametrize("name", ALL)


def read(data: bytes, limits: Limits = Limits()) -> Content:  # noqa: B008 - frozen
    return MEDIUM.read(io.BytesIO(data), limits)


def suffix(name: str) -> str:
    return "x." + name.partition("-")[0].upper()


@every
def test_found_and_labelled_beside(name: str, tmp_path: Path) -> None:
    data = ALL[name]()
    assert identify(io.BytesIO(data), suffix(name)) is MEDIUM
    path, target = tmp_path / suffix(name), tmp_path / "out" / suffix(name)
    target.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(NoticeError, match="PNG or JPEG"):
        labeler.add(path, target, label(), notice="plate")
    receipt = labeler.add(path, target, label())
    assert target.read_bytes() == data and receipt.marks == ("sidecar",)
    assert receipt.degradations == (
        "no notice was drawn: it cannot be on this kind of file; show it beside the picture",
        "signed in a sidecar, and no XMP was written: a camera's raw file is only read",
    )
    assert labeler.verify(target, notice_on_page=True).verdict == "labelled"
    assert encypher(data, "image/tiff", receipt.sidecar_data)["integrity"] == "valid"
    assert labeler.add(target, tmp_path / "again", label()).unchanged
    target.write_bytes(data.replace(make.SENSOR, make.SENSOR[::-1]))
    assert labeler.verify(target).verdict == "tampered"


@every
def test_nothing_can_be_put(name: str) -> None:
    with pytest.raises(UsageError):
        MEDIUM.splice(io.BytesIO(ALL[name]()), io.BytesIO(), {Slot.XMP: PACKET})


def test_what_is_read() -> None:
    sizes = {"dng": (60, 80), "cr2": (64, 48), "rw2": (311, 233), "rw2-alone": (90, 70), "raf": (233, 311)}
    for name, size in {**sizes, "cr3": (40, 60), "orf": (80, 60)}.items():
        assert read(ALL[name]()).size == size, name
    for name in ("dng", "cr2", "cr3"):
        assert read(ALL[name]()).slots[Slot.XMP] == PACKET, name
    assert Field("exif:IFD0", "Software", b"Firmware 1\0") in read(ALL["dng"]()).fields
    assert Field("iptc:IIM", "2:5", b"title") in read(ALL["nef"]()).fields
    assert "UserComment" in {f.key for f in read(ALL["rw2"]()).fields}
    assert [f.where for f in read(ALL["cr3"]()).fields] == ["exif:IFD0", "exif:Exif"]
    mimes = {name: read(ALL[name]()).mime for name in ("dng", "nef", "arw", "cr2", "cr3")}
    assert mimes == {
        "dng": "image/x-adobe-dng",
        "nef": "image/x-nikon-nef",
        "arw": "image/x-sony-arw",
        "cr2": "image/x-canon-cr2",
        "cr3": "image/x-canon-cr3",
    }


def test_a_raw_file_by_another_name_is_not_touched_either() -> None:
    data = CALLED["arw"]()
    for name in (None, "a.tif"):
        medium = identify(io.BytesIO(data), name)
        assert medium is tiff.MEDIUM and medium.read(io.BytesIO(data), Limits()).takes == frozenset()
        receipt = labeler.add(data, None, label(), name=name)
        assert receipt.data == data and receipt.sidecar_data
        assert [d for d in receipt.degradations if d.endswith("a camera's raw file is only read")]


def test_a_plain_tiff_is_none_whatever_it_is_called() -> None:
    for name, data in ((name, maker()) for name, maker in TIFF.items()):
        assert MEDIUM.accept(data[:4096], "a.tif") == 0, name
        with pytest.raises(UnreadableError):
            read(data)
    early = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x100, 3, 1, 9) + bytes(4)
    assert MEDIUM.accept(early, "a.dng") == 0
    report = labeler.verify(
        TIFF["lzw"](), name="a.dng"
    )  # its directory stands too far behind to be seen first
    assert report.error and "plain TIFF" in report.error.message and ".tif" in report.error.hint


@pytest.mark.parametrize(
    ("name", "writes"), [("dng", "image/x-adobe-dng"), ("nef", "image/tiff"), ("arw", "image/tiff")]
)
def test_a_manifest_of_others_in_it_is_read_and_not_replaced(name: str, writes: str, tmp_path: Path) -> None:
    manifest = c2pa.definition(label(), {}, title="x", parent=False, drawn=False)
    signed = c2pa.sign(ALL[name](), writes, manifest, identity.ensure("default"), None)
    path = tmp_path / suffix(name)
    path.write_bytes(signed)
    report = labeler.verify(path)
    assert {"c2pa.intact", "label.ai"} <= {f.code for f in report.facts}
    assert report.media_type == read(ALL[name]()).mime
    with pytest.raises(UsageError, match="contradict") as caught:
        labeler.add(path, tmp_path / "y", label())
    assert "--sidecar" not in caught.value.hint and "JPEG" in caught.value.hint
    path.write_bytes(signed.replace(make.SENSOR, make.SENSOR[::-1]))
    assert labeler.verify(path).verdict == "tampered"


def test_the_original_of_a_picture_that_was_developed(tmp_path: Path) -> None:
    from pictures import c2pa_reader, encode

    receipt = labeler.add(
        encode("jpeg"), None, label(involvement=Involvement.MODIFIED), original=VARIANTS["cr2"]()
    )
    store = c2pa_reader(receipt.data, "image/jpeg")[1]
    (parent,) = store["manifests"][store["active_manifest"]]["ingredients"]
    assert (parent["format"], parent["relationship"]) == ("image/x-canon-cr2", "parentOf")


def test_what_cannot_be_read_in_it_is_told() -> None:
    foreign = make.box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), b"manifest")
    assert any("CR3" in what for what in labeler.verify(make.cr3(foreign)).not_checked)


@pytest.mark.parametrize(
    "data",
    [
        b"IIU\0",
        make.raf()[:100],
        make.raf()[:84] + struct.pack(">6I", 148, 1 << 31, 0, 0, 0, 0) + make.raf()[108:],
        make.cr3().replace(b"moov", b"free"),
        make.cr3().replace(b"CNCV", b"\0\0\0\0")[:-30],
        make.rw2()[:-1],
        b"IIRO\x08\0\0\0\0\0\0\0\0\0",
    ],
)
def test_what_is_broken_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


def test_bombs() -> None:
    with pytest.raises(LimitError):
        read(VARIANTS["pef"](), Limits(max_pixels=80 * 60 - 1))
    with pytest.raises(LimitError):
        read(VARIANTS["cr3"](), Limits(max_pixels=60 * 40 - 1))
    with pytest.raises(LimitError):
        read(make.cr3(*[make.box(b"free")] * 200), Limits(max_parts=100))


@pytest.mark.parametrize("name", ["CanonRaw.cr2", "DNG.dng", "Nikon.nef"])
def test_real_files(name: str, corpus: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    path = corpus / "exiftool/t/images" / name
    data = path.read_bytes()
    assert identify(io.BytesIO(data), name) is identify(io.BytesIO(data)) is MEDIUM
    out = subprocess.run(
        [tool("exiftool"), "-j", "-Make", "-ImageSize", path], capture_output=True, check=True
    )
    told = json.loads(out.stdout)[0]
    content = read(data)
    assert told["Make"].encode() in {f.value.rstrip(b" \0") for f in content.fields if f.key == "Make"}
    receipt = labeler.add(path, tmp_path / name, label())
    assert (tmp_path / name).read_bytes() == data and receipt.marks == ("sidecar",)
    assert labeler.verify(tmp_path / name, notice_on_page=True).verdict == "labelled"
