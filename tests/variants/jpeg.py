"""JPEG files, one for each way they can differ: coding, colour model, sampling, and what stands around the picture."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageChops, ImageCms, ImageDraw

SIZE = (311, 233)
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


@functools.cache
def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """Rather dark, coloured, with smooth and sharp parts; cached, so not to be drawn on."""
    ramp = Image.linear_gradient("L").point(lambda v: v // 2)
    image = Image.merge(
        "RGB", (ramp, ramp.rotate(90), Image.radial_gradient("L").point(lambda v: 130 - v // 2))
    )
    image = image.resize(size)
    pen = ImageDraw.Draw(image)
    for i in range(0, size[0], 23):
        pen.line((i, 0, size[0] - i, size[1]), fill=(i % 200, 180 - i % 180, 90), width=2)
    return image


def coded(image: Image.Image | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    (image or picture()).save(file, "JPEG", **{"quality": 85, **options})
    return file.getvalue()


def app(marker: int, payload: bytes, fill: int = 0) -> bytes:
    """One segment; ``fill``: bytes FF before its marker."""
    return b"\xff" * fill + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def after_jfif(data: bytes, *segments: bytes) -> bytes:
    """The segments put behind SOI and APP0."""
    at = 4 + int.from_bytes(data[4:6], "big") if data[3] == 0xE0 else 2
    return data[:at] + b"".join(segments) + data[at:]


def turned(orientation: int, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return coded(picture(size), exif=exif.tobytes(), **options)


def by_hand(
    planes: Sequence[Image.Image],
    factors: Sequence[tuple[int, int]],
    ids: bytes,
    *segments: bytes,
    frame: int = 0xC1,
) -> bytes:
    """Full-size planes, each coded in a scan of its own with a table of its own."""
    most_h, most_v = max(h for h, _ in factors), max(v for _, v in factors)
    head = struct.pack(">BHHB", 8, *planes[0].size[::-1], len(planes))
    head += b"".join(
        bytes((n, h << 4 | v, i)) for i, (n, (h, v)) in enumerate(zip(ids, factors, strict=True))
    )
    tables, scans = b"", b""
    for i, (plane, (h, v), number) in enumerate(zip(planes, factors, ids, strict=True)):
        grey = coded(plane.reduce((most_h // h, most_v // v)), quality=80 + i)
        at = grey.index(b"\xff\xdb")
        tables += app(0xDB, bytes((i,)) + grey[at + 5 : at + 69])
        start = grey.index(b"\xff\xda")
        scans += grey[grey.index(b"\xff\xc4") : start] if i == 0 else b""
        scans += app(0xDA, bytes((1, number, 0, 0, 63, 0))) + grey[start + 10 : -2]
    return b"\xff\xd8" + b"".join(segments) + tables + app(frame, head) + scans + b"\xff\xd9"


def sampled(*factors: tuple[int, int], ids: bytes = b"\1\2\3") -> bytes:
    return by_hand(picture().convert("YCbCr").split(), factors, ids)


def cmyk() -> Image.Image:
    inks = [ImageChops.invert(p) for p in picture().split()]
    return Image.merge("CMYK", (*inks, Image.linear_gradient("L").resize(SIZE).point(lambda v: v // 3)))


def ycck() -> bytes:
    """Pillow stores the inverse of what it is given: so it is given the inverse of Y, Cb, Cr and black."""
    c, m, y, k = cmyk().split()
    planes = (*Image.merge("RGB", (c, m, y)).convert("YCbCr").split(), ImageChops.invert(k))
    data = coded(Image.merge("CMYK", [ImageChops.invert(p) for p in planes]))
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


@functools.cache  # it tells the second it was made in
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def iptc(*values: tuple[int, int, bytes], name: bytes = b"") -> bytes:
    """An APP13 payload: another resource, then IPTC-IIM."""
    sets = b"".join(struct.pack(">BBBH", 0x1C, record, n, len(v)) + v for record, n, v in values)
    named = bytes((len(name),)) + name + b"\0" * (1 - len(name) % 2)
    other = b"8BIM" + struct.pack(">H", 0x03ED) + named + struct.pack(">I", 3) + b"abc\0"
    return (
        b"Photoshop 3.0\0"
        + other
        + b"8BIM"
        + struct.pack(">HHI", 0x0404, 0, len(sets))
        + sets
        + b"\0" * (len(sets) % 2)
    )


def everything() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "a steppe at sunset"
    exif[0x0131] = "Kandinsky"
    exif[0x8769] = {0x9286: b"UNICODE\0" + "Steps: 20, Sampler: Euler a".encode("utf-16-be")}
    data = coded(exif=exif.tobytes(), icc_profile=profile(), comment="Қазақша".encode(), dpi=(300, 300))
    iim = iptc(
        (1, 90, b"\x1b%G"), (2, 5, b"title"), (2, 80, b"Someone"), (2, 116, "© Біреу".encode()), name=b"no"
    )
    at = data.index(b"\xff\xe2")
    return data[:at] + app(0xED, iim) + data[at:]


def xmp_behind_icc(copies: int = 1) -> bytes:
    data = coded(icc_profile=profile())
    at = data.index(b"\xff\xdb")
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 4, 0) + b"<a/>"
    return data[:at] + app(0xE1, XMP + PACKET) * copies + app(0xE1, extended) + data[at:]


def multi(order: str = "<", *behind: bytes, exif: int = 1, same: bool = False) -> bytes:
    """A multi-picture file: an index in APP2, and two pictures behind the first, of the same size or smaller."""
    second, third = coded(picture((80, 60))), coded(picture((64, 48)).convert("L"))
    if same:
        second, third = turned(exif, quality=25), turned(exif, quality=15)
    first = turned(exif)
    return indexed(first, second, third, order=order, behind=behind, at=first.index(b"\xff\xdb"))


def indexed(
    first: bytes,
    *further: bytes,
    at: int,
    order: str = ">",
    behind: Sequence[bytes] = (),
    kind: int = 0x020002,
) -> bytes:
    """The pictures in a row, with an index (CIPA DC-007) at that place of the first, and ``behind`` behind it."""
    number = 1 + len(further)
    tile = 4 + 4 + 8 + 2 + 3 * 12 + 4 + 16 * number
    size = len(first) + tile + sum(map(len, behind))
    start = at + 8  # where offsets count from
    ifd = struct.pack(order + "H", 3) + struct.pack(order + "HHI4s", 0xB000, 7, 4, b"0100")
    ifd += struct.pack(order + "HHII", 0xB001, 4, 1, number)
    ifd += struct.pack(order + "HHII", 0xB002, 7, 16 * number, 50)
    entries, place = struct.pack(order + "IIIHH", 0x030000, size, 0, 0, 0), size - start
    for one in further:
        entries += struct.pack(order + "IIIHH", kind, len(one), place, 0, 0)
        place += len(one)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    index = app(0xE2, b"MPF\0" + header + ifd + bytes(4) + entries)
    return b"".join((first[:at], index, *behind, first[at:], *further))


CONTAINER = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
    ' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"'
    ' Item:Length="%d"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>'
)
GAIN = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    b' hdrgm:GainMapMin="0" hdrgm:GainMapMax="3" hdrgm:Gamma="1" hdrgm:OffsetSDR="0.015625"'
    b' hdrgm:OffsetHDR="0.015625" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="3"'
    b' hdrgm:BaseRenditionIsHDR="False"/></rdf:RDF></x:xmpmeta>'
)


def gain_map(size: tuple[int, int] = SIZE) -> bytes:
    """A quarter as wide and high; it brightens the picture's middle."""
    return after_jfif(
        coded(Image.radial_gradient("L").resize((size[0] // 4, size[1] // 4))), app(0xE1, XMP + GAIN)
    )


def ultra_hdr(size: tuple[int, int] = SIZE, order: str = ">", trailer: bytes = b"", **options: Any) -> bytes:
    """As Android writes it: the gain map is told of in XMP (GContainer) and in the multi-picture index."""
    further = gain_map(size)
    packet = (CONTAINER % len(further)).encode()
    first = after_jfif(coded(picture(size), icc_profile=profile(), **options), app(0xE1, XMP + packet))
    return indexed(first, further, at=first.index(b"\xff\xdb"), order=order, kind=0) + trailer


def samsung(*entries: tuple[int, bytes, bytes]) -> bytes:
    """A trailer of type, name and value, and the directory that ends it."""
    data, rows = b"", []
    for kind, name, value in entries:
        block = struct.pack("<HHI", 0, kind, len(name)) + name + value
        rows.append((kind, len(data), len(block)))
        data += block
    head = b"SEFH" + struct.pack("<II", 107, len(rows))
    head += b"".join(struct.pack("<HHII", 0, kind, len(data) - at, size) for kind, at, size in rows)
    return data + head + struct.pack("<I", len(head)) + b"SEFT"


EDITED = samsung(
    (0x0A01, b"Image_UTC_Data", b"1764000000000"),
    (0x0BF1, b"PEg_Info", b'{"genImageVersion":"v1","connectorType":"srvg","genAIType":8}'),
)


def filled() -> bytes:
    """Fill bytes before markers and at a scan's end, and an empty comment."""
    data = coded()
    quantisation, scan = data.index(b"\xff\xdb"), data.index(b"\xff\xda")
    return (
        data[:quantisation]
        + app(0xFE, b"", fill=3)
        + b"\xff\xff"
        + data[quantisation:scan]
        + b"\xff"
        + data[scan:-2]
        + b"\xff\xff\xff\xd9"
    )


def commented_between_scans() -> bytes:
    data = coded(progressive=True)
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:at] + app(0xFE, b"between scans") + data[at:]


VARIANTS: dict[str, Callable[[], bytes]] = {
    "420": coded,
    "420-whole": lambda: coded(picture((304, 240))),
    "420-even": lambda: coded(picture((310, 234))),
    "444": lambda: coded(subsampling=0),
    "422": lambda: coded(subsampling=1),
    "440": lambda: sampled((1, 2), (1, 1), (1, 1)),
    "411": lambda: sampled((4, 1), (1, 1), (1, 1)),
    "444-in-large-cells": lambda: sampled((2, 2), (2, 2), (2, 2)),
    "odd-ids": lambda: sampled((2, 2), (1, 1), (1, 1), ids=b"\0\x22\xee"),
    "progressive": lambda: coded(progressive=True),
    "progressive-444": lambda: coded(progressive=True, subsampling=0),
    "grey": lambda: coded(picture().convert("L")),
    "grey-progressive": lambda: coded(picture().convert("L"), progressive=True),
    "grey-22": lambda: by_hand([picture().convert("L")], [(2, 2)], b"\1"),
    "rgb": lambda: coded(keep_rgb=True),
    "rgb-by-ids": lambda: by_hand(picture().split(), [(1, 1)] * 3, b"RGB"),
    "cmyk": lambda: coded(cmyk()),
    "ycck": ycck,
    "restarts": lambda: coded(restart_marker_blocks=7),
    "optimised": lambda: coded(optimize=True, quality=95),
    **{f"turned-{n}": functools.partial(turned, n) for n in range(1, 9)},
    "turned-6-422": lambda: turned(6, subsampling=1),
    "turned-8-progressive": lambda: turned(8, progressive=True),
    "turned-5-444": lambda: turned(5, subsampling=0),
    "everything": everything,
    "xmp-behind-icc": xmp_behind_icc,
    "two-xmp": lambda: xmp_behind_icc(2),
    "xmp": lambda: after_jfif(coded(icc_profile=profile()), app(0xE1, XMP + PACKET)),
    "no-jfif": lambda: b"\xff\xd8" + coded()[20:],
    "multi": lambda: multi(same=True),
    "multi-xmp-behind": lambda: multi(">", app(0xE1, XMP + PACKET), exif=6, same=True),
    "ultra-hdr": ultra_hdr,
    "ultra-hdr-little-endian": lambda: ultra_hdr(order="<", progressive=True, trailer=EDITED),
    "index-first": lambda: indexed(coded()[:2] + coded()[20:], coded(), at=2),
    "samsung": lambda: coded() + EDITED,
    "trailing": lambda: coded() + b"\0\0SEFT" + coded(picture((64, 48)))[:999],
    "fill-bytes": filled,
    "between-scans": commented_between_scans,
    "tiny": lambda: coded(picture((1, 1))),
    "narrow": lambda: coded(picture((9, 200)), subsampling=0),
}
