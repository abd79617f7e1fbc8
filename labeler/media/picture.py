"""Any other picture that Pillow opens: BMP, GIF, TIFF, AVIF, JPEG 2000, ICO, PNM. A label stands beside it.

Nothing is drawn or put in here. Formats that Pillow hands to another program (EPS, WMF) are no pictures.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from labeler.errors import LabelError, LimitError, UnreadableError, UsageError
from labeler.media import exif
from labeler.media.base import Content, Field, Limits, MediumInfo, Slot, Stream, whole

# first bytes -> Pillow's name of the format
_KINDS = {
    re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.S): "BMP",
    re.compile(rb"GIF8[79]a"): "GIF",
    re.compile(rb"II[*+]\0|MM\0[*+]"): "TIFF",
    re.compile(rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,16}?avi[fs])", re.S): "AVIF",
    re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"): "JPEG2000",
    re.compile(rb"\0\0\x01\0[^\0]"): "ICO",
    re.compile(rb"P[1-6]\s+[#\d]"): "PPM",
}

_MIMES = {
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "JPEG2000": "image/jp2",
    "ICO": "image/vnd.microsoft.icon",
    "PPM": "image/x-portable-anymap",
}


class Picture:
    """The `Medium` of pictures without a medium of their own."""

    info = MediumInfo(
        name="other picture",
        mime="application/octet-stream",
        suffixes=(
            ".bmp",
            ".avif",
            ".jp2",
            ".j2k",
            ".ico",
            ".ppm",
            ".pgm",
            ".pbm",
            ".pnm",
        ),
        slots=frozenset(),
        surface="none",
        c2pa="sidecar",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 10 if _kind(head) else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        """Decodes every frame: there is no other proof that a file of these kinds is whole."""
        data = whole(src, limits)
        kind = _kind(data)
        if not kind:
            raise UnreadableError("The input is no picture of a kind that is read here.")
        fields, slots, size = _decoded(data, kind, limits)
        coded = (Stream("file", (data,)),) if essence else ()
        return Content(fields, slots, size, coded, mime=_MIMES[kind])

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if puts:
            raise UsageError("A picture of this kind carries no label.", "A sidecar is used.")
        at = src.tell()
        shutil.copyfileobj(src, dst)
        src.seek(at)

    def surface(self, src: BinaryIO, limits: Limits) -> None:
        return None


def _kind(head: bytes) -> str | None:
    return next((kind for magic, kind in _KINDS.items() if magic.match(head)), None)


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
    block = data if kind == "TIFF" else info.get("exif", b"").removeprefix(b"Exif\0\0")
    found = {Slot.XMP: info.get("xmp"), Slot.EXIF: None if kind == "TIFF" else block}
    comments = dict.fromkeys(comment for _, about in frames if (comment := about.get("comment")))
    turned = kind != "TIFF" and swaps(exif.orientation(block))  # Pillow turns a TIFF itself
    return (
        (*(Field("picture:info", "comment", comment) for comment in comments), *exif.fields(block, limits)),
        {slot: payload for slot, payload in found.items() if payload},
        size[::-1] if turned else size,
    )


def _check_end(data: bytes, kind: str) -> None:
    """Whether a GIF has its trailer and an ICO all its pictures: Pillow does not look."""
    if kind == "GIF":
        at = 13 + _colours(data[10])
        while data[at] != 0x3B:
            if data[at] not in (0x21, 0x2C):
                raise ValueError(f"byte {at} begins no block")
            at += 2 if data[at] == 0x21 else 11 + _colours(data[at + 9])
            while data[at]:
                at += 1 + data[at]
            at += 1
    elif kind == "ICO":
        for at in range(14, 14 + 16 * int.from_bytes(data[4:6], "little"), 16):
            if sum(struct.unpack_from("<II", data, at)) > len(data):
                raise ValueError("a picture in it is cut short")


def _colours(flags: int) -> int:
    """How many bytes a GIF colour table takes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


MEDIUM = Picture()
