"""JPEG 2000, in boxes or as a bare codestream: XMP, EXIF and IPTC-IIM are read; a label stands beside it.

ISO/IEC 15444-1, annexes A (codestream: markers and tile-parts) and I (boxes); XMP specification part 3, 1.1.4; exiftool's
documentation for EXIF and IPTC-IIM in ``uuid`` boxes. Nothing is decoded: tile-parts tell how long they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UnreadableError
from labeler.media import boxes, exif, photoshop
from labeler.media.base import Content, Field, Limits, MediumInfo, ReadOnly, Slot, Stream, whole
from labeler.media.pixels import check_pixels, swaps

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_BARE = b"\xff\x4f\xff\x51"
_SIZ, _COM, _SOT, _EOC = 0xFF51, 0xFF64, 0xFF90, 0xFFD9
_END = b"\xff\xd9"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


class _Codestream(NamedTuple):
    """What its header says, and where it ends."""

    size: tuple[int, int]
    comments: list[bytes]
    stop: int


def _damaged(what: str) -> UnreadableError:
    return UnreadableError(f"The JPEG 2000 file is damaged: {what}.", "Fetch it anew, or export it again.")


def _codestream(data: bytes, at: int, end: int, limits: Limits) -> _Codestream:
    """Marker by marker, and tile-part by tile-part.

    Raises:
        UnreadableError: truncated or malformed. LimitError: too many parts.
    """
    if data[at : at + 4] != _BARE:
        raise _damaged("its codestream does not begin as one")
    at, size, comments = at + 2, (0, 0), list[bytes]()
    for _ in range(limits.max_parts):
        if at + 2 > end:
            raise _damaged("its codestream is cut off")
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == _EOC:
            return _Codestream(size, comments, at + 2)
        (length,) = struct.unpack_from(">H", data, at + 2) if at + 4 <= end else (0,)
        body, after = at + 4, at + 2 + length
        if length < 2 or after > end or marker < 0xFF00:
            raise _damaged(f"its codestream is broken or cut off at byte {at}")
        if marker == _SIZ and length >= 38:
            right, below, left, top = struct.unpack_from(">4I", data, body + 2)
            size = right - left, below - top
        elif marker == _COM and length > 4:
            comments.append(data[body + 2 : after])
        elif marker == _SOT and length == 10:
            (part,) = struct.unpack_from(">I", data, body + 2)
            # the last may reach to the end without saying how long it is
            after = at + part if part else max(after, data.rfind(_END, at, end))
            if after > end or after < body + 8:
                raise _damaged("one of its tiles is cut off")
        at = after
    raise LimitError(
        "The JPEG 2000 file has more parts than the limit allows.",
        "If you trust it, allow more: `labeler.Limits` in Python.",
    )


class _Jpeg2000(ReadOnly):
    info = MediumInfo(
        name="JPEG 2000",
        mime="image/jp2",
        suffixes=(".jp2", ".jpx", ".jpf", ".j2k", ".j2c", ".jpc"),
        slots=frozenset(),
        surface="none",
        c2pa="sidecar",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 * head.startswith((_SIGNATURE, _BARE))

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        if data.startswith(_BARE):
            coded, values, stop = _codestream(data, 0, len(data), limits), dict[bytes, bytes](), 0
        elif data.startswith(_SIGNATURE):
            coded, values = _boxed(data, limits)
            stop = len(data)
        else:
            raise UnreadableError("This is not a JPEG 2000 file.", "Check how the file was made.")
        if min(coded.size) < 1:
            raise _damaged("it has no size")
        check_pixels(coded.size, 1, limits)
        block = values.get(_EXIF, b"").removeprefix(b"Exif\0\0")
        slots = {Slot.XMP: values.get(_XMP), Slot.EXIF: block}
        return Content(
            fields=tuple(_fields(coded, values, block, limits)),
            slots={slot: value for slot, value in slots.items() if value},
            size=coded.size[::-1] if swaps(exif.orientation(block)) else coded.size,
            essence=(Stream("file", (data,)),) if essence else (),
            trailing=len(data) - (stop or coded.stop),
            mime=None if stop else "image/j2c",
        )


def _boxed(data: bytes, limits: Limits) -> tuple[_Codestream, dict[bytes, bytes]]:
    """The first codestream, and the contents of XML and ``uuid`` boxes by what they are."""
    values, first = dict[bytes, bytes](), None
    for part in boxes.parse(data, limits):
        if part.kind == b"jp2c":
            coded = _codestream(data, part.body, part.stop, limits)
            first = first or coded
        elif part.kind == b"uuid":
            values.setdefault(data[part.body : part.body + 16], data[part.body + 16 : part.stop])
        elif part.kind == b"xml ":
            values.setdefault(part.kind, data[part.body : part.stop])
    if first is None:
        raise _damaged("it has no picture")
    return first, values


def _fields(
    coded: _Codestream, values: Mapping[bytes, bytes], block: bytes, limits: Limits
) -> Iterator[Field]:
    for comment in coded.comments:
        yield Field("jp2:COM", "Comment", comment)
    if b"xml " in values:
        yield Field("jp2:xml", "XML", values[b"xml "])
    yield from exif.fields(block, limits)
    yield from photoshop.data_sets(values.get(_IPTC, b""), limits)


MEDIUM = _Jpeg2000()
