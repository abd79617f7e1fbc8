"""Bounds on what a PDF may unfold into, checked before qpdf or pdfium unfold it: they have none that fit."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf

from labeler.errors import LimitError, UnreadableError
from labeler.media.base import Limits

_MAX_RATIO = 1032  # of deflate; that of other filters is about the same or less
_MAX_DRAWN = 256 << 20  # bytes of operators that a page may run, each form as often as it is drawn
_MAX_FORMS = 10_000
_DRAWS = re.compile(rb"/([^\s/\[\]()<>{}%]+)\s+Do\b")


def inflated(source: pikepdf.Stream, limits: Limits) -> bytes:
    """A stream's content, within ``limits.max_inflated``.

    Raises:
        LimitError: it would be too large. UnreadableError: it cannot be decoded.
    """
    too_large = LimitError("A stream of the PDF is too large.", "Do not trust this file.")
    try:
        data = source.read_raw_bytes()
        filters = _filters(source)
        if "/DecodeParms" not in source:
            while filters and filters[0] in ("/ASCII85Decode", "/A85", "/ASCIIHexDecode", "/AHx"):
                data = _ascii(data, filters.pop(0))
            if filters in (["/FlateDecode"], ["/Fl"]):
                inflater = zlib.decompressobj()
                data = inflater.decompress(data, limits.max_inflated + 1)
                filters = []
        if len(data) * (_MAX_RATIO if filters else 1) > limits.max_inflated:
            raise too_large
        return bytes(source.read_bytes()) if filters else data
    except (pikepdf.PdfError, zlib.error, ValueError) as e:
        raise UnreadableError(
            f"A stream of the PDF cannot be read ({str(e)[:120]}).", "Save it again."
        ) from e


def _filters(source: pikepdf.Stream) -> list[str]:
    named = source.get("/Filter")
    return (
        list(map(str, named)) if isinstance(named, pikepdf.Array) else [] if named is None else [str(named)]
    )


def _ascii(data: bytes, name: str) -> bytes:
    data = re.sub(rb"[\s\0]", b"", data)
    if name in ("/ASCIIHexDecode", "/AHx"):
        digits = data.partition(b">")[0]
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    return base64.a85decode(data.removeprefix(b"<~").partition(b"~>")[0])


class Drawing:
    """How much work the pages of one document are to draw."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[tuple[int, int], int] = {}
        self._open: set[tuple[int, int]] = set()

    def check(self, page: pikepdf.Object, resources: Any) -> None:
        """Raises LimitError: it would take too long or too much memory. UnreadableError: it cannot be decoded."""
        if self._work(_streams(page.get("/Contents")), resources, 0) > _MAX_DRAWN:
            raise LimitError("A page of the PDF draws too much.", "Do not trust this file.")

    def _work(self, streams: Iterator[pikepdf.Stream], resources: Any, depth: int) -> int:
        objects = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        content = b"\n".join(inflated(s, self._limits) for s in streams)
        total = len(content)
        if not isinstance(objects, pikepdf.Dictionary):
            return total
        counts: dict[bytes, int] = {}
        for found in _DRAWS.finditer(content):
            counts[found[1]] = counts.get(found[1], 0) + 1
        for name, drawn in objects.items():
            # a name that is written with escapes counts as drawn once, as does one that is not drawn at all
            if isinstance(drawn, pikepdf.Stream):
                total += counts.get(name[1:].encode("utf-8", "surrogateescape"), 1) * self._drawn(
                    drawn, resources, depth
                )
        return total

    def _drawn(self, drawn: pikepdf.Stream, around: Any, depth: int) -> int:
        """One picture or form."""
        if drawn.objgen in self._known:
            return self._known[drawn.objgen]
        if drawn.objgen in self._open or depth > self._limits.max_depth:
            return 0  # a form that draws itself: pdfium stops there
        if len(self._known) > _MAX_FORMS:
            raise LimitError(
                "The PDF has too many forms and pictures.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        if drawn.get("/Subtype") == "/Image":
            self._picture(drawn)
            work = 1
        else:
            self._open.add(drawn.objgen)
            work = min(_MAX_DRAWN + 1, self._work(iter([drawn]), drawn.get("/Resources", around), depth + 1))
            self._open.discard(drawn.objgen)
        self._known[drawn.objgen] = work
        return work

    def _picture(self, drawn: pikepdf.Stream) -> None:
        sides = [drawn.get(key, 0) for key in ("/Width", "/Height")]
        width, height = (int(s) if isinstance(s, int) else 0 for s in sides)
        if width * height > self._limits.max_pixels:
            raise LimitError(
                f"A picture in the PDF has {width} x {height} pixels.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )


def _streams(value: Any) -> Iterator[pikepdf.Stream]:
    for item in value if isinstance(value, pikepdf.Array) else (value,):
        if isinstance(item, pikepdf.Stream):
            yield item
