"""JPEG 2000 files: Pillow codes the picture, the boxes around it are ours."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import Image

from variants.jxl import box
from variants.picture import drawn, tags
from variants.tiff import IIM
from variants.webp import PACKET

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def saved(image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or drawn()).save(out, "JPEG2000", **options)
    return out.getvalue()


def codestream(**options: Any) -> bytes:
    return saved(no_jp2=True, **options)


def with_boxes(*more: bytes) -> bytes:
    """The boxes put before the codestream's, which may be the last."""
    data = saved()
    at = data.index(b"jp2c") - 4
    return data[:at] + b"".join(more) + data[at:]


def exif(prefix: bytes = b"") -> bytes:
    return box(b"uuid", b"JpgTiffExif->JP2", prefix, tags(6).tobytes().removeprefix(b"Exif\0\0"))


def everything() -> bytes:
    return with_boxes(
        box(b"xml ", b"<gml/>"), box(b"uuid", XMP, PACKET), exif(b"Exif\0\0"), box(b"uuid", IPTC, IIM)
    )


def open_ended() -> bytes:
    """The last box, and the last tile, do not say how long they are."""
    data = bytearray(with_boxes(exif()))
    at = data.index(b"jp2c") - 4
    data[at : at + 4] = bytes(4)
    at = data.rindex(b"\xff\x90")
    data[at + 6 : at + 10] = bytes(4)
    return bytes(data)


def long_sizes() -> bytes:
    data = saved()
    at = data.index(b"jp2c") - 4
    return data[:at] + struct.pack(">I4sQ", 1, b"jp2c", len(data) - at + 8) + data[at + 8 :]


VARIANTS: dict[str, Callable[[], bytes]] = {
    "plain": saved,
    "grey": lambda: saved(drawn(0, "L")),
    "everything": everything,
    "turned": lambda: with_boxes(exif()),
    "tiles": lambda: saved(tile_size=(50, 40), comment="Дала"),
    "bare": codestream,
    "bare-tiles": lambda: codestream(tile_size=(64, 64)),
    "bare-trailing": lambda: codestream() + b"behind",
    "long-sizes": long_sizes,
}
