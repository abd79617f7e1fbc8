"""Pictures of the kinds without a medium of their own, made by Pillow: only those whose every cut Pillow notices.

Left out: BMP rows that end in padding, and PCX palettes at the end, decode all the same.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

from variants.webp import PACKET

SIZE = (120, 90)


def drawn(step: int = 0, mode: str = "RGB") -> Image.Image:
    image = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((10 + 7 * step, 10, 60 + 7 * step, 50), fill=(200, 40, 40))
    draw.ellipse((50, 30, 110, 80 - 5 * step), fill=(20, 90, 200))
    return image.convert(mode)


def saved(kind: str, mode: str = "RGB", frames: int = 1, **options: Any) -> bytes:
    out = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": [drawn(i, mode) for i in range(1, frames)]}
    drawn(0, mode).save(out, kind, **options)
    return out.getvalue()


def tags(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = orientation, "Steppe 1"
    return exif


def cursor() -> bytes:
    """An icon of another number, with a hot spot where its planes and depth stood."""
    icon = saved("ICO", sizes=[(64, 48)], bitmap_format="bmp")
    return icon[:2] + b"\2" + icon[3:10] + b"\5\0\5\0" + icon[14:]


def icns() -> bytes:
    out = io.BytesIO()
    drawn().resize((32, 32)).save(out, "PNG")
    return (
        struct.pack(">4sI4sI", b"icns", 16 + len(out.getvalue()), b"icp5", 8 + len(out.getvalue()))
        + out.getvalue()
    )


VARIANTS: dict[str, Callable[[], bytes]] = {
    "bmp": lambda: saved("BMP"),
    "bmp-palette": lambda: saved("BMP", "P"),
    "avif": lambda: saved("AVIF", exif=tags(6), xmp=PACKET),
    "avif-animated": lambda: saved("AVIF", frames=3, duration=100),
    "ico": lambda: saved("ICO", sizes=[(16, 12), (64, 48)]),
    "ico-bmp": lambda: saved("ICO", sizes=[(32, 24), (64, 48)], bitmap_format="bmp"),
    "cur": cursor,
    "icns": icns,
    "ppm": lambda: saved("PPM"),
    "pgm": lambda: saved("PPM", "L"),
    "pbm": lambda: saved("PPM", "1"),
    "pcx": lambda: saved("PCX"),
    "dds": lambda: saved("DDS"),
    "dds-blocks": lambda: saved("DDS", "RGBA", pixel_format="DXT5"),
    "sgi": lambda: saved("SGI"),
    "qoi": lambda: saved("QOI"),
}
# its name must tell, too; without the footer, whose loss nobody would notice
CALLED: dict[str, Callable[[], bytes]] = {
    "tga": lambda: saved("TGA")[:-26],
    "tga-packed": lambda: saved("TGA", compression="tga_rle")[:-26],
}
