"""HEIC and other HEIF files; the coded pictures are our own, the boxes around them are written as those of AVIF are."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import replace

from variants.avif import EXIF, NCLX, XMP_TYPE, XMP_UUID, Item, Made, box, full, ispe, made, pillow, profile
from variants.webp import PACKET

SIZE = (96, 64)
BRANDS = (b"heic", b"mif1", b"heic")
# `drawn(size=SIZE)` of the AVIF files, coded by x265 with quality 20
HVCC = base64.b85decode(
    "0001ZXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093kN^M!000939=ZZRVE_RDD?$MQ18@KU0|1Z!00RI30{|YNFo6Y"
    "@>PacCZUPz%2mk;B0LTCU0{{p>VgLaE2SfqEa<C#m"
)
BITS = base64.b85decode(
    "0002KC;_hvVB<ZCBs`xp1j^jUqvLT9fR3oUOfUgR1QNV{Z^{Z+xvkMlTZ2)_&k-KV^>_lT-{4&TxHeazkd8UvKaVvvwdksaoVAVg0!K~r>39R"
    "ig>v_@dZ6zBFfuoA(eg&Lp3XQuxw$n!{$2#9TFcTUec8td5xe+qG#$ziVLyin3ns~$|4uMe`t7};V7^vadq{y5aeRjkvBq)v^r(F%l~Nud6=U"
    "r@L^{<CXIhu3;{PJNe!;Kh)P("
)
PIXI = full(b"pixi", b"\3\10\10\10")


def still(*, exif: bool = False, xmp: bool = False, brands: tuple[bytes, ...] = BRANDS) -> Made:
    """One picture, with metadata or without."""
    items = [Item(1, b"hvc1", (BITS,), properties=(0x81, 2, 3, 4))]
    items += [Item(2, b"Exif", (EXIF,))] * exif + [Item(3, b"mime", (PACKET,), XMP_TYPE)] * xmp
    references = [(b"cdsc", 2, (1,))] * exif + [(b"cdsc", 3, (1,))] * xmp
    return Made(tuple(items), (HVCC, ispe(SIZE), PIXI, NCLX), tuple(references), brands=brands)


def phone() -> Made:
    """As phones do: tiles, a thumbnail, a gain map with XMP of its own, a colour profile, the grid in ``idat``."""
    size = (SIZE[0] * 2 - 6, SIZE[1])
    gain = full(b"auxC", b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
    colours = box(b"colr", b"prof", profile())
    properties = (HVCC, ispe(SIZE), ispe(size), colours, gain, box(b"irot", b"\3"), PIXI)
    items = (
        Item(1, b"hvc1", (BITS,), properties=(0x81, 2, 4), hidden=True),
        Item(2, b"hvc1", (BITS,), properties=(0x81, 2, 4), hidden=True),
        Item(49, b"grid", (struct.pack(">BBBBHH", 0, 0, 0, 1, *size),), method=1, properties=(3, 4, 0x86, 7)),
        Item(50, b"hvc1", (BITS,), properties=(0x81, 2, 4, 0x86)),
        Item(51, b"Exif", (EXIF,)),
        Item(52, b"hvc1", (BITS,), properties=(0x81, 2, 5)),
        Item(53, b"mime", (PACKET.replace(b"Steppe", b"gains"),), XMP_TYPE),
    )
    references = (
        (b"dimg", 49, (1, 2)),
        (b"thmb", 50, (49,)),
        (b"cdsc", 51, (49,)),
        (b"auxl", 52, (49,)),
        (b"cdsc", 53, (52,)),
    )
    groups = box(b"grpl", full(b"altr", struct.pack(">III", 60, 1, 49)))
    return Made(items, properties, references, 49, (b"heic", b"mif1", b"MiHE", b"heic", b"tmap"), (groups,))


def deep() -> Made:
    """As cameras do: ten bits."""
    config = bytearray(HVCC)
    config[8 + 17], config[8 + 18] = 0xFA, 0xFA
    whole = still(exif=True, brands=(b"heix", b"mif1", b"heix", b"miaf"))
    return replace(whole, properties=(bytes(config), *whole.properties[1:]))


def other() -> Made:
    """A codec that nothing here knows, with a text for people."""
    words = full(b"udes", b"kk\0", "Дала".encode() + b"\0", b"Steppe 1\0", b"a,b\0")
    whole = still(brands=(b"mif1", b"mif1", b"miaf"))
    picture = replace(whole.items[0], kind=b"vvc1", properties=(2, 5))
    return replace(whole, items=(picture,), properties=(*whole.properties, words))


def film() -> bytes:
    """Pillow's animation under another name: its tables, not its codec."""
    return pillow(frames=3, duration=[40, 50, 60]).replace(b"avis", b"hevc").replace(b"avif", b"heic")


VARIANTS: dict[str, Callable[[], bytes]] = {
    "heic": lambda: made(still()),
    "described": lambda: made(still(exif=True, xmp=True), base=4, base_is="zero"),
    "phone": lambda: made(phone(), version=1),
    "motion": lambda: made(
        phone(), version=1, order="meta mdat between", between=box(b"mpvd", b"a film " * 9)
    ),
    "deep": lambda: made(deep()),
    "other": lambda: made(other(), version=2, ids=1),
    "film": film,
    "generic": lambda: made(still(xmp=True, brands=(b"mif1", b"mif1", b"heic"))),
    "xmp-of-films": lambda: made(still(), order="meta mdat between", between=box(b"uuid", XMP_UUID, PACKET)),
}
