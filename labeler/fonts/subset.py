"""The notice font cut to the letters of one notice, for documents that embed it (OpenType 1.9: glyf, loca, cmap 4)."""

from __future__ import annotations

import functools
import struct

from labeler import fonts

_KEPT = (b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep")
_MORE, _WORDS, _SCALE, _XY, _TWO = 0x20, 0x01, 0x08, 0x40, 0x80  # flags of a compound glyph's parts


@functools.cache
def _tables() -> dict[bytes, bytes]:
    font = fonts.truetype()
    (count,) = struct.unpack_from(">H", font, 4)
    entries = (struct.unpack_from(">4s4xII", font, 12 + 16 * i) for i in range(count))
    return {tag: font[offset : offset + length] for tag, offset, length in entries}


@functools.cache
def glyph_ids() -> dict[str, int]:
    """The number of each letter's glyph; numbers stay when the font is cut."""
    cmap = _tables()[b"cmap"]
    (count,) = struct.unpack_from(">H", cmap, 2)
    at = next(
        offset
        for platform, encoding, offset in (struct.unpack_from(">HHI", cmap, 4 + 8 * i) for i in range(count))
        if (platform, encoding) == (3, 1)
    )
    (double,) = struct.unpack_from(">H", cmap, at + 6)
    n = double // 2
    ends = struct.unpack_from(f">{n}H", cmap, at + 14)
    starts = struct.unpack_from(f">{n}H", cmap, at + 16 + double)
    deltas = struct.unpack_from(f">{n}H", cmap, at + 16 + 2 * double)
    ranges = struct.unpack_from(f">{n}H", cmap, at + 16 + 3 * double)
    out = {}
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if ranges[i]:
                place = at + 16 + 3 * double + 2 * i + ranges[i] + 2 * (code - start)
                (glyph,) = struct.unpack_from(">H", cmap, place)
            if glyph := (glyph + deltas[i]) & 0xFFFF if glyph or not ranges[i] else 0:
                out[chr(code)] = glyph
    return out


def truetype(letters: frozenset[str]) -> bytes:
    """The font with the outlines of these letters only; every glyph keeps its number and its width.

    Raises:
        KeyError: a letter that no notice has.
    """
    tables = {tag: data for tag, data in _tables().items() if tag in _KEPT}
    head, glyf = tables[b"head"], tables[b"glyf"]
    (count,) = struct.unpack_from(">H", tables[b"maxp"], 4)
    long = struct.unpack_from(">h", head, 50)[0]
    places = struct.unpack_from(f">{count + 1}{'I' if long else 'H'}", tables[b"loca"])
    offsets = places if long else tuple(2 * p for p in places)
    ids = glyph_ids()
    wanted, queue = {0}, [ids[letter] for letter in letters]
    while queue:
        glyph = queue.pop()
        if glyph not in wanted:
            wanted.add(glyph)
            queue += _parts(glyf[offsets[glyph] : offsets[glyph + 1]])
    outlines, loca = bytearray(), [0]
    for glyph in range(count):
        if glyph in wanted:
            outlines += glyf[offsets[glyph] : offsets[glyph + 1]]
            outlines += bytes(-len(outlines) % 4)
        loca.append(len(outlines))
    tables[b"glyf"] = bytes(outlines)
    tables[b"loca"] = struct.pack(f">{count + 1}I", *loca)
    tables[b"head"] = head[:8] + bytes(4) + head[12:50] + struct.pack(">h", 1) + head[52:]
    return _font(tables)


def _parts(outline: bytes) -> list[int]:
    """The glyphs that a compound glyph is made of."""
    if len(outline) < 10 or struct.unpack_from(">h", outline)[0] >= 0:
        return []
    at, found, flags = 10, [], _MORE
    while flags & _MORE:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        found.append(glyph)
        at += 4 + (4 if flags & _WORDS else 2)
        at += 2 if flags & _SCALE else 4 if flags & _XY else 8 if flags & _TWO else 0
    return found


def _font(tables: dict[bytes, bytes]) -> bytes:
    n = len(tables)
    power = 1 << n.bit_length() - 1
    out = struct.pack(">IHHHH", 0x10000, n, 16 * power, power.bit_length() - 1, 16 * (n - power))
    at, body = 12 + 16 * n, b""
    for tag, data in sorted(tables.items()):
        padded = data + bytes(-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        out += struct.pack(">4sIII", tag, total, at + len(body), len(data))
        body += padded
    font = out + body
    # head.checkSumAdjustment
    total = (0xB1B0AFBA - sum(struct.unpack(f">{len(font) // 4}I", font))) & 0xFFFFFFFF
    head = at + body.index(tables[b"head"])
    return font[: head + 8] + struct.pack(">I", total) + font[head + 12 :]
