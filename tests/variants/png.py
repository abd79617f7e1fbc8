"""PNG and APNG files, one for each way they can differ, by a writer that follows the specification word for word."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence

from PIL import Image, ImageCms

MAGIC = b"\x89PNG\r\n\x1a\n"
SIZE = (121, 83)  # odd, so that packed rows and Adam7 passes end in the middle of something
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
Pixel = tuple[int, ...]
Picture = Callable[[int, int], Pixel]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    if pa <= pb and pa <= pc:
        return a
    return b if pb <= pc else c


def filtered(rows: Sequence[bytes], unit: int, kinds: Iterable[int]) -> bytes:
    out, above = bytearray(), bytes(len(rows[0]))
    for row, kind in zip(rows, kinds, strict=False):
        out.append(kind)
        for i, value in enumerate(row):
            a, c = (row[i - unit], above[i - unit]) if i >= unit else (0, 0)
            b = above[i]
            out.append(value - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind] & 255)
        above = row
    return bytes(out)


def packed(pixels: Iterable[Pixel], depth: int) -> bytes:
    samples = [s for pixel in pixels for s in pixel]
    if depth == 16:
        return b"".join(s.to_bytes(2, "big") for s in samples)
    bits = "".join(f"{s:0{depth}b}" for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def stream(
    picture: Picture,
    size: tuple[int, int],
    depth: int,
    colour: int,
    *,
    interlaced: bool = False,
    kinds: Sequence[int] = (0, 1, 2, 3, 4),
) -> bytes:
    """The compressed scanlines; the filter types of ``kinds`` take turns."""
    unit, out, turns = max(1, depth * CHANNELS[colour] // 8), b"", itertools.cycle(kinds)
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        rows = [
            packed((picture(x, y) for x in range(x0, size[0], dx)), depth)
            for y in range(y0, size[1], dy)
            if x0 < size[0]
        ]
        if rows:
            out += filtered(rows, unit, turns)
    return zlib.compress(out, 9)


def waves(depth: int, colour: int) -> Picture:
    """A smooth picture whose every bit is used; alpha is seldom full."""
    top = (1 << depth) - 1

    def at(x: int, y: int) -> Pixel:
        return tuple(
            (x * (c + 2) * top // 300 + y * top // 170 + x * y // 64) & top for c in range(CHANNELS[colour])
        )

    return at


def png(
    depth: int,
    colour: int,
    picture: Picture | None = None,
    *,
    size: tuple[int, int] = SIZE,
    interlaced: bool = False,
    kinds: Sequence[int] = (0, 1, 2, 3, 4),
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    piece: int = 1 << 20,
    trailing: bytes = b"",
) -> bytes:
    picture = picture or waves(depth, colour)
    data = stream(picture, size, depth, colour, interlaced=interlaced, kinds=kinds)
    return b"".join(
        (
            MAGIC,
            chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)),
            *before,
            *(chunk(b"IDAT", data[i : i + piece]) for i in range(0, len(data), piece)),
            *after,
            chunk(b"IEND"),
            trailing,
        )
    )


def plte(entries: Iterable[tuple[int, int, int]]) -> bytes:
    return chunk(b"PLTE", b"".join(bytes(e) for e in entries))


def ramp(count: int, dark: int = 4, light: int = 250) -> list[tuple[int, int, int]]:
    """``count`` colours from nearly black to nearly white, those between far from grey."""
    step = (light - dark) / max(1, count - 1)
    out = []
    for i in range(count):
        v = round(dark + i * step)
        out.append((v, v, v) if i in (0, count - 1) else (v, (v + 90) % 256, (v + 180) % 256))
    return out


def indexed(depth: int, entries: int) -> Picture:
    return lambda x, y: ((x // 3 + y // 2) % entries,)


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a picture"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def fctl(
    number: int,
    size: tuple[int, int],
    at: tuple[int, int] = (0, 0),
    delay: int = 7,
    dispose: int = 0,
    blend: int = 0,
) -> bytes:
    return chunk(b"fcTL", struct.pack(">5IHHBB", number, *size, *at, delay, 100, dispose, blend))


def fdat(number: int, body: bytes) -> bytes:
    return chunk(b"fdAT", struct.pack(">I", number) + body)


Frame = tuple[tuple[int, int], tuple[int, int], int, int]  # size, place, dispose, blend


def apng(
    depth: int,
    colour: int,
    frames: Sequence[Frame],
    *,
    hidden: bool = False,
    picture: Callable[[int], Picture] | None = None,
    size: tuple[int, int] = SIZE,
    interlaced: bool = False,
    before: Sequence[bytes] = (),
    pieces: int = 1,
) -> bytes:
    """``hidden``: the default image is no part of the animation. Frame data comes in ``pieces`` chunks."""
    picture = picture or (lambda _: waves(depth, colour))
    number, body = itertools.count(), []
    if hidden:
        body.append(chunk(b"IDAT", stream(picture(-1), size, depth, colour, interlaced=interlaced)))
    for i, (area, place, dispose, blend) in enumerate(frames):
        body.append(fctl(next(number), area, place, 5 + i, dispose, blend))
        data = stream(picture(i), area, depth, colour, interlaced=interlaced)
        if i or hidden:
            step = -(-len(data) // pieces)
            body += [fdat(next(number), data[k : k + step]) for k in range(0, len(data), step)]
        else:
            body.append(chunk(b"IDAT", data))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced))
    control = chunk(b"acTL", struct.pack(">II", len(frames), 3))
    text = chunk(b"tEXt", b"Comment\0between and after")
    return b"".join((MAGIC, head, *before, control, *body, text, chunk(b"IEND")))


def sticker(turn: int) -> Picture:
    """RGBA whose alpha is all or nothing, as most animations have it."""
    return lambda x, y: (
        (x * 2 + turn * 40) & 255,
        (y * 3) & 255,
        (x + y) & 255,
        0 if (x // 8 + y // 8 + turn) % 3 == 0 else 255,
    )


def shifted(depth: int, colour: int) -> Callable[[int], Picture]:
    return lambda turn: lambda x, y: waves(depth, colour)(x + 5 * turn, y + 3 * turn)


def by_pillow(mode: str, **options: object) -> bytes:
    out = io.BytesIO()
    gradient = Image.radial_gradient("L").resize(SIZE)
    bands = [gradient.rotate(90 * i) for i in range(4)]
    image = bands[0] if mode in ("L", "P", "1") else Image.merge(mode, bands[: len(mode)])
    image.convert(mode).save(out, "PNG", **options)
    return out.getvalue()


TEXTS = (
    chunk(b"tEXt", b"Software\0caf\xe9 1.0"),
    chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"steps: 20, " * 30)),
    chunk(b"iTXt", b"Title\0\0\0kk\0\xd0\xb0\0" + "Қазақ".encode()),
    chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress('{"nodes": "ә"}'.encode())),
)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
XMP_HEAD = b"XML:com.adobe.xmp\0"
COLOUR = (
    chunk(b"gAMA", struct.pack(">I", 45455)),
    chunk(b"sBIT", b"\5\6\5"),
    chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
    chunk(b"bKGD", struct.pack(">3H", 1, 2, 3)),
    chunk(b"tIME", struct.pack(">H5B", 2026, 11, 24, 1, 2, 3)),
    chunk(b"prVt", b"private"),
)
FULL, PART = SIZE, (64, 40)
MANY = [(20 * i % 256, 7 * i % 256, (255 - i) % 256) for i in range(254)]

VARIANTS: dict[str, Callable[[], bytes]] = {
    "rgb8": lambda: by_pillow("RGB"),
    "rgba8": lambda: by_pillow("RGBA"),
    "grey1": lambda: png(1, 0),
    "grey2": lambda: png(2, 0),
    "grey4": lambda: png(4, 0),
    "grey8": lambda: png(8, 0),
    "grey16": lambda: png(16, 0),
    "la8": lambda: png(8, 4),
    "la16": lambda: png(16, 4),
    "rgb8-filters": lambda: png(8, 2),
    "rgb16": lambda: png(16, 2),
    "rgba16": lambda: png(16, 6),
    "palette1": lambda: png(1, 3, indexed(1, 2), before=[plte(ramp(2))]),
    "palette1-no-black": lambda: png(1, 3, indexed(1, 1), before=[plte([(2, 3, 4)])]),
    "palette2": lambda: png(2, 3, indexed(2, 4), before=[plte(ramp(4))]),
    "palette4": lambda: png(4, 3, indexed(4, 9), before=[plte(ramp(9, 40, 200)), chunk(b"hIST", bytes(18))]),
    "palette8": lambda: png(8, 3, indexed(8, 100), before=[plte(ramp(100))]),
    "palette8-full": lambda: png(8, 3, indexed(8, 256), before=[plte(ramp(256))]),
    "palette8-full-no-grey": lambda: png(
        8, 3, indexed(8, 256), before=[plte([(0, 0, 0), *MANY, (255, 246, 240)])]
    ),
    "palette8-trns": lambda: png(
        8, 3, indexed(8, 50), before=[plte(ramp(50)), chunk(b"tRNS", bytes(range(0, 250, 5)))]
    ),
    "palette4-trns-clear-ends": lambda: png(
        4, 3, indexed(4, 8), before=[plte(ramp(8)), chunk(b"tRNS", b"\0\xff\xff\xff\xff\xff\xff\x80")]
    ),
    "rgb8-trns": lambda: png(8, 2, before=[chunk(b"tRNS", struct.pack(">3H", 0, 0, 0))]),
    "rgb16-trns": lambda: png(16, 2, before=[chunk(b"tRNS", struct.pack(">3H", 65535, 65535, 65535))]),
    "grey8-trns": lambda: png(8, 0, before=[chunk(b"tRNS", struct.pack(">H", 255))]),
    "rgb8-interlaced": lambda: png(8, 2, interlaced=True),
    "grey1-interlaced": lambda: png(1, 0, interlaced=True),
    "palette4-interlaced": lambda: png(4, 3, indexed(4, 9), before=[plte(ramp(9))], interlaced=True),
    "rgba16-interlaced": lambda: png(16, 6, interlaced=True),
    "rgb8-interlaced-tall": lambda: png(8, 2, size=(60, 130), interlaced=True),
    "texts": lambda: png(8, 2, before=TEXTS, after=TEXTS[::-1]),
    "xmp": lambda: png(8, 2, before=[chunk(b"iTXt", XMP_HEAD + bytes(4) + XMP)]),
    "xmp-compressed-late": lambda: png(
        8, 2, after=[chunk(b"iTXt", XMP_HEAD + b"\1\0\0\0" + zlib.compress(XMP))]
    ),
    "xmp-twice": lambda: png(
        8,
        0,
        before=[chunk(b"iTXt", XMP_HEAD + bytes(4) + XMP), TEXTS[0]],
        after=[chunk(b"iTXt", XMP_HEAD + bytes(4))],
    ),
    "c2pa": lambda: png(8, 2, before=[chunk(b"caBX", bytes(8) + b"jumb" * 40)]),
    **{
        f"orientation{n}": lambda n=n: png(8, 2, before=[chunk(b"eXIf", exif_block(n))], interlaced=n == 8)
        for n in range(1, 9)
    },
    "orientation7-grey1": lambda: png(1, 0, before=[chunk(b"eXIf", exif_block(7))]),
    "orientation6-late-prefixed": lambda: png(16, 2, after=[chunk(b"eXIf", b"Exif\0\0" + exif_block(6))]),
    "icc": lambda: by_pillow(
        "RGB", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ),
    "colour-chunks": lambda: png(8, 2, before=COLOUR),
    "trailing": lambda: png(8, 2, trailing=b'{"sefd": "tEXtComment\0AI"}' + TEXTS[0]),
    "small-idats": lambda: png(8, 2, piece=7),
    "apng": lambda: apng(8, 2, [(FULL, (0, 0), 0, 0), (FULL, (0, 0), 0, 0)], picture=shifted(8, 2)),
    "apng-one": lambda: apng(8, 2, [(FULL, (0, 0), 0, 0)]),
    "apng-parts": lambda: apng(
        8,
        6,
        [
            (FULL, (0, 0), 2, 0),
            (FULL, (0, 0), 0, 0),
            (PART, (5, 30), 2, 1),
            (PART, (50, 40), 0, 0),
            ((3, 2), (0, 0), 1, 0),
            ((9, 9), (112, 74), 0, 1),
        ],
        picture=sticker,
        pieces=3,
    ),
    "apng-vanishing": lambda: apng(
        8, 6, [(FULL, (0, 0), 1, 0), (PART, (5, 30), 1, 1), (PART, (30, 20), 0, 0)], picture=sticker
    ),
    "apng-hidden": lambda: apng(
        8, 6, [(FULL, (0, 0), 0, 0), (PART, (5, 30), 0, 1)], picture=sticker, hidden=True
    ),
    "apng-palette": lambda: apng(
        4,
        3,
        [(FULL, (0, 0), 0, 0), (PART, (5, 30), 0, 0)],
        picture=lambda turn: lambda x, y: ((x // 3 + y // 2 + turn) % 9,),
        before=[plte(ramp(9))],
    ),
    "apng-rgb16": lambda: apng(16, 2, [(FULL, (0, 0), 0, 0), (PART, (7, 33), 0, 0)], picture=shifted(16, 2)),
    "apng-grey1": lambda: apng(1, 0, [(FULL, (0, 0), 0, 0), (PART, (6, 31), 0, 0)], picture=shifted(1, 0)),
    "apng-orientation6": lambda: apng(
        8, 2, [(FULL, (0, 0), 0, 0), (PART, (6, 31), 0, 0)], before=[chunk(b"eXIf", exif_block(6))]
    ),
}
