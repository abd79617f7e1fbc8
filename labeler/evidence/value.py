"""A field's value as text and as JSON, as far as it is looked at.

Exif 3.0 section 4.6.6 (UserComment: eight bytes name the character code); RFC 8259.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

HEAD = 256 << 10  # bytes that patterns see: of longer values the beginning and the end
LARGEST = 4 << 20  # bytes of JSON that is parsed
_SHOWN = 80
_CODES = (b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8))
_EMPTY = " \t\r\n\0\ufeff"


class Value:
    """Decoded when first asked for, once."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._parsed: dict[int, Any] = {}

    @cached_property
    def text(self) -> str:
        """Without the space around it; of more than 256 KiB the first half of that and the last."""
        raw, half = self._raw, HEAD // 2
        if len(raw) > HEAD:
            raw = raw[:half] + raw[(len(raw) - half) & ~1 :]  # even: UTF-16 stays in step
        return _decoded(raw)

    def json(self, start: int = 0) -> Any:
        """The JSON object or array from that character on, or None; prose is not even tried."""
        if start not in self._parsed:
            self._parsed[start] = self._json(start)
        return self._parsed[start]

    def _json(self, start: int) -> Any:
        if self.text[start : start + 64].lstrip()[:1] not in ("{", "[") or len(self._raw) > LARGEST:
            return None
        text = self.text if len(self._raw) <= HEAD else _decoded(self._raw)
        try:
            return json.loads(text[start:])
        except (ValueError, RecursionError):
            return None


def _decoded(raw: bytes) -> str:
    """UTF-8, or UTF-16 of either order: what EXIF calls UNICODE is written both ways, with and without a mark."""
    wide = raw[:8] == _CODES[0]
    if raw[:8] in _CODES:
        raw = raw[8:]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").strip(_EMPTY)
    big, little = raw[::2].count(0), raw[1::2].count(0)  # where ASCII in UTF-16 has its zeros
    if max(big, little) > (0 if wide else 2 * min(big, little) + 2):
        return raw.decode("utf-16-be" if big > little else "utf-16-le", "replace").strip(_EMPTY)
    return raw.decode("utf-8", "replace").strip(_EMPTY)


def shown(text: str, most: int = _SHOWN) -> str:
    """For a report: at most so many characters, nothing that a terminal or a page would act on."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:most])[:most]
