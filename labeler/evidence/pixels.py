"""What a picture's samples carry besides the picture, as neutral fields: the catalogue says whose it is.

Lowest bits: a hidden text. Columns from left to right, each downwards; 15 bytes of signature, the length in bits (32,
big-endian), the text.
Blocks: one bit for each 8 x 8 pixels of U, what the decoder ``dwtDct`` of invisible-watermark 0.2 sees (it computes in
floats; where its values lie just on a limit, its rounding decides otherwise).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from PIL import Image, ImageMath

from labeler.evidence.value import HEAD, LARGEST
from labeler.media.base import Field

LOWEST, BLOCKS = "pixels:lsb", "pixels:dwt-dct"
_SIGNED = {  # signature: the channel that carries it, and whether the text is compressed
    b"stealth_pnginfo": ("A", False),
    b"stealth_pngcomp": ("A", True),
    b"stealth_rgbinfo": ("RGB", False),
    b"stealth_rgbcomp": ("RGB", True),
}
_START = 15 + 4  # bytes before the text
_MEMBERS = 100
_LEAST = 256  # px; writers of such watermarks leave smaller pictures alone
_STRIP = 256 << 10  # px that are looked at in one go: they stay in the cache
_LOWEST_BIT = [255 * (v & 1) for v in range(256)]
# OpenCV's BGR to YUV, 14 bits after the point: exact in the 32-bit floats that Pillow calculates with
_Y = (4899 / 16384, 9617 / 16384, 1868 / 16384, 0)
_U = (8061 / 16384, -8061 / 16384, 0, 128)


def fields(image: Image.Image) -> Iterator[Field]:
    """``image``: decoded, as it is stored (not turned, nothing composed); only modes of 8 bits a sample are read.

    Keys in the lowest bits: ``signature``, ``parameters`` (the text) and, where that is a JSON object, each of its
    members. In the blocks: ``bits``, a 0 or 1 for each block, row by row, at most 2 ** 18 of them.
    """
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode not in ("RGB", "RGBA", "LA"):
        return
    yield from _hidden(image)
    if image.mode != "LA" and min(image.size) >= _LEAST:
        yield Field(BLOCKS, "bits", _bits(image))


def _hidden(image: Image.Image) -> Iterator[Field]:
    for signature, (channel, packed) in _SIGNED.items():
        if not set(channel) <= set(image.getbands()):
            continue
        start = _lowest(image, channel, _START)
        if not start.startswith(signature):
            continue
        yield Field(LOWEST, "signature", signature)
        length = int.from_bytes(start[15:], "big") // 8
        if length > LARGEST:
            return
        text = _lowest(image, channel, _START + length)[_START:]
        if packed:
            try:
                text = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(text, LARGEST)
            except zlib.error:
                return
        yield Field(LOWEST, "parameters", text)
        yield from _members(text)
        return


def _lowest(image: Image.Image, channel: str, count: int) -> bytes:
    """So many bytes from the lowest bits of those channels, column by column; fewer where the picture ends."""
    height = image.height
    columns = min(image.width, -(-8 * count // (height * len(channel))))
    part = image.crop((0, 0, columns, height)).transpose(Image.Transpose.TRANSPOSE)
    samples = (part.getchannel("A") if channel == "A" else part.convert("RGB")).tobytes()[: 8 * count]
    row = Image.frombytes("L", (len(samples), 1), samples)
    return row.point(_LOWEST_BIT, "1").tobytes()[: len(samples) // 8]


def _members(text: bytes) -> Iterator[Field]:
    try:
        found = json.loads(text)
        members = list(found.items())[:_MEMBERS] if isinstance(found, dict) else []
        told = [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in members]
    except (ValueError, RecursionError):
        return
    for key, value in told:
        yield Field(LOWEST, key, value.encode("utf-8", "replace"))


def _bits(image: Image.Image) -> bytes:
    """Of 4 x 4 coefficients of U's Haar low band, the largest but the first: beyond half a step of 36?"""
    across, down = image.width // 8, image.height // 8
    rows = max(1, _STRIP // (64 * across))
    bits = b""
    for top in range(0, down, rows):
        below = min(down, top + rows)
        rgb = image.crop((0, 8 * top, 8 * across, 8 * below))
        if rgb.mode != "RGB":
            rgb = rgb.convert("RGB")
        grey, blue = rgb.convert("L", _Y), rgb.getchannel("B")
        u = Image.merge("RGB", (blue, grey, grey)).convert("L", _U)
        low = u.convert("F").reduce(2)  # the mean of four is half the coefficient
        largest: Image.Image | None = None
        for place in range(1, 16):
            y, x = divmod(place, 4)
            one = low.transform(
                (across, below - top),
                Image.Transform.AFFINE,
                (4, 0, x - 2, 0, 4, y - 2),
                Image.Resampling.NEAREST,
            )
            largest = one if largest is None else ImageMath.lambda_eval(_larger, a=largest, b=one)
        bits += ImageMath.lambda_eval(_beyond, a=largest).convert("L").tobytes()
        if len(bits) >= HEAD:
            break
    return bits[:HEAD].translate(b"0" + b"1" * 255)


def _larger(of: dict[str, ImageMath._Operand]) -> ImageMath._Operand:
    return of["max"](of["a"], of["b"])  # type: ignore[operator,no-any-return]


def _beyond(of: dict[str, ImageMath._Operand]) -> ImageMath._Operand:
    return of["int"](of["a"] * 4) % 72 > 36  # type: ignore[operator,no-any-return]
