"""Photoshop files by a writer that follows the specification: header, colour mode, resources, layers, picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from PIL import Image

from variants.picture import SIZE, drawn, tags
from variants.tiff import IIM, packbits
from variants.webp import PACKET


def resource(number: int, value: bytes, name: bytes = b"") -> bytes:
    told = bytes((len(name),)) + name
    body = value + bytes(len(value) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + told.ljust(len(told) + len(told) % 2, b"\0")
        + struct.pack(">I", len(value))
        + body
    )


ALL = (
    resource(0x03ED, bytes(16), b"odd")
    + resource(0x0404, IIM)
    + resource(0x0422, tags(1).tobytes().removeprefix(b"Exif\0\0"))
    + resource(0x0424, PACKET)
)


def psd(
    image: Image.Image | None = None,
    packing: int = 0,
    resources: bytes = b"",
    layers: bytes = b"",
    big: bool = False,
    depth: int = 8,
) -> bytes:
    image = image or drawn()
    planes = [band.tobytes() for band in image.split()]
    mode = {"1": 0, "L": 1, "P": 2, "RGB": 3, "RGBA": 3, "CMYK": 4}[image.mode]
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 2 if big else 1, len(planes), *SIZE[::-1], depth, mode)
    colours = bytes(768) if mode == 2 else b""
    parts = [head, struct.pack(">I", len(colours)), colours, struct.pack(">I", len(resources)), resources]
    parts += [struct.pack(">Q" if big else ">I", len(layers)), layers, struct.pack(">H", packing)]
    rows = [plane[at : at + SIZE[0]] for plane in planes for at in range(0, len(plane), SIZE[0])]
    match packing:
        case 0:
            parts += planes
        case 1:
            packed = [packbits(row) for row in rows]
            parts += [struct.pack(f">{len(packed)}{'I' if big else 'H'}", *map(len, packed)), *packed]
        case _:
            parts.append(zlib.compress(b"".join(planes)))
    return b"".join(parts)


VARIANTS: dict[str, Callable[[], bytes]] = {
    "raw": psd,
    "packed": lambda: psd(packing=1, resources=ALL),
    "grey": lambda: psd(drawn(0, "L"), packing=1),
    "palette": lambda: psd(drawn(0, "P"), packing=0, layers=bytes(40)),
    "bits": lambda: psd(drawn(0, "1"), depth=1),
    "cmyk": lambda: psd(drawn(0, "CMYK"), packing=1, layers=bytes(12)),
    "zip": lambda: psd(packing=2, resources=ALL),
    "large": lambda: psd(drawn(0, "RGBA"), packing=1, resources=ALL, layers=bytes(20), big=True),
    "trailing": lambda: psd(packing=1) + b"behind",
}
