"""A row of boxes: a size, a type, a content. JPEG XL, JPEG 2000 and Canon's raw files are such rows; trees: `bmff`.

ISO/IEC 14496-12, 4.2; ISO/IEC 15444-1, I.4; ISO/IEC 18181-2, 4.2.
"""

from __future__ import annotations

from typing import NamedTuple

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media.base import Limits


class Part(NamedTuple):
    """A box: from its size on; ``body`` is behind size and type."""

    kind: bytes
    start: int
    body: int
    stop: int


def one(data: bytes, start: int, stop: int) -> Part:
    """The box that begins there, in a place that ends at ``stop``; without a size it reaches so far.

    Raises:
        UnreadableError: it does not end there.
    """
    size, body = int.from_bytes(data[start : start + 4]), start + 8
    if size == 1:
        size, body = int.from_bytes(data[body : body + 8]), body + 8
    elif size == 0:
        size = stop - start
    if start + size > stop or start + size < body:
        raise UnreadableError(
            f"The file is damaged: the box at byte {start} does not end within what it stands in.",
            "Fetch it anew, or open and export it again.",
        )
    return Part(data[start + 4 : start + 8], start, body, start + size)


def parse(data: bytes, limits: Limits, start: int = 0, stop: int | None = None) -> list[Part]:
    """The boxes that lie there without a gap; the last may reach to the end without saying how long it is.

    Raises:
        UnreadableError: they do not fill the place. LimitError: too many.
    """
    stop = len(data) if stop is None else stop
    found = list[Part]()
    while start < stop:
        part = one(data, start, stop)
        if len(found) >= limits.max_parts:
            raise LimitError(
                f"The file has more than {limits.max_parts} boxes.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        found.append(part)
        start = part.stop
    return found


def packed(kind: bytes, *pieces: bytes | memoryview) -> list[bytes | memoryview]:
    """A box of these contents, in pieces.

    Raises:
        UsageError: it would be larger than 4 GB.
    """
    size = 8 + sum(map(len, pieces))
    if size >> 32:
        raise UsageError("A box of more than 4 GB is not written.", "Use a sidecar.")
    return [size.to_bytes(4), kind, *pieces]
