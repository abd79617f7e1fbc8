"""Hides things in pixels as generators do: texts in the lowest bits, messages in blocks. Written from their layouts."""

from __future__ import annotations

import gzip

import numpy as np
from PIL import Image


def lowest(image: Image.Image, signature: str, text: bytes, *, length: int | None = None) -> Image.Image:
    """``text`` in the lowest bits, column by column; ``length`` (bits) lies about it."""
    packed = gzip.compress(text) if signature.endswith("comp") else text
    size = 8 * len(packed) if length is None else length
    bits = np.unpackbits(np.frombuffer(signature.encode() + size.to_bytes(4, "big") + packed, np.uint8))
    alpha = "png" in signature
    samples = np.array(image.convert("RGBA" if alpha else image.mode))
    part = samples[..., 3:] if alpha else samples[..., :3]
    columns = part.transpose(1, 0, 2).reshape(-1).copy()
    columns[: len(bits)] = columns[: len(bits)] & 254 | bits
    part[...] = columns.reshape(part.shape[1], part.shape[0], part.shape[2]).transpose(1, 0, 2)
    return Image.fromarray(samples)


def blocks(image: Image.Image, message: str) -> Image.Image:
    """``message`` (0 and 1) in U's Haar low band: the largest of each block's coefficients is moved by steps of 36."""
    rgb = np.asarray(image.convert("RGB"), np.float64)
    h, w = rgb.shape[0] // 8 * 8, rgb.shape[1] // 8 * 8
    y = rgb[:h, :w] @ (0.299, 0.587, 0.114)
    u, v = (rgb[:h, :w, 2] - y) * 0.492 + 128, (rgb[:h, :w, 0] - y) * 0.877 + 128
    low = (u[::2, ::2] + u[::2, 1::2] + u[1::2, ::2] + u[1::2, 1::2]) / 2
    cells = low.reshape(h // 8, 4, w // 8, 4).transpose(0, 2, 1, 3).reshape(-1, 16)
    places = np.abs(cells[:, 1:]).argmax(1) + 1
    rows = np.arange(len(cells))
    wanted = np.array([int(bit) for bit in message])[rows % len(message)]
    cells[rows, places] = (cells[rows, places] // 36 + 0.25 + 0.5 * wanted) * 36
    new = cells.reshape(h // 8, w // 8, 4, 4).transpose(0, 2, 1, 3).reshape(h // 2, w // 2)
    u += np.kron((new - low) / 2, np.ones((2, 2)))
    out = np.array(image.convert("RGB"))
    blue, red = y + (u - 128) / 0.492, y + (v - 128) / 0.877
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    out[:h, :w] = np.clip(np.rint(np.stack([red, green, blue], 2)), 0, 255)
    return Image.fromarray(out)
