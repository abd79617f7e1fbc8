"""What Samsung's phones append to pictures, behind the container's end: named values and a directory that ends the file.

Learnt from exiftool's documentation of the trailer (SEFH and SEFT): nothing official describes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from labeler.media.base import Field, Limits

_LONGEST = 64 << 10  # bytes of a value; whole pictures and films are among them
_HEAD, _ROW = 12, 12


def fields(tail: bytes | memoryview, limits: Limits) -> Iterator[Field]:
    """The values in the bytes behind a container's end, by their names; a broken trailer yields what could be read."""
    size = int.from_bytes(tail[-8:-4], "little")
    at = len(tail) - 8 - size  # where the directory begins, and places in it are counted back from
    if tail[-4:] != b"SEFT" or at < 0 or tail[at : at + 4] != b"SEFH":
        return
    (count,) = struct.unpack_from("<I", tail, at + 8)
    room = len(tail)  # values that do not overlap fit into it
    for row in range(min(count, (size - _HEAD) // _ROW, limits.max_parts)):
        back, length = struct.unpack_from("<II", tail, at + _HEAD + _ROW * row + 4)
        start = at - back
        if length < 8 or start < 0 or start + length > at:
            continue
        named = start + 8 + int.from_bytes(tail[start + 4 : start + 8], "little")
        value = bytes(tail[named : min(start + length, named + min(_LONGEST, room))])
        room -= len(value)
        if start + 8 < named < start + length and value:
            yield Field(
                "samsung:trailer", bytes(tail[start + 8 : min(named, start + 72)]).decode("latin-1"), value
            )
