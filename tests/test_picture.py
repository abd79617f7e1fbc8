"""Pictures that are only read: what they are taken for, what is found in them, and files made to hurt."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from pictures import label
from PIL import Image
from variants.gif import VARIANTS as GIF
from variants.picture import CALLED, SIZE
from variants.picture import VARIANTS as OWN
from variants.svg import VARIANTS as SVG
from variants.tiff import VARIANTS as TIFF
from variants.webp import PACKET
from variants.webp import VARIANTS as WEBP

import labeler
from labeler.errors import LimitError, UnreadableError, UnsupportedError, UsageError
from labeler.media import Content, Limits, Slot, identify
from labeler.media.picture import KINDS, MEDIUM, kind_of

LIMITS = Limits()
VARIANTS = OWN | CALLED
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n0 0 9 9 rectfill\nshowpage\n%%EOF\n"


def read(data: bytes, limits: Limits = LIMITS) -> Content:
    return MEDIUM.read(io.BytesIO(data), limits)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_table_of_magics_agrees_with_pillow(name: str) -> None:
    data = VARIANTS[name]()
    kind = kind_of(data[:4096])
    with Image.open(io.BytesIO(data)) as image:
        assert kind and kind.name == image.format
    medium = identify(io.BytesIO(data), f"a{kind.suffixes[0]}")
    assert medium is MEDIUM and medium.read(io.BytesIO(data), LIMITS).mime == kind.mime


def test_every_kind_is_tried_and_those_without_a_magic_by_name_only() -> None:
    assert {kind_of(data()) for data in VARIANTS.values()} == set(KINDS)
    for name in (None, "a.txt", "a.png"):
        assert MEDIUM.accept(CALLED["tga"](), name) == 0
    assert MEDIUM.accept(b"plain words, and more of them", "a.tga") == 0


@pytest.mark.parametrize(
    "head",
    [b"", b"BMW cars are listed here, one a line", b"BM", b"P5 is a programme", b"P6", b"GIF88a", b"II*", EPS,
     b"%PDF-1.7\n", b"\xd7\xcd\xc6\x9a\0\0", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x18ftypmp42\0\0\0\0isomavif",
     b"\0\0\x01\0\0\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"<svg/>"],
)  # fmt: skip
def test_what_is_no_picture(head: bytes) -> None:
    assert MEDIUM.accept(head, "a.bmp") == 0
    with pytest.raises(UnreadableError):
        read(head)


def test_a_picture_with_a_medium_of_its_own_goes_there() -> None:
    for data in (make() for others in (WEBP, SVG, GIF, TIFF) for make in others.values()):
        assert identify(io.BytesIO(data)) is not MEDIUM
    assert identify(io.BytesIO(VARIANTS["bmp"]()), "a.svg") is MEDIUM


def test_no_interpreter_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UnsupportedError):
        identify(io.BytesIO(EPS), "a.eps")
    with pytest.raises(UnreadableError):
        read(EPS)
    assert not (tmp_path / "started").exists()


def found(name: str) -> list[tuple[str, str, bytes]]:
    return [(f.where, f.key, f.value.rstrip(b"\0")) for f in read(VARIANTS[name]()).fields]


def test_fields_slots_and_size() -> None:
    assert ("exif:IFD0", "Software", b"Steppe 1") in found("avif")
    content = read(VARIANTS["avif"]())
    assert content.slots[Slot.XMP] == PACKET
    assert content.slots[Slot.EXIF][:4] in (b"II*\0", b"MM\0*")
    assert read(VARIANTS["avif"]()).size == SIZE[::-1]
    assert read(VARIANTS["pcx"]()).size == SIZE
    assert read(VARIANTS["ico"]()).size == (64, 48)


def test_nothing_can_be_put_and_a_copy_is_a_copy() -> None:
    data = VARIANTS["bmp"]()
    src, out = io.BytesIO(b"??" + data), io.BytesIO()
    src.seek(2)
    MEDIUM.splice(src, out, {})
    assert out.getvalue() == data and src.tell() == 2
    with pytest.raises(UsageError, match="sidecar"):
        MEDIUM.splice(src, io.BytesIO(), {Slot.XMP: b"<x/>"})


@pytest.mark.parametrize("name", VARIANTS)
def test_labelled_beside(name: str, tmp_path: Path) -> None:
    data = VARIANTS[name]()
    path = tmp_path / f"a.{name.partition('-')[0]}"
    labeler.add(data, path, label(), name=path.name)
    assert path.read_bytes() == data
    assert labeler.verify(path, notice_on_page=True).verdict == "labelled"


def test_sizes_that_lie() -> None:
    ico = VARIANTS["ico"]()
    for at in (14, 18):
        for claim in (len(ico), 1 << 31, (1 << 32) - 1):
            with pytest.raises(UnreadableError):
                read(ico[:at] + struct.pack("<I", claim) + ico[at + 4 :])
    bmp = VARIANTS["bmp"]()
    for claim in (91, 9999, -9999, (1 << 31) - 1, -(1 << 31)):
        with pytest.raises(UnreadableError):
            read(bmp[:22] + struct.pack("<i", claim) + bmp[26:])


def test_bombs_are_stopped_before_pixels_are_decoded() -> None:
    bmp, dds, qoi = (VARIANTS[name]() for name in ("bmp", "dds-blocks", "qoi"))
    for bomb in (
        bmp[:18] + struct.pack("<ii", 50_000, 50_000) + bmp[26:],
        dds[:12] + struct.pack("<II", 50_000, 50_000) + dds[20:],
        qoi[:4] + struct.pack(">II", 50_000, 50_000) + qoi[12:],
        b"P6 99999 99999 255 ",
        b"P5\n1000000000 1\n255\n",
    ):
        with pytest.raises(LimitError):
            read(bomb)
    with pytest.raises(LimitError):
        read(VARIANTS["avif-animated"](), Limits(max_frames=2))
    with pytest.raises(LimitError):
        read(bmp, Limits(max_pixels=SIZE[0] * SIZE[1] - 1))
    with pytest.raises(LimitError):
        read(bmp, Limits(max_bytes=99))
