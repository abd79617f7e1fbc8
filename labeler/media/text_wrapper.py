"""The C2PA manifest store in plain text: U+FEFF and a row of variation selectors (C2PA 2.4, A.8).

One byte is one selector: U+FE00 to U+FE0F for 0 to 15, U+E0100 to U+E01EF for 16 to 255. The bytes are ``C2PATXT\\0``,
the version 1, the store's length (4 bytes, big-endian), the store. Never padded: strict validators refuse padding.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

_MARK = b"\xef\xbb\xbf"
_HEADER = struct.Struct(">8sBI")
_MAGIC, _VERSION = b"C2PATXT\0", 1
_SELECTORS = [chr(0xFE00 + b) if b < 16 else chr(0xE0100 + b - 16) for b in range(256)]
_BYTES = {ord(c): b for b, c in enumerate(_SELECTORS)}
_ROW = re.compile(rb"(?:\xef\xb8[\x80-\x8f]|\xf3\xa0(?:[\x84-\x86][\x80-\xbf]|\x87[\x80-\xaf]))+")


class Wrapper(NamedTuple):
    """One that was found: its bytes in the text, the store in it, and what is wrong with it, if anything."""

    start: int
    end: int
    store: bytes
    defect: str = ""


def encode(store: bytes) -> bytes:
    """The wrapper of a manifest store, UTF-8."""
    payload = _HEADER.pack(_MAGIC, _VERSION, len(store)) + store
    return _MARK + "".join([_SELECTORS[b] for b in payload]).encode()


def find(data: bytes) -> list[Wrapper]:
    """Every wrapper in UTF-8 text. Rows of selectors that are something else are none."""
    found = []
    at = data.find(_MARK)
    while at >= 0:
        row = _ROW.match(data, at + len(_MARK))
        if row:
            payload = row[0].decode().translate(_BYTES).encode("latin-1")
            if payload[: len(_MAGIC)] == _MAGIC[: len(payload)] and len(payload) > 1:
                found.append(_wrapper(at, row.end(), payload))
        at = data.find(_MARK, row.end() if row else at + len(_MARK))
    return found


def _wrapper(start: int, end: int, payload: bytes) -> Wrapper:
    if len(payload) < _HEADER.size:
        return Wrapper(start, end, b"", "it is cut off in its header")
    _, version, length = _HEADER.unpack_from(payload)
    store = payload[_HEADER.size :]
    if version != _VERSION:
        return Wrapper(start, end, b"", f"it is of version {version}, not {_VERSION}")
    if length > len(store):
        return Wrapper(start, end, b"", f"it is cut off: {len(store)} of {length} bytes are there")
    # the deterministic padding of A.8, which others write
    if store[length:].strip(b"\0\x10"):
        return Wrapper(start, end, b"", "something follows the store")
    return Wrapper(start, end, store[:length])
