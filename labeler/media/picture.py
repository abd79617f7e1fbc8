"""Any other picture that Pillow opens, without metadata worth a medium of its own. A label stands beside it.

Nothing is drawn or put in here. Formats that Pillow hands to another program (EPS, WMF) are no pictures.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from labeler.errors import LabelError, LimitError, UnreadableError
from labeler.media import exif
from labeler.media.base import Content, Field, Limits, MediumInfo, ReadOnly, Slot, Stream, whole


@dataclass(frozen=True)
class Kind:
    """Pillow's name of a format, how its files begin, and how they are called."""

    name: str
    magic: re.Pattern[bytes]
    mime: str
    suffixes: tuple[str, ...]


def _kind(name: str, magic: bytes, mime: str, *suffixes: str) -> Kind:
    return Kind(name, re.compile(magic, re.S), mime, suffixes)


# Truevision's files begin with nothing of their own: their name must tell, too
_TGA = _kind("TGA", rb".[\0\x01][\x01-\x03\x09-\x0b].{13}[\x08\x0f\x10\x18\x20]", "image/x-tga", ".tga")
KINDS = (
    _kind("BMP", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", "image/bmp", ".bmp", ".dib"),
    _kind("AVIF", rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,16}?avi[fs])", "image/avif", ".avif"),
    _kind("ICO", rb"\0\0\x01\0[^\0]", "image/vnd.microsoft.icon", ".ico"),
    _kind("CUR", rb"\0\0\x02\0[^\0]", "image/x-cursor", ".cur"),
    _kind("ICNS", rb"icns", "image/icns", ".icns"),
    _kind("PPM", rb"P[1-6]\s+[#\d]", "image/x-portable-anymap", ".ppm", ".pgm", ".pbm", ".pnm"),
    _kind("PCX", rb"\x0a[\0\x02\x03\x05]\x01[\x01\x02\x04\x08]", "image/x-pcx", ".pcx"),
    _kind("DDS", rb"DDS \x7c\0\0\0", "image/vnd.ms-dds", ".dds"),
    _kind("SGI", rb"\x01\xda[\0\x01][\x01\x02]", "image/sgi", ".sgi"),
    _kind("QOI", rb"qoif", "image/qoi", ".qoi"),
    _TGA,
)
_SLOW = ("qoi", "dds_rgb")  # Pillow's decoders in Python; of these files the end tells whether they are whole


class _Picture(ReadOnly):
    info = MediumInfo(
        name="other picture",
        mime="application/octet-stream",
        suffixes=tuple(suffix for kind in KINDS for suffix in kind.suffixes),
        slots=frozenset(),
        surface="none",
        c2pa="sidecar",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        kind = kind_of(head)
        return 10 * (kind is not None and (kind is not _TGA or (name or "").lower().endswith(_TGA.suffixes)))

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        """Decodes every frame: there is no other proof that a file of these kinds is whole."""
        data = whole(src, limits)
        kind = kind_of(data)
        if not kind:
            raise UnreadableError("The input is no picture of a kind that is read here.")
        fields, slots, size = _decoded(data, kind.name, limits)
        coded = (Stream("file", (data,)),) if essence else ()
        return Content(fields, slots, size, coded, mime=kind.mime)


def kind_of(head: bytes) -> Kind | None:
    """By the first bytes."""
    return next((kind for kind in KINDS if kind.magic.match(head)), None)


def _decoded(
    data: bytes, kind: str, limits: Limits
) -> tuple[tuple[Field, ...], dict[Slot, bytes], tuple[int, int]]:
    """Fields, slots, and the size that a viewer shows; all but comments of the first frame."""
    from PIL import Image, ImageSequence  # slow to import, and this module is loaded to identify any file

    from labeler.media.pixels import check_pixels, swaps

    frames: list[tuple[tuple[int, int], dict[Any, Any]]] = []
    try:
        _check_end(data, kind)
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            for frame in ImageSequence.Iterator(image):
                check_pixels(frame.size, len(frames) + 1, limits)
                if not any(tile[0] in _SLOW for tile in getattr(frame, "tile", ())):
                    frame.load()
                frames.append((frame.size, dict(frame.info)))
        size, info = frames[0]
    except LabelError:
        raise
    except Image.DecompressionBombError as e:
        raise LimitError(f"The picture is too large to decode ({e}).") from e
    except Exception as e:  # Pillow's plugins raise whatever the bytes make them raise
        raise UnreadableError(
            f"The {kind} picture cannot be decoded to its end ({e}).", "Open and export it again."
        ) from e
    block = info.get("exif", b"").removeprefix(b"Exif\0\0")
    found = {Slot.XMP: info.get("xmp"), Slot.EXIF: block}
    comments = dict.fromkeys(comment for _, about in frames if (comment := about.get("comment")))
    return (
        (*(Field("picture:info", "comment", comment) for comment in comments), *exif.fields(block, limits)),
        {slot: payload for slot, payload in found.items() if payload},
        size[::-1] if swaps(exif.orientation(block)) else size,
    )


def _check_end(data: bytes, kind: str) -> None:
    """Whether all is there that Pillow does not look for."""
    if kind in ("ICO", "CUR"):
        for at in range(14, 14 + 16 * int.from_bytes(data[4:6], "little"), 16):
            if sum(struct.unpack_from("<II", data, at)) > len(data):
                raise ValueError("a picture in it is cut short")
    elif kind == "ICNS":
        if int.from_bytes(data[4:8]) > len(data):
            raise ValueError("a picture in it is cut short")
    elif kind == "DDS":
        height, width, flags, bits = struct.unpack_from("<12xII60xI4xI", data)
        if not flags & 4 and 128 + height * width * bits // 8 > len(data):  # not in blocks
            raise ValueError("its pixels are cut off")
    elif kind == "QOI" and not data.endswith(bytes(7) + b"\1"):
        raise ValueError("its end is missing")


MEDIUM = _Picture()
