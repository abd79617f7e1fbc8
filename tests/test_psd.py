"""Photoshop's own files: what is read from their resources, and that every cut is noticed."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import label
from PIL import Image, ImageChops
from variants.picture import SIZE, drawn
from variants.psd import ALL, VARIANTS, psd, resource
from variants.webp import PACKET

import labeler
from labeler.errors import LimitError, UnreadableError
from labeler.media import Content, Field, Limits, Slot, identify
from labeler.media.psd import MEDIUM

every = pytest.mark.parametrize("name", VARIANTS)


@functools.cache
def variant(name: str) -> bytes:
    return VARIANTS[name]()


def read(data: bytes, limits: Limits = Limits()) -> Content:  # noqa: B008 - frozen
    return MEDIUM.read(io.BytesIO(data), limits, essence=True)


def test_the_variants_are_what_pillow_takes_for_pictures() -> None:
    for name in sorted(VARIANTS.keys() - {"zip", "large"}):  # which it does not read
        with Image.open(io.BytesIO(variant(name))) as image:
            assert image.size == SIZE == read(variant(name)).size, name
            if image.mode == "RGB":
                assert ImageChops.difference(image, drawn()).getbbox() is None, name


@every
def test_every_cut_is_noticed(name: str) -> None:
    end = len(variant(name)) - read(variant(name)).trailing
    for cut in {*range(0, end, 211), *range(30), *range(end - 20, end)}:
        with pytest.raises(UnreadableError):
            read(variant(name)[:cut])
    assert read(variant(name) + b"more").trailing == 4 + read(variant(name)).trailing


@pytest.mark.parametrize("name", ["packed", "zip", "large"])
def test_fields_and_slots(name: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    content = read(variant(name))
    assert content.slots[Slot.XMP] == PACKET and content.slots[Slot.EXIF][:2] in (b"II", b"MM")
    wanted = {Field("exif:IFD0", "Software", b"Steppe 1\0"), Field("iptc:IIM", "2:5", b"title")}
    assert wanted <= set(content.fields)
    path = tmp_path / "a.psd"
    path.write_bytes(variant(name))
    out = subprocess.run([tool("exiftool"), "-j", "-G1", path], capture_output=True, check=True, text=True)
    told = json.loads(out.stdout)[0]
    assert told["IFD0:Software"] == "Steppe 1" and told["IPTC:ObjectName"] == "title"


def test_a_label_stands_beside(tmp_path: Path) -> None:
    for name, suffix in (("packed", "psd"), ("large", "psb")):
        path = tmp_path / f"a.{suffix}"
        labeler.add(variant(name), path, label(), name=path.name)
        assert path.read_bytes() == variant(name)
        assert identify(io.BytesIO(variant(name)), path.name) is MEDIUM
        assert labeler.verify(path, notice_on_page=True).verdict == "labelled"


def test_what_a_generator_left_in_it_is_found() -> None:
    text = b"a lighthouse\nSteps: 24, Sampler: Euler a, CFG scale: 4, Seed: 5"
    iim = b"\x1c\2\x78" + struct.pack(">H", len(text)) + text
    report = labeler.verify(psd(resources=resource(0x0404, iim)))
    assert [(e.source, e.where) for e in report.evidence] == [("a1111-rewritten", "iptc:IIM")]


def test_files_made_to_hurt() -> None:
    data = psd(packing=1, resources=ALL)
    with pytest.raises(LimitError):
        read(data[:14] + struct.pack(">II", 1 << 20, 1 << 20) + data[22:])
    bomb = psd(packing=2)
    at = bomb.rindex(b"\0\2x") + 2
    for broken in (
        data[:12] + b"\0\0" + data[14:],  # no channels
        data[:14] + bytes(8) + data[22:],
        data[:22] + b"\0\5" + data[24:],
        bomb[:at] + b"no stream",
        bomb[:at] + zlib.compress(bytes(50 << 20)),
        data[:26] + struct.pack(">I", 1 << 31) + data[30:],
    ):
        with pytest.raises(UnreadableError):
            read(broken)
