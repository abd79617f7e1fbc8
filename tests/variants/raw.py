"""Cameras' raw files, with a few bytes where the sensor's data would be; as exiftool documents what is not standardised."""

from __future__ import annotations

import struct
from collections.abc import Callable

from variants import jpeg, tiff
from variants.jxl import box
from variants.tiff import ASCII, BYTE, LONG, SHORT, UNDEFINED, Fields, Writer
from variants.webp import PACKET

SENSOR = bytes(range(256)) * 20
CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def mosaic(width: int = 80, height: int = 60) -> dict[int, tuple[int, tiff.Value]]:
    """The fields of a picture of sensor data."""
    return {
        0xFE: (LONG, 0),
        0x100: (LONG, width),
        0x101: (LONG, height),
        0x102: (SHORT, 8),
        0x103: (SHORT, 1),
        0x106: (SHORT, 32803),
        0x115: (SHORT, 1),
    }


def raw(make: bytes, more: Fields, order: str = "<") -> bytes:
    """A reduced copy in the first directory, the sensor's data in one below it: most makers' form."""
    out = Writer(order)
    at = out.put(SENSOR)
    below = out.directory({**mosaic(), 0x111: (LONG, at), 0x117: (LONG, len(SENSOR))})
    thumbnail = tiff.picture("RGB", (40, 30))
    about = {0xFE: (LONG, 1), 0x10F: (ASCII, make), 0x112: (SHORT, 8), 0x131: (ASCII, b"Firmware 1\0")}
    out.page({**tiff.fields(thumbnail), **about, 0x14A: (LONG, below), **more}, [thumbnail.tobytes()])
    return out.file()


def flat(order: str = "<") -> bytes:
    """The sensor's data in the first directory."""
    out = Writer(order)
    out.page({**mosaic(), 0x10F: (ASCII, b"PENTAX\0"), 0x112: (SHORT, 1)}, [SENSOR])
    return out.file()


def cr2() -> bytes:
    out = Writer()
    out.put(b"CR\2\0" + bytes(4))
    preview = jpeg.coded(jpeg.picture((64, 48)))
    out.page(
        {
            0x100: (SHORT, 64),
            0x101: (SHORT, 48),
            0x103: (SHORT, 6),
            0x10F: (ASCII, b"Canon\0"),
            0x2BC: (BYTE, PACKET),
        },
        [preview],
    )
    out.page({0x103: (SHORT, 6)}, [SENSOR])
    return out.file()


def rw2(with_jpeg: bool = True) -> bytes:
    """Its directory begins at byte 24."""
    preview = jpeg.everything()
    rows = [
        (0x02, SHORT, 1, 90),
        (0x03, SHORT, 1, 70),
        (0x117, LONG, 1, len(SENSOR)),
        (0x118, LONG, 1, 1024 + len(preview)),
    ]
    rows += [(0x2E, UNDEFINED, len(preview), 1024)] if with_jpeg else []
    table = (
        struct.pack("<H", len(rows)) + b"".join(struct.pack("<HHII", *row) for row in sorted(rows)) + bytes(4)
    )
    head = b"IIU\0" + struct.pack("<I", 24) + bytes(16) + table
    return head.ljust(1024, b"\0") + preview + SENSOR


def raf() -> bytes:
    preview = jpeg.turned(6)
    at = 148
    places = (at, len(preview), at + len(preview), 40, at + len(preview) + 40, len(SENSOR))
    head = b"FUJIFILMCCD-RAW 0201FF129506X-T3".ljust(60, b"\0") + b"0100".ljust(24, b"\0")
    return (head + struct.pack(">6I", *places)).ljust(at, b"\0") + preview + bytes(40) + SENSOR


def cr3(*more: bytes) -> bytes:
    first, second = Writer(), Writer()
    first.page({0x100: (SHORT, 60), 0x101: (SHORT, 40), 0x10F: (ASCII, b"Canon\0"), 0x112: (SHORT, 6)})
    second.page({0x9003: (ASCII, b"2026:11:24 10:00:00\0")})
    canon = box(
        b"uuid", CANON, box(b"CNCV", b"CanonCR3"), box(b"CMT1", first.file()), box(b"CMT2", second.file())
    )
    file = box(b"ftyp", b"crx \0\0\0\1crx isom"), box(b"moov", canon), box(b"uuid", XMP, PACKET)
    return b"".join((*file, *more, box(b"mdat", SENSOR)))


VARIANTS: dict[str, Callable[[], bytes]] = {
    "dng": lambda: raw(b"Leica Camera AG\0", {0xC612: (BYTE, b"\1\4\0\0"), 0x2BC: (BYTE, PACKET)}),
    "nef": lambda: raw(
        b"NIKON CORPORATION\0", {0x9216: (BYTE, b"\1\0\0\0"), 0x83BB: (UNDEFINED, tiff.IIM)}, ">"
    ),
    "pef": lambda: flat(">"),
    "cr2": cr2,
    "orf": lambda: b"IIRO" + flat()[4:],
    "orf-big-endian": lambda: b"MMOR" + flat(">")[4:],
    "rw2": rw2,
    "rw2-alone": lambda: rw2(with_jpeg=False),
    "raf": raf,
    "cr3": cr3,
}
# which only their name tells from a TIFF so early
CALLED: dict[str, Callable[[], bytes]] = {"arw": lambda: raw(b"SONY\0", {})}
