"""Pictures of the kinds without a medium of their own, made by Pillow: only those whose every cut Pillow notices.

Left out: BMP rows that end in padding and TIFF pages whose last pointer is cut off decode all the same.
"""

from __future__ import annotations

import io
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


VARIANTS: dict[str, Callable[[], bytes]] = {
    "bmp": lambda: saved("BMP"),
    "bmp-palette": lambda: saved("BMP", "P"),
    "avif": lambda: saved("AVIF", exif=tags(6), xmp=PACKET),
    "avif-animated": lambda: saved("AVIF", frames=3, duration=100),
    "jp2": lambda: saved("JPEG2000"),
    "j2k": lambda: saved("JPEG2000", no_jp2=True),
    "ico": lambda: saved("ICO", sizes=[(16, 12), (64, 48)]),
    "ico-bmp": lambda: saved("ICO", sizes=[(32, 24), (64, 48)], bitmap_format="bmp"),
    "ppm": lambda: saved("PPM"),
    "pgm": lambda: saved("PPM", "L"),
    "pbm": lambda: saved("PPM", "1"),
}
# what is understood here, too, but goes to a medium of its own
CLAIMED: dict[str, Callable[[], bytes]] = {
    "gif": lambda: saved("GIF", "P", comment="Дала".encode()),
    "gif-animated": lambda: saved("GIF", "P", 3, duration=[100, 200, 300], loop=0),
    "tiff": lambda: saved("TIFF", tiffinfo=tags(1)),
    "tiff-lzw": lambda: saved("TIFF", compression="tiff_lzw"),
    "tiff-turned": lambda: saved("TIFF", exif=tags(6)),
}
