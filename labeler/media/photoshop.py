"""Photoshop's image resources, and the IPTC-IIM data sets in one of them: in JPEG, TIFF and Photoshop's own files.

Adobe Photoshop file formats specification, image resources section; IPTC-IIM 4.2, chapter 3. Nothing in them is
believed: a broken block yields what could be read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain, islice

from labeler.media.base import Field, Limits

IPTC, EXIF, XMP = 0x0404, 0x0422, 0x0424  # numbers of resources


def resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each: signature, number, name padded to even, size, value padded to even."""
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        start = at + 6 + (block[at + 6] + 2 & ~1) + 4
        size = int.from_bytes(block[start - 4 : start], "big")
        yield int.from_bytes(block[at + 4 : at + 6], "big"), block[start : start + size]
        at = start + size + (size & 1)


def iptc_fields(block: bytes, limits: Limits) -> Iterator[Field]:
    """The data sets of every IPTC-IIM block among these resources."""
    blocks = (value for number, value in islice(resources(block), limits.max_parts) if number == IPTC)
    return islice(chain.from_iterable(map(_data_sets, blocks)), limits.max_parts)


def data_sets(block: bytes, limits: Limits) -> Iterator[Field]:
    """The data sets of an IPTC-IIM block, key ``record:number``."""
    return islice(_data_sets(block), limits.max_parts)


def _data_sets(block: bytes) -> Iterator[Field]:
    at = 0
    while block[at : at + 1] == b"\x1c" and at + 5 <= len(block):
        record, number, size = struct.unpack_from(">BBH", block, at + 1)
        at += 5
        if size & 0x8000:  # extended: the size of the size
            at, size = at + (size & 7), int.from_bytes(block[at : at + (size & 7)], "big")
        yield Field("iptc:IIM", f"{record}:{number}", block[at : at + size])
        at += size
