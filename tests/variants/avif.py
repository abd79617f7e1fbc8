"""AVIF files, one for each way they can differ; Pillow codes the pictures, the boxes around them are written here."""

from __future__ import annotations

import functools
import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageCms

from variants.webp import PACKET, picture, tiff

SIZE = (120, 90)
Parts = tuple[bytes, ...]
EXIF = b"\0\0\0\6Exif\0\0" + tiff(6)
XMP_TYPE = b"application/rdf+xml"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, *parts: bytes, wide: bool = False) -> bytes:
    """A box; ``wide``: with its size in eight bytes."""
    size = 8 + 8 * wide + sum(map(len, parts))
    head = struct.pack(">I4sQ", 1, kind, size) if wide else struct.pack(">I4s", size, kind)
    return b"".join((head, *parts))


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(data: bytes, at: int = 0, end: int | None = None) -> list[tuple[bytes, bytes]]:
    """Kind and content of each box there, of a well-formed file."""
    found, end = [], len(data) if end is None else end
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 16 if size == 1 else 8
        size = struct.unpack_from(">Q", data, at + 8)[0] if size == 1 else size or end - at
        found.append((kind, data[at + head : at + size]))
        at += size
    return found


@dataclass(frozen=True)
class Item:
    """One of a file: its extents, the way they are counted (0 file, 1 idat, 2 another item), its properties by number."""

    id: int
    kind: bytes
    parts: Parts = ()
    content: bytes = b""
    method: int = 0
    properties: tuple[int, ...] = ()
    extents: tuple[tuple[int, int, int], ...] | None = None  # index, offset, length, as they are
    encoding: bytes = b""
    hidden: bool = False


@dataclass(frozen=True)
class Made:
    """What a file is made of."""

    items: tuple[Item, ...]
    properties: Parts = ()
    references: tuple[tuple[bytes, int, tuple[int, ...]], ...] = ()
    primary: int = 1
    brands: Parts = (b"avif", b"mif1", b"miaf")
    extra: Parts = ()  # in meta


def drawn(mode: str = "RGB", step: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """Something smooth with edges."""
    image = picture(step, "RGB" if mode == "L" else mode, size)
    return image.convert(mode)


def ispe(size: tuple[int, int]) -> bytes:
    return full(b"ispe", struct.pack(">II", *size))


@functools.cache
def coded(
    mode: str = "RGB", step: int = 0, size: tuple[int, int] = SIZE, **options: Any
) -> tuple[bytes, bytes, bytes]:
    """Pillow's coded picture and its properties ``pixi`` and ``av1C``."""
    out = io.BytesIO()
    drawn(mode, step, size).save(out, "AVIF", **({"speed": 10, "quality": 80} | options))
    meta = dict(boxes(dict(boxes(out.getvalue()))[b"meta"][4:]))
    (_, place, length) = struct.unpack_from(">HII", meta[b"iloc"], 12)
    inner = dict(reversed(boxes(dict(boxes(meta[b"iprp"]))[b"ipco"])))
    return out.getvalue()[place : place + length], box(b"pixi", inner[b"pixi"]), box(b"av1C", inner[b"av1C"])


NCLX = box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80))


def still(*, exif: bool = False, xmp: bool = False) -> Made:
    """One picture of known colours, with metadata or without."""
    bits, pixi, av1c = coded()
    items, references = [Item(1, b"av01", (bits,), properties=(1, 2, 0x83, 4))], []
    if exif:
        items.append(Item(2, b"Exif", (EXIF,)))
        references.append((b"cdsc", 2, (1,)))
    if xmp:
        items.append(Item(3, b"mime", (PACKET,), XMP_TYPE))
        references.append((b"cdsc", 3, (1,)))
    return Made(tuple(items), (ispe(SIZE), pixi, av1c, NCLX), tuple(references))


def made(
    of: Made,
    *,
    version: int = 0,
    offset: int = 4,
    length: int = 4,
    base: int = 0,
    index: int = 0,
    base_is: str = "start",  # of an item, or "zero"
    ids: int = 0,  # the version of `iref`, and what goes with it
    order: str = "meta mdat",
    between: bytes = b"",
    trailing: bytes = b"",
    wide: bool = False,
    open_end: bool = False,
    untold: bool = False,  # lengths
) -> bytes:
    """The file, laid out twice: first to see where its data come to lie."""
    places: dict[int, list[tuple[int, int, int]]] = {}
    blob, idat = b"", b""
    for item in of.items:
        if item.extents is not None:
            places[item.id] = list(item.extents)
            continue
        rows = []
        for part in item.parts:
            holder = idat if item.method == 1 else blob
            rows.append((0, len(holder), len(part)))
            if item.method == 1:
                idat += part
            else:
                blob += part + b"gap"[: len(item.parts) - 1]
        places[item.id] = rows
    width, big = (4, "I") if version == 2 else (2, "H")

    def iloc(start: int) -> bytes:
        rows = [struct.pack(">H" + big, offset << 12 | length << 8 | base << 4 | index, len(of.items))]
        for item in of.items:
            shift = start if item.method == 0 else 0
            extents = [(i, o + shift, n) for i, o, n in places[item.id]]
            ground = extents[0][1] if extents and base and base_is == "start" else 0
            rows.append(item.id.to_bytes(width) + (struct.pack(">H", item.method) if version else b""))
            rows.append(bytes(2) + ground.to_bytes(base) + struct.pack(">H", len(extents)))
            for i, o, n in extents:
                rows.append((i.to_bytes(index) if version else b"") + (o - ground).to_bytes(offset))
                rows.append(bytes(length) if untold else n.to_bytes(length))
        return full(b"iloc", *rows, version=version)

    code = ">I" if ids else ">H"
    infes = []
    for item in of.items:
        tail = (
            item.content + b"\0" + (item.encoding + b"\0" if item.encoding else b"")
            if item.kind == b"mime"
            else b""
        )
        head = struct.pack(code + "H4s", item.id, 0, item.kind)
        infes.append(full(b"infe", head, b"\0", tail, version=3 if ids else 2, flags=item.hidden))
    iinf = full(b"iinf", struct.pack(code, len(infes)), *infes, version=ids)
    links = [
        box(kind, struct.pack(code + "H" + code[1] * len(to), source, len(to), *to))
        for kind, source, to in of.references
    ]
    iref = full(b"iref", *links, version=ids) if links else b""
    rows = [
        struct.pack(code + "B", i.id, len(i.properties)) + bytes(i.properties)
        for i in of.items
        if i.properties
    ]
    ipma = full(b"ipma", struct.pack(">I", len(rows)), *rows, version=ids)
    iprp = box(b"iprp", box(b"ipco", *of.properties), ipma) if of.properties else b""

    def meta(start: int) -> bytes:
        parts = (
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(code, of.primary), version=ids),
            iloc(start),
            iinf,
            iref,
            iprp,
            box(b"idat", idat) if idat else b"",
            *of.extra,
        )
        return full(b"meta", *parts) if not wide else box(b"meta", bytes(4), *parts, wide=True)

    ftyp = box(b"ftyp", of.brands[0], bytes(4), *of.brands)

    def laid(start: int) -> bytes:
        mdat = box(b"mdat", blob, wide=wide)
        if open_end:
            mdat = bytes(4) + mdat[4:]
        known = {"meta": meta(start), "mdat": mdat if blob else b"", "between": between}
        return ftyp + b"".join(known[name] for name in order.split()) + trailing

    probe = laid(0)
    start = probe.index(box(b"mdat", blob, wide=wide)[4:]) + (12 if wide else 4) if blob else 0
    return laid(start)


def pillow(mode: str = "RGB", frames: int = 1, **options: Any) -> bytes:
    """As Pillow writes it."""
    out = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": [drawn(mode, i) for i in range(1, frames)]}
    drawn(mode).save(out, "AVIF", speed=10, quality=80, **options)
    return out.getvalue()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def grid(*, in_idat: bool = True) -> Made:
    """Two tiles side by side, described by EXIF; a thumbnail has XMP of its own."""
    half = (64, SIZE[1])
    tiles = [coded(step=step, size=half) for step in (0, 2)]
    layout = struct.pack(">BBBBHH", 0, 0, 0, 1, *SIZE)  # the second tile reaches over the edge
    items = (
        Item(1, b"grid", (layout,), method=int(in_idat), properties=(1, 2)),
        *(
            Item(2 + i, b"av01", (tile[0],), properties=(3, 2, 0x84, 5), hidden=True)
            for i, tile in enumerate(tiles)
        ),
        Item(4, b"Exif", (EXIF,)),
        Item(5, b"av01", (tiles[0][0],), properties=(3, 2, 0x84, 5)),
        Item(6, b"mime", (b"<of the thumbnail/>",), XMP_TYPE),
        Item(7, b"mime", ("Дала".encode(),), b"text/plain"),
    )
    references = ((b"dimg", 1, (2, 3)), (b"cdsc", 4, (1,)), (b"thmb", 5, (1,)), (b"cdsc", 6, (5,)))
    return Made(items, (ispe(SIZE), tiles[0][1], ispe(half), tiles[0][2], NCLX), references)


def turned(*properties: bytes) -> Made:
    """A picture that is shown turned."""
    whole = still(exif=True, xmp=True)
    numbers = (*whole.items[0].properties, *(0x80 | 5 + i for i in range(len(properties))))
    first = replace(whole.items[0], properties=numbers)
    return replace(whole, items=(first, *whole.items[1:]), properties=(*whole.properties, *properties))


def in_idat() -> Made:
    """XMP in the box of items, with something else around it; EXIF likewise in two parts."""
    whole = still(exif=True, xmp=True)
    picture_, exif, xmp = whole.items
    items = (
        picture_,
        Item(8, b"mime", (b"before",), b"text/plain", method=1),
        replace(exif, parts=(EXIF[:9], EXIF[9:]), method=1),
        replace(xmp, method=1),
        Item(9, b"mime", (b"behind",), b"text/plain", method=1),
    )
    return replace(whole, items=items)


def in_item(index: int = 0) -> Made:
    """The picture's data lie in another item, cut out of it."""
    bits, pixi, av1c = coded()
    extents = ((index, 3, 40), (index, 43, len(bits) - 40))
    items = (
        Item(1, b"av01", properties=(1, 2, 0x83, 4), method=2, extents=extents),
        Item(2, b"mdat", (b"###" + bits + b"##",)),
        Item(3, b"mime", (PACKET,), XMP_TYPE),
    )
    references = ((b"iloc", 1, (2,)), (b"cdsc", 3, (1,)))
    return Made(items, (ispe(SIZE), pixi, av1c, NCLX), references)


def split() -> Made:
    """Everything in several extents with gaps between them."""
    whole = still(exif=True, xmp=True)
    items = (replace(i, parts=(i.parts[0][:20], i.parts[0][20:33], i.parts[0][33:])) for i in whole.items)
    return replace(whole, items=tuple(items))


def shared() -> Made:
    """The XMP packet lies within another item's data."""
    whole = still(xmp=True)
    around = b"((" + PACKET + b"))"
    at = len(whole.items[0].parts[0])
    items = (
        whole.items[0],
        Item(2, b"mime", (around,), b"text/plain"),
        replace(whole.items[1], extents=((0, at + 2, len(PACKET)),)),
    )
    return replace(whole, items=items)


def compressed() -> Made:
    whole = still(xmp=True)
    packet = replace(whole.items[1], parts=(zlib.compress(PACKET),), encoding=b"deflate")
    return replace(whole, items=(whole.items[0], packet))


def without_items(data: bytes) -> bytes:
    """A film without its items."""
    parts, gone = [], 0
    for kind, content in boxes(data):
        if kind == b"meta":
            gone = 8 + len(content)
            continue
        if kind == b"moov":
            for found in re.finditer(rb"stco\0{7}\x01(.{4})", content, re.S):
                place = int.from_bytes(found[1]) - gone
                content = content[: found.start(1)] + struct.pack(">I", place) + content[found.end(1) :]
        parts.append(box(kind, content))
    return b"".join(parts)


def tagged(meta: bytes) -> bytes:
    """A film with this list of texts."""
    film = without_items(pillow(frames=2, duration=50))
    more, moov = box(b"udta", meta), dict(boxes(film))[b"moov"]
    for found in re.finditer(rb"stco\0{7}\x01(.{4})", moov, re.S):
        place = struct.pack(">I", int.from_bytes(found[1]) + len(more))
        moov = moov[: found.start(1)] + place + moov[found.end(1) :]
    return b"".join(box(k, moov, more) if k == b"moov" else box(k, c) for k, c in boxes(film))


def tags(*texts: tuple[bytes, bytes], quicktime: bool = False) -> bytes:
    """A list of texts by keys of any name."""
    keys = full(b"keys", struct.pack(">I", len(texts)), *(box(b"mdta", key) for key, _ in texts))
    values = (box(b"data", struct.pack(">II", 1, 0), value) for _, value in texts)
    rows = box(b"ilst", *(box(n.to_bytes(4), value) for n, value in enumerate(values, 1)))
    parts = full(b"hdlr", bytes(4), b"mdta", bytes(13)), keys, rows
    return box(b"meta", *parts) if quicktime else full(b"meta", *parts)


SIGNED = box(
    b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), bytes(4), b"manifest\0", bytes(8), b"no store"
)

VARIANTS: dict[str, Callable[[], bytes]] = {
    "pillow": pillow,
    "pillow-grey": lambda: pillow("L"),
    "pillow-described": lambda: pillow(exif=tiff(6), xmp=PACKET),
    "pillow-alpha-profile": lambda: pillow("RGBA", icc_profile=profile()),
    "animated": lambda: pillow(frames=3, duration=[100, 40, 70]),
    "animated-alpha-described": lambda: pillow("RGBA", 3, duration=33, exif=tiff(1), xmp=PACKET),
    "film-only": lambda: without_items(pillow(frames=3, duration=[100, 40, 70])),
    "v0-base": lambda: made(still(exif=True), base=4),
    "v0-base-zero": lambda: made(still(exif=True), base=4, base_is="zero"),
    "v0-base-only": lambda: made(still(xmp=True), base=4, offset=0),
    "v0-eight": lambda: made(still(xmp=True), offset=8, length=8, base=8),
    "v1": lambda: made(still(xmp=True), version=1),
    "v1-base": lambda: made(still(exif=True, xmp=True), version=1, base=4),
    "v1-index": lambda: made(still(xmp=True), version=1, index=4, base=8),
    "v2": lambda: made(still(exif=True), version=2, ids=1, index=4),
    "v2-base": lambda: made(still(), version=2, ids=1, base=8, base_is="zero"),
    "split": lambda: made(split(), version=1),
    "in-idat": lambda: made(in_idat(), version=1),
    "in-item": lambda: made(in_item(), version=1),
    "in-item-index": lambda: made(in_item(index=1), version=1, index=4),
    "grid": lambda: made(grid(), version=1),
    "grid-in-file": lambda: made(grid(in_idat=False)),
    "turned": lambda: made(turned(box(b"irot", b"\1"))),
    "turned-mirrored": lambda: made(turned(box(b"irot", b"\3"), box(b"imir", b"\0"))),
    "mirrored-turned": lambda: made(turned(box(b"imir", b"\1"), box(b"irot", b"\1"))),
    "meta-last": lambda: made(still(xmp=True), order="mdat between meta", between=box(b"free", bytes(60))),
    "meta-last-new": lambda: made(still(), order="mdat meta"),
    "boxes-between": lambda: made(
        still(exif=True),
        order="between meta between mdat",
        between=box(b"blue", b"unknown to all of us here") + box(b"uuid", b"somebody's place", bytes(40)),
    ),
    "wide": lambda: made(still(exif=True), wide=True),
    "open-end": lambda: made(still(xmp=True), open_end=True),
    "shared": lambda: made(shared()),
    "compressed": lambda: made(compressed()),
    "xmp-of-films": lambda: made(still(), order="between meta mdat", between=box(b"uuid", XMP_UUID, PACKET)),
    "signed": lambda: made(still(), order="between meta mdat", between=SIGNED),
    "trailing": lambda: made(still(xmp=True), trailing=b"RIFF and so on"),
    "second-file": lambda: made(still(exif=True), trailing=made(still())),
}
