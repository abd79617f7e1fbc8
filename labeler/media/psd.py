"""Photoshop's own files, PSD and PSB: XMP, EXIF and IPTC-IIM are read; a label stands beside it.

Adobe Photoshop file formats specification: header, and four sections that tell how long they are; the merged picture is
the last.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO, NamedTuple

from labeler.errors import UnreadableError
from labeler.media import exif, photoshop
from labeler.media.base import Content, Limits, MediumInfo, ReadOnly, Slot, Stream, whole
from labeler.media.pixels import check_pixels

_HEADER = struct.Struct(">4sH6xHIIHH")
_RAW, _RLE = 0, 1
_PIECE = 1 << 20


class _Header(NamedTuple):
    magic: bytes
    version: int
    channels: int
    height: int
    width: int
    depth: int
    mode: int

    @property
    def big(self) -> bool:
        """PSB."""
        return self.version == 2

    @property
    def plane(self) -> int:
        """Bytes of a channel."""
        return (self.width * self.depth + 7) // 8 * self.height


def _damaged(what: str) -> UnreadableError:
    return UnreadableError(
        f"The Photoshop file is damaged: {what}.", "Fetch it anew, or open it and save it again."
    )


def _section(data: bytes, at: int, width: int = 4) -> tuple[int, int]:
    """Where a section begins and ends, behind its length of so many bytes."""
    start = at + width
    stop = start + int.from_bytes(data[at:start])
    if stop > len(data) or start > len(data):
        raise _damaged("it is cut off")
    return start, stop


def _end(data: bytes, at: int, head: _Header) -> int:
    """Where the merged picture ends that begins there."""
    if at + 2 > len(data):
        raise _damaged("it is cut off")
    (packing,) = struct.unpack_from(">H", data, at)
    at += 2
    if packing == _RAW:
        at += head.plane * head.channels
    elif packing == _RLE:
        count, width = head.height * head.channels, 4 if head.big else 2
        table = data[at : at + count * width]
        if len(table) < count * width:
            raise _damaged("it is cut off")
        at += len(table) + sum(struct.unpack(f">{count}{'I' if head.big else 'H'}", table))
    else:
        stream, view, room = zlib.decompressobj(), memoryview(data), head.plane * head.channels
        try:
            while not stream.eof and room >= 0:
                if at >= len(data) and not stream.unconsumed_tail:
                    raise _damaged("it is cut off")
                piece = stream.unconsumed_tail or view[at : at + _PIECE]
                at += 0 if stream.unconsumed_tail else len(piece)
                room -= len(stream.decompress(piece, _PIECE))
        except zlib.error as e:
            raise _damaged(f"its picture cannot be decompressed ({e})") from e
        if room < 0:
            raise _damaged("its picture is larger than it says")
        at -= len(stream.unused_data)
    if at > len(data):
        raise _damaged("it is cut off")
    return at


class _Psd(ReadOnly):
    info = MediumInfo(
        name="Photoshop",
        mime="image/vnd.adobe.photoshop",
        suffixes=(".psd", ".psb"),
        slots=frozenset(),
        surface="none",
        c2pa="sidecar",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        return 100 * head.startswith((b"8BPS\0\1", b"8BPS\0\2"))

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        if not self.accept(data[:6], None):
            raise UnreadableError("This is not a Photoshop file.", "Check how the file was made.")
        if len(data) < _HEADER.size:
            raise _damaged("it is cut off")
        head = _Header(*_HEADER.unpack_from(data))
        if not (1 <= head.channels <= 56 and head.depth in (1, 8, 16, 32) and head.width and head.height):
            raise _damaged("its header is malformed")
        check_pixels((head.width, head.height), 1, limits)
        _, at = _section(data, _HEADER.size)  # the colour mode's
        start, at = _section(data, at)
        told = data[start:at]
        _, at = _section(data, at, 8 if head.big else 4)  # the layers'
        end = _end(data, at, head)
        found = {n: value for n, value in photoshop.resources(told) if n in (photoshop.EXIF, photoshop.XMP)}
        block = found.get(photoshop.EXIF, b"")
        slots = {Slot.XMP: found.get(photoshop.XMP), Slot.EXIF: block}
        return Content(
            fields=(*exif.fields(block, limits), *photoshop.iptc_fields(told, limits)),
            slots={slot: value for slot, value in slots.items() if value},
            size=(head.width, head.height),
            essence=(Stream("file", (data,)),) if essence else (),
            trailing=len(data) - end,
        )


MEDIUM = _Psd()
