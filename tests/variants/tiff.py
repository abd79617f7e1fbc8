"""TIFF files, one for each way they can differ, by a writer that follows the specification word for word."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from variants.webp import PACKET

SIZE = (121, 83)
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD, LONG8, IFD8 = 1, 2, 3, 4, 5, 7, 13, 16, 18
CODES = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", IFD: "I", LONG8: "Q", IFD8: "Q"}
Value = bytes | int | Sequence[int]
Fields = Mapping[int, tuple[int, Value]]  # type and value by tag


class Writer:
    """A file that grows; directories go where they are asked for."""

    def __init__(self, order: str = "<", big: bool = False) -> None:
        self.order, self.big, self.width = order, big, 8 if big else 4
        magic = struct.pack(order + "H", 43 if big else 42) + (
            struct.pack(order + "HH", 8, 0) if big else b""
        )
        self.data = bytearray((b"II" if order == "<" else b"MM") + magic + bytes(self.width))
        self.link = len(self.data) - self.width  # where the pointer to the next page goes

    def pointer(self, at: int) -> bytes:
        return struct.pack(self.order + ("Q" if self.big else "I"), at)

    def put(self, piece: bytes) -> int:
        self.data += bytes(len(self.data) % 2)
        self.data += piece
        return len(self.data) - len(piece)

    def value(self, kind: int, value: Value) -> tuple[int, bytes]:
        if isinstance(value, bytes):
            return len(value), value
        numbers = (value,) if isinstance(value, int) else tuple(value)
        packed = struct.pack(f"{self.order}{len(numbers)}{CODES[kind]}", *numbers)
        return len(numbers) // (2 if kind == RATIONAL else 1), packed

    def directory(self, fields: Fields) -> int:
        """Where it went; the pointer to the next one is 0."""
        entries = b""
        for tag, (kind, value) in sorted(fields.items()):
            count, packed = self.value(kind, value)
            place = (
                packed.ljust(self.width, b"\0")
                if len(packed) <= self.width
                else self.pointer(self.put(packed))
            )
            entries += struct.pack(self.order + ("HHQ" if self.big else "HHI"), tag, kind, count) + place
        count_format = self.order + ("Q" if self.big else "H")
        return self.put(struct.pack(count_format, len(fields)) + entries + bytes(self.width))

    def page(
        self, fields: Fields, strips: Sequence[bytes] = (), tags: tuple[int, int] = (0x111, 0x117)
    ) -> None:
        """The strips, then the directory, as the next of the chain."""
        kind = LONG8 if self.big else LONG
        places = [self.put(strip) for strip in strips]
        told = {tags[0]: (kind, places), tags[1]: (kind, [len(s) for s in strips])} if strips else {}
        at = self.directory({**fields, **told})
        self.data[self.link : self.link + self.width] = self.pointer(at)
        self.link = len(self.data) - self.width

    def file(self) -> bytes:
        return bytes(self.data)


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE, step: int = 0) -> Image.Image:
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((10 + 7 * step, 10, 60 + 7 * step, 50), fill=(200, 40, 40))
    draw.ellipse((50, 30, 110, 80 - 5 * step), fill=(20, 90, 200))
    image = image.quantize(60) if mode == "P" else image.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image


PHOTOMETRIC = {"L": 1, "LA": 1, "RGB": 2, "RGBA": 2, "RGBa": 2, "P": 3, "CMYK": 5}
CODECS: dict[int, Callable[[bytes, int], bytes]] = {
    1: lambda data, stride: data,
    8: lambda data, stride: zlib.compress(data),
    32946: lambda data, stride: zlib.compress(data, 1),
    32773: lambda data, stride: b"".join(packbits(data[i : i + stride]) for i in range(0, len(data), stride)),
}


def packbits(row: bytes) -> bytes:
    """Literal runs alone."""
    return b"".join(bytes((len(row[i : i + 128]) - 1,)) + row[i : i + 128] for i in range(0, len(row), 128))


def fields(image: Image.Image, compression: int = 1, **more: int) -> dict[int, tuple[int, Value]]:
    bands = image.getbands()
    told: dict[int, tuple[int, Value]] = {
        0x100: (SHORT, image.width),
        0x101: (SHORT, image.height),
        0x102: (SHORT, [8] * len(bands)),
        0x103: (SHORT, compression),
        0x106: (SHORT, PHOTOMETRIC[image.mode]),
        0x115: (SHORT, len(bands)),
        0x11A: (RATIONAL, (300, 1)),
    }
    if image.mode == "P":
        colours = bytes(image.getpalette() or ()).ljust(768, b"\0")
        told[0x140] = (SHORT, [colours[3 * i + k] * 257 for k in range(3) for i in range(256)])
    if "A" in bands:
        told[0x152] = (SHORT, 2)
    return told


def strips(image: Image.Image, rows: int, compression: int = 1) -> list[bytes]:
    stride = image.width * len(image.getbands())
    data = image.tobytes()
    return [
        CODECS[compression](data[i : i + rows * stride], stride) for i in range(0, len(data), rows * stride)
    ]


def tiles(image: Image.Image, size: tuple[int, int], compression: int = 1) -> list[bytes]:
    cells = [
        image.crop((x, y, x + size[0], y + size[1]))
        for y in range(0, image.height, size[1])
        for x in range(0, image.width, size[0])
    ]
    return [CODECS[compression](cell.tobytes(), size[0] * len(image.getbands())) for cell in cells]


def tiff(
    image: Image.Image,
    rows: int = 20,
    compression: int = 1,
    order: str = "<",
    big: bool = False,
    more: Fields | None = None,
) -> bytes:
    out = Writer(order, big)
    told = {**fields(image, compression), 0x116: (LONG, rows), **(more or {})}
    out.page(told, strips(image, rows, compression))
    return out.file()


def tiled(
    image: Image.Image, size: tuple[int, int] = (32, 16), compression: int = 1, **options: Any
) -> bytes:
    out = Writer(**options)
    told = {**fields(image, compression), 0x142: (SHORT, size[0]), 0x143: (SHORT, size[1])}
    out.page(told, tiles(image, size, compression), (0x144, 0x145))
    return out.file()


def pages(
    *images: Image.Image,
    compression: int = 8,
    rows: int | None = 30,
    more: Fields | None = None,
    **options: Any,
) -> bytes:
    out = Writer(**options)
    for image in images:
        told = {**fields(image, compression), **({0x116: (LONG, rows)} if rows else {}), **(more or {})}
        out.page(told, strips(image, rows or image.height, compression))
    return out.file()


def saved(mode: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture(mode).save(out, "TIFF", **options)
    return out.getvalue()


IIM = b"\x1c\2\5\0\5title\x1c\2\x50\0\1A"


def camera() -> bytes:
    """With an Exif directory, a GPS directory and texts."""
    out = Writer(">")
    details = out.directory(
        {0x9003: (ASCII, b"2026:11-24 10:00:00\0"), 0x9286: (UNDEFINED, b"ASCII\0\0\0a steppe")}
    )
    gps = out.directory({0: (BYTE, b"\2\3\0\0")})
    image = picture("L")
    told = {**fields(image), 0x131: (ASCII, b"Steppe 1\0"), 0x8769: (LONG, details), 0x8825: (LONG, gps)}
    told |= {
        0x112: (SHORT, 6),
        0x116: (SHORT, 40),
        0x8649: (BYTE, b"8BIM\4\4\0\0" + struct.pack(">I", len(IIM)) + IIM),
        0x83BB: (LONG, struct.unpack(">4I", IIM)),
    }
    out.page(told, strips(image, 40))
    return out.file()


def packet_last() -> bytes:
    """As our own splicing leaves it."""
    out = Writer()
    image = picture("L")
    places = [out.put(strip) for strip in strips(image, 40)]
    counts = [len(strip) for strip in strips(image, 40)]
    out.page(
        {
            **fields(image),
            0x111: (LONG, places),
            0x116: (LONG, 40),
            0x117: (LONG, counts),
            0x2BC: (BYTE, PACKET),
        }
    )
    return out.file()


VARIANTS: dict[str, Callable[[], bytes]] = {
    "rgb": lambda: tiff(picture()),
    "rgb-big-endian": lambda: tiff(picture(), order=">"),
    "rgb-one-strip": lambda: tiff(picture(), rows=(1 << 32) - 1, compression=8),
    "bigtiff": lambda: tiff(picture(), big=True, compression=8),
    "rgba-deflate": lambda: tiff(picture("RGBA"), compression=32946, rows=83),
    "rgba-premultiplied": lambda: tiff(picture("RGBA").convert("RGBa"), more={0x152: (SHORT, 1)}),
    "rows-not-told": lambda: pages(picture("L"), rows=None),
    "grey-packbits": lambda: tiff(picture("L"), compression=32773, order=">"),
    "grey-alpha": lambda: tiff(picture("LA"), compression=8),
    "white-is-zero": lambda: tiff(picture("L"), more={0x106: (SHORT, 0)}),
    "cmyk": lambda: tiff(picture("CMYK"), compression=8),
    "palette": lambda: tiff(picture("P"), rows=7, compression=32773),
    "tiles": lambda: tiled(picture("L")),
    "tiles-deflate": lambda: tiled(picture(), compression=8, order=">"),
    "tiles-bigtiff": lambda: tiled(picture("RGBA"), (64, 48), compression=8, big=True),
    "lzw": lambda: saved("RGB", compression="tiff_lzw"),
    "lzw-predictor": lambda: saved("RGB", compression="tiff_lzw", tiffinfo={317: 2, 278: 13}),
    "deflate-predictor-alpha": lambda: saved("RGBA", compression="tiff_adobe_deflate", tiffinfo={317: 2}),
    "camera": camera,
    "pages": lambda: pages(picture(), picture(step=1), picture(step=2)),
    "pages-in-two-codings": lambda: pages(picture("L"), picture("RGB"), compression=1, big=True),
    "pages-turned": lambda: pages(picture(), picture(step=3), more={0x112: (SHORT, 8)}, order=">"),
    "xmp": lambda: tiff(picture(), compression=8, more={0x2BC: (BYTE, PACKET)}),
    "xmp-last": packet_last,
    "signed": lambda: tiff(picture("L"), compression=8, more={0xCD41: (UNDEFINED, b"jumb" * 90)}),
    **{
        f"turned-{turn}": lambda turn=turn: tiff(picture(), compression=8, more={0x112: (SHORT, turn)})  # type: ignore[misc]
        for turn in (2, 3, 5, 6, 7)
    },
    "tiles-turned": lambda: tiled(picture(), (48, 32), compression=8),
}
