"""WebP files, one for each way they can differ; Pillow codes the pictures, the RIFF around them is written here."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageCms, ImageDraw

SIZE = (150, 121)
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Steppe"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def tiff(orientation: int = 1, software: bytes = b"Steppe 1\0") -> bytes:
    """A big-endian EXIF block: orientation and software."""
    entries = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    entries += struct.pack(">HHII", 0x0131, 2, len(software), 38)
    return b"MM\0*" + struct.pack(">IH", 8, 2) + entries + bytes(4) + software


def picture(step: int = 0, mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Something smooth with edges; with alpha it has hidden colours under its transparent parts."""
    image = Image.radial_gradient("L").resize(size).convert(mode)
    draw = ImageDraw.Draw(image)
    draw.ellipse((10 + 9 * step, 12, 60 + 9 * step, 70), fill=(200, 40, 40))
    draw.rectangle((70, 30, 140, 60 + 7 * step), fill=(20, 90, 200))
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(size).point(lambda v: max(0, v - 60)))
    return image


def coded(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", **({"method": 0} | options))
    return out.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Type and payload of each chunk of a well-formed file."""
    at, end, found = 12, 8 + int.from_bytes(data[4:8], "little"), []
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunk(*part) for part in parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def u24(*numbers: int) -> bytes:
    return b"".join(n.to_bytes(3, "little") for n in numbers)


def header(flags: int, size: tuple[int, int] = SIZE) -> tuple[bytes, bytes]:
    return b"VP8X", bytes((flags, 0, 0, 0)) + u24(size[0] - 1, size[1] - 1)


def frame(
    image: Image.Image, at: tuple[int, int], duration: int, flags: int, **options: Any
) -> tuple[bytes, bytes]:
    """One ANMF chunk; flags: 1 = dispose to background, 2 = do not blend."""
    parts = b"".join(chunk(*c) for c in chunks(coded(image, exact=True, **options)) if c[0] != b"VP8X")
    place = u24(at[0] // 2, at[1] // 2, image.width - 1, image.height - 1, duration)
    return b"ANMF", place + bytes((flags,)) + parts


def animation(
    *frames: tuple[bytes, bytes], extra: tuple[tuple[bytes, bytes], ...] = (), flags: int = 0
) -> bytes:
    return riff(header(0x12 | flags), (b"ANIM", b"\x10\x20\x30\xff" + b"\3\0"), *frames, *extra)


def patch(step: int, size: tuple[int, int] = (41, 33)) -> Image.Image:
    return picture(step, "RGBA").crop((20, 10, 20 + size[0], 10 + size[1]))


def with_everything() -> bytes:
    (kind, bits), *_ = chunks(coded(picture(mode="RGBA"), lossless=True, exact=True))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    meta = (b"EXIF", tiff(6)), (b"XMP ", PACKET), (b"tESt", b"odd")
    return riff(header(0x3C), (b"ICCP", profile), (kind, bits), *meta)


def lossy_animation() -> bytes:
    out = io.BytesIO()
    first, *others = (picture(i) for i in range(4))
    first.save(
        out, "WEBP", save_all=True, append_images=others, duration=[40, 80, 120, 200], loop=2, quality=60
    )
    return out.getvalue()


def partial_animation() -> bytes:
    return animation(
        frame(picture(0, "RGBA"), (0, 0), 100, 2, lossless=True),
        frame(patch(1), (4, 6), 70, 0, lossless=True),
        frame(patch(2), (30, 60), 0, 1, lossless=True),
        frame(patch(3), (100, 80), 90, 2, lossless=True),
        frame(patch(0), (0, 2), 65000, 3, lossless=True),
        frame(patch(5), (2, 80), 1, 0, lossless=True),
    )


def mixed_animation() -> bytes:
    return animation(
        frame(patch(0), (30, 40), 100, 1, quality=80),
        frame(patch(1), (4, 6), 70, 0, lossless=True),
        frame(picture(2, "RGBA"), (0, 0), 70, 0, quality=70),
        frame(patch(3), (50, 60), 70, 0, quality=80),
        extra=((b"EXIF", tiff(3)), (b"XMP ", PACKET + b"\n")),
        flags=0x0C,
    )


VARIANTS: dict[str, Callable[[], bytes]] = {
    "lossy": lambda: coded(picture(), quality=75),
    "lossless": lambda: coded(picture(), lossless=True),
    "lossy-alpha": lambda: coded(picture(mode="RGBA"), quality=75),
    "lossless-alpha": lambda: coded(picture(mode="RGBA"), lossless=True, exact=True),
    "extended-lossless": with_everything,
    "extended-lossy": lambda: coded(picture(), quality=70, xmp=PACKET, exif=tiff(8)),
    "exif-prefix": lambda: riff(header(0x08), *chunks(coded(picture())), (b"EXIF", b"Exif\0\0" + tiff(5))),
    "animated-lossy": lossy_animation,
    "animated-partial": partial_animation,
    "animated-mixed": mixed_animation,
    "animated-one-frame": lambda: animation(frame(picture(mode="RGBA"), (0, 0), 500, 0, lossless=True)),
    "signed": lambda: riff(*chunks(coded(picture())), (b"C2PA", b"\0\0\0\x11jumb no real manifest")),
    "unknown-chunks": lambda: riff(header(0), *chunks(coded(picture())), (b"abcd", b"123"), (b"EFGH", b"")),
    "trailing": lambda: coded(picture(), lossless=True) + b"RIFF and so on",
}
