"""Reads an EXIF block: a TIFF header and its directories. Nothing in it is believed, and nothing in it raises.

Exif 3.0 sections 4.5 (structure), 4.6 (tags; type 129 is UTF-8); TIFF 6.0 section 2; Windows' XP tags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from labeler.errors import UsageError
from labeler.media.base import Field, Limits

_NAMES = {
    0x000B: "ProcessingSoftware",
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x011D: "PageName",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x8298: "Copyright",
    0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized",
    0x927C: "MakerNote",
    0x9286: "UserComment",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
    0xA004: "RelatedSoundFile",
    0xA420: "ImageUniqueID",
    0xA430: "CameraOwnerName",
    0xA431: "BodySerialNumber",
    0xA433: "LensMake",
    0xA434: "LensModel",
    0xA435: "LensSerialNumber",
    0xA436: "ImageTitle",
    0xA437: "Photographer",
    0xA438: "ImageEditor",
    0xA439: "CameraFirmware",
    0xA43A: "RAWDevelopingSoftware",
    0xA43B: "ImageEditingSoftware",
    0xA43C: "MetadataEditingSoftware",
}
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_BYTE, _ASCII, _SHORT, _UNDEFINED, _UTF8 = 1, 2, 3, 7, 129
_ORIENTATION, _EXIF, _MAKER_NOTE = 0x0112, 0x8769, 0x927C
_ELSEWHERE = (0x02BC, 0x8773, 0xCD41)  # XMP, ICC profile, C2PA: in TIFF they stand among the tags


def check(payload: bytes) -> bytes:
    """The payload, if it can stand in an EXIF slot.

    Raises:
        UsageError: it does not begin with a TIFF header.
    """
    if payload[:4] not in _ORDERS:
        raise UsageError("The EXIF block does not begin with a TIFF header.", "Leave out what is before it.")
    return payload


def fields(block: bytes, limits: Limits) -> tuple[Field, ...]:
    """The byte and text values of IFD0 and of the Exif IFD, raw; of the maker's note only the first 64 bytes.

    ``block`` begins with the TIFF header. A broken block yields what could be read, at most its own length.
    """
    first = list(islice(entries(block, 4), limits.max_parts))
    exif = next((place for tag, _, _, place in first if tag == _EXIF), None)
    second = islice(entries(block, exif), limits.max_parts) if exif else ()
    found, room = [], len(block)
    for where, directory in (("exif:IFD0", first), ("exif:Exif", second)):
        for tag, kind, count, place in directory:
            if kind not in (_BYTE, _ASCII, _UNDEFINED, _UTF8) or tag in _ELSEWHERE:
                continue
            at = place if count <= 4 else pointer(block, place)
            value = block[at : at + min(count, room, 64 if tag == _MAKER_NOTE else count)]
            room -= len(value)  # values that do not overlap fit into the block
            if value:
                found.append(Field(where, _NAMES.get(tag, f"0x{tag:04x}"), value))
    return tuple(found)


def orientation(block: bytes | None) -> int:
    """How the stored picture is turned to be upright, 1 to 8; 1 where nothing readable is said."""
    block = block or b""
    for tag, kind, count, place in entries(block, 4):
        if tag == _ORIENTATION and kind == _SHORT and count == 1:
            value = int.from_bytes(block[place : place + 2], "little" if block[:1] == b"I" else "big")
            return value if 1 <= value <= 8 else 1
    return 1


def pointer(block: bytes, place: int) -> int:
    """The four-byte offset that stands at ``place``; past the end where it is not whole."""
    order = _ORDERS.get(block[:4])
    if order is None or place > len(block) - 4:
        return len(block)
    (at,) = struct.unpack_from(order + "I", block, place)
    return int(at)


def entries(block: bytes, place: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and the place of the four-byte value, for the directory that ``place`` points to."""
    at = pointer(block, place)
    if at > len(block) - 2:
        return
    order = _ORDERS[block[:4]]
    (count,) = struct.unpack_from(order + "H", block, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        yield *struct.unpack_from(order + "HHI", block, entry), entry + 8
