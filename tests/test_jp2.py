"""JPEG 2000: what is read from its boxes and its codestream, and that every cut is noticed."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import label
from PIL import Image
from variants import jp2 as make
from variants.jp2 import VARIANTS, open_ended
from variants.jxl import box
from variants.picture import SIZE
from variants.webp import PACKET

import labeler
from labeler.errors import LimitError, NoticeError, UnreadableError
from labeler.media import Content, Field, Limits, Slot, identify
from labeler.media.jp2 import MEDIUM

ALL = VARIANTS | {"open-ended": open_ended}
every = pytest.mark.parametrize("name", ALL)


@functools.cache
def variant(name: str) -> bytes:
    return ALL[name]()


def read(data: bytes, limits: Limits = Limits()) -> Content:  # noqa: B008 - frozen
    return MEDIUM.read(io.BytesIO(data), limits, essence=True)


@every
def test_size_and_kind_are_what_pillow_says(name: str) -> None:
    content = read(variant(name))
    with Image.open(io.BytesIO(variant(name))) as image:
        assert content.size in (image.size, image.size[::-1])
    assert content.size == (SIZE[::-1] if name in ("turned", "everything", "open-ended") else SIZE)
    assert (content.mime == "image/j2c") == name.startswith("bare")
    assert content.trailing == (6 if name == "bare-trailing" else 0)
    assert identify(io.BytesIO(variant(name)), "a.bin") is MEDIUM


@every
def test_every_cut_is_noticed(name: str) -> None:
    end = len(variant(name)) - read(variant(name)).trailing
    for cut in {*range(0, end, 31), *range(end - 20, end)}:
        with pytest.raises(UnreadableError):
            read(variant(name)[:cut])


def test_fields_and_slots(tool: Callable[[str], str], tmp_path: Path) -> None:
    content = read(variant("everything"))
    assert content.slots[Slot.XMP] == PACKET and content.slots[Slot.EXIF][:2] in (b"II", b"MM")
    wanted = (
        Field("jp2:xml", "XML", b"<gml/>"),
        Field("exif:IFD0", "Software", b"Steppe 1\0"),
        Field("iptc:IIM", "2:5", b"title"),
    )
    assert set(wanted) <= set(content.fields)
    assert Field("jp2:COM", "Comment", "Дала".encode()) in read(variant("tiles")).fields
    path = tmp_path / "a.jp2"
    path.write_bytes(variant("everything"))
    out = subprocess.run([tool("exiftool"), "-j", "-G1", path], capture_output=True, check=True, text=True)
    told = json.loads(out.stdout)[0]  # it finds them in the same places
    assert told["IFD0:Software"] == "Steppe 1" and told["IPTC:ObjectName"] == "title"


def test_a_label_stands_beside(tmp_path: Path) -> None:
    for name, suffix in (("everything", "jp2"), ("bare", "j2k")):
        path = tmp_path / f"a.{suffix}"
        receipt = labeler.add(variant(name), path, label(), name=path.name)
        assert path.read_bytes() == variant(name) and receipt.marks == ("sidecar",)
        assert "signed in a sidecar" in receipt.degradations[1]
        assert labeler.verify(path, notice_on_page=True).verdict == "labelled"
        assert labeler.add(path, tmp_path / "b", label()).unchanged
    with pytest.raises(NoticeError, match="JPEG 2000"):
        labeler.add(variant("plain"), None, label(), notice="band")


def test_a_label_in_its_packet_is_one() -> None:
    source = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    about = b' xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" i:DigitalSourceType="%s"/>' % source
    packet = PACKET.replace(b"/></rdf:RDF>", about + b"</rdf:RDF>")
    assert packet != PACKET
    report = labeler.verify(make.with_boxes(box(b"uuid", make.XMP, packet)), notice_on_page=True)
    assert report.verdict == "labelled"


def test_files_made_to_hurt() -> None:
    data = make.saved()
    at = data.index(b"\xff\x51") + 6
    with pytest.raises(LimitError):
        read(data[:at] + struct.pack(">II", 1 << 20, 1 << 20) + data[at + 8 :])
    with pytest.raises(LimitError):
        read(make.with_boxes(*[box(b"free")] * 200), Limits(max_parts=100))
    with pytest.raises(LimitError):
        read(make.codestream(tile_size=(8, 8)), Limits(max_parts=100))
    for broken in (
        data[:at] + bytes(8) + data[at + 8 :],  # no size
        data.replace(b"jp2c", b"free"),
        data.replace(b"\xff\x4f\xff\x51", b"\xff\x4f\xff\x52"),
        make.codestream()[:-2],
        b"\xff\x4f\xff\x51",
    ):
        with pytest.raises(UnreadableError):
            read(broken)
