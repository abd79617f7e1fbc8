"""A small picture of a raster picture, for people who look through a report."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 96  # px, the longer one
_MAX_PIXELS = 36_000_000
_MAX_BYTES = 8192
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")


def make(data: bytes) -> bytes | None:
    """WebP, at most `SIDE` px and 8 KiB, without metadata; None where Pillow cannot or should not decode it."""
    small = reduced(data, SIDE)
    if small is None:
        return None
    out = io.BytesIO()
    small.save(out, "WEBP", quality=55, method=3, exif=b"", icc_profile=b"")
    return out.getvalue() if out.tell() <= _MAX_BYTES else None


def reduced(data: bytes, side: int) -> Image | None:
    """The picture upright, RGB or RGBA, the longer side at most ``side`` px; None as for `make`."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS or image.info.get("compression") == "tiff_jpeg":
                    return None  # libtiff writes to standard error what it finds wrong with old-style JPEG
                image.draft("RGB", (2 * side, 2 * side))  # JPEG decodes at a fraction of its size
                mode = "RGBA" if image.has_transparency_data else "RGB"
                small: Image.Image = ImageOps.exif_transpose(
                    image if image.mode == mode else image.convert(mode)
                )
                small.thumbnail((side, side))
    except Exception:  # whatever a hostile picture does to a decoder: the report goes without
        return None
    return small
