"""GIF files, one for each way they can differ, by a writer that follows the specification word for word."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageDraw

from variants.webp import PACKET

SIZE = (120, 90)
LOOP = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
MAGIC = b"\1" + bytes(range(255, -1, -1)) + b"\0"
RAMP = bytes(v for v in range(256) for _ in "RGB")
REDS = b"".join(bytes((16 * i, 3 * i, 0)) for i in range(16))  # no white, no grey
MUDDY = b"".join(bytes((96 + i % 48, 90 + i // 8, 88 + i % 32)) for i in range(256))  # all much alike


def sub_blocks(body: bytes) -> bytes:
    parts = (body[i : i + 255] for i in range(0, len(body), 255))
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def application(name: bytes, body: bytes) -> bytes:
    return b"!\xff\x0b" + name + sub_blocks(body)


def comment(text: bytes) -> bytes:
    return b"!\xfe" + sub_blocks(text)


def xmp(packet: bytes = PACKET) -> bytes:
    return b"!\xff\x0bXMP DataXMP" + packet + MAGIC


def control(delay: int = 0, disposal: int = 0, clear: int | None = None) -> bytes:
    return b"!\xf9\4" + struct.pack("<BHBB", disposal << 2 | (clear is not None), delay, clear or 0, 0)


def lzw(pixels: bytes, bits: int) -> bytes:
    """Codes without a dictionary: a clear code before each could need more bits."""
    codes, width = list[int](), bits + 1
    for i, pixel in enumerate(pixels):
        codes += [1 << bits] * (i % ((1 << bits) - 2) == 0) + [pixel]
    codes.append((1 << bits) + 1)
    number = sum(code << i * width for i, code in enumerate(codes))
    return number.to_bytes((len(codes) * width + 7) // 8, "little")


def image(
    pixels: bytes, box: tuple[int, int, int, int], bits: int, table: bytes = b"", *, interlaced: bool = False
) -> bytes:
    """``box``: left, top, width, height. A table must have a power of two of entries."""
    x, y, w, h = box
    rows = [pixels[i : i + w] for i in range(0, w * h, w or 1)]
    if interlaced:
        rows = [*rows[::8], *rows[4::8], *rows[2::4], *rows[1::2]]
    flags = 0x40 * interlaced | (0x80 | (len(table) // 3).bit_length() - 2 if table else 0)
    head = b"," + struct.pack("<4HB", x, y, w, h, flags) + table + bytes((bits,))
    return head + sub_blocks(lzw(b"".join(rows), bits))


def gif(
    *blocks: bytes, table: bytes = b"", size: tuple[int, int] = SIZE, version: bytes = b"GIF89a"
) -> bytes:
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    return b"".join((version, struct.pack("<HHBBB", *size, flags, 0, 0), table, *blocks, b";"))


def pattern(w: int, h: int, colours: int, step: int = 0) -> bytes:
    """Diagonal stripes of every colour."""
    return bytes((x // 3 + y // 2 + 5 * step) % colours for y in range(h) for x in range(w))


def blob(w: int, h: int, colours: int, clear: int) -> bytes:
    """A disc on transparent ground."""
    inside = (
        (2 * x - w) ** 2 * h * h + (2 * y - h) ** 2 * w * w < w * w * h * h
        for y in range(h)
        for x in range(w)
    )
    return bytes(p % colours if i else clear for p, i in zip(pattern(w, h, colours), inside, strict=True))


def drawn(step: int = 0, mode: str = "P") -> Image.Image:
    picture = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((10 + 7 * step, 10, 60 + 7 * step, 50), fill=(200, 40, 40))
    draw.ellipse((50, 30, 110, 80 - 5 * step), fill=(20, 90, 200))
    return picture.quantize(48) if mode == "P" else picture.convert(mode)


def saved(frames: int = 1, mode: str = "P", **options: Any) -> bytes:
    out = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": [drawn(i, mode) for i in range(1, frames)]}
    drawn(0, mode).save(out, "GIF", **options)
    return out.getvalue()


def stickers(*boxes: tuple[int, int, int, int], first: Sequence[bytes] = ()) -> bytes:
    """Discs on nothing, each taken away before the next."""
    frames = (
        control(7 + i, 2, 15) + image(blob(box[2], box[3], 15, 15), box, 4) for i, box in enumerate(boxes)
    )
    return gif(LOOP, *first, *frames, table=REDS)


FULL = (0, 0, *SIZE)
VARIANTS: dict[str, Callable[[], bytes]] = {
    "still": lambda: saved(comment="Дала".encode()),
    "version-87a": lambda: gif(image(pattern(*SIZE, 16), FULL, 4), table=REDS, version=b"GIF87a"),
    "grey": lambda: gif(image(pattern(*SIZE, 90), FULL, 8), table=RAMP),
    "two-colours": lambda: gif(image(pattern(*SIZE, 2), FULL, 2), table=REDS[3:9]),
    "no-colour-to-spare": lambda: gif(image(bytes(range(256)) * 42 + bytes(48), FULL, 8), table=MUDDY),
    "local-table-interlaced": lambda: gif(
        image(pattern(*SIZE, 16), FULL, 4, REDS, interlaced=True), comment(b"late"), table=MUDDY[:6]
    ),
    "animated": lambda: saved(4, duration=[100, 200, 300, 40], loop=3, comment=b"Steppe"),
    "animated-grey": lambda: gif(
        *(control(8) + image(pattern(*SIZE, 60, i), FULL, 6, RAMP[:192]) for i in range(3))
    ),
    "animated-in-grey": lambda: saved(3, "L", duration=80, loop=0),
    "clear-colour-unused": lambda: gif(
        control(5, 0, 0) + image(bytes(1 + p for p in pattern(*SIZE, 15)), FULL, 4), table=REDS
    ),
    "animated-patches": lambda: gif(
        LOOP,
        control(10, 1) + image(pattern(*SIZE, 16), FULL, 4),
        control(20, 1, 3) + image(blob(50, 40, 16, 3), (20, 35, 50, 40), 4),
        control(30, 3) + image(pattern(30, 30, 16, 2), (40, 50, 30, 30), 4, REDS[::-1]),
        control(40, 1, 0) + image(blob(20, 20, 16, 0), (95, 2, 20, 20), 4, interlaced=True),
        table=REDS,
    ),
    "animated-disposed": lambda: stickers(FULL, FULL, FULL),
    "animated-cropped": lambda: stickers(FULL, (10, 5, 60, 50), (40, 30, 70, 55)),
    "animated-from-nothing": lambda: stickers((30, 20, 60, 50), (35, 25, 60, 50), first=[comment(b"a" * 300)]),
    "xmp": lambda: gif(
        LOOP, xmp(), control(5) + image(pattern(*SIZE, 4), FULL, 2), comment(b"after"), table=REDS[:12]
    ),
    "xmp-in-sub-blocks": lambda: gif(
        image(pattern(*SIZE, 4), FULL, 2), application(b"XMP DataXMP", PACKET), table=REDS[:12]
    ),
    "xmp-twice": lambda: gif(
        xmp(), image(pattern(*SIZE, 4), FULL, 2), xmp(PACKET[:-1] + b"> "), table=REDS[:12]
    ),
    "signed": lambda: gif(
        application(b"C2PA_GIF\1\0\0", b"jumb" * 200), LOOP, image(pattern(*SIZE, 4), FULL, 2), table=REDS[:12]
    ),
    "everything-else": lambda: gif(
        application(b"ImageMagick", b"gamma=0.4"),
        application(b"ICCRGBG1012", b"profile"),
        b"!\x01\x0c" + struct.pack("<4H4B", 0, 0, 24, 8, 8, 8, 1, 2) + sub_blocks(b"words"),
        b"!\x77" + sub_blocks(b"unknown"),
        image(pattern(*SIZE, 4), FULL, 2),
        table=REDS[:12],
    )
    + b"trailing",
}  # fmt: skip
