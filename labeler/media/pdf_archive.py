"""What PDF/A (ISO 19005-1 to -4) allows a file that claims it."""

from __future__ import annotations

import re
import zlib

import pikepdf

from labeler.errors import LimitError, UnreadableError
from labeler.media.base import Limits

_NAMESPACE = b"http://www.aiim.org/pdfa/ns/id/"
_PART = re.compile(rb":part(?:\s*=\s*[\"']|\s*>)\s*([1-9])")
_LEVEL = re.compile(rb":conformance(?:\s*=\s*[\"']|\s*>)\s*([A-Za-z])")
_MAX_RATIO = 1032  # of deflate


def claimed(packet: bytes) -> str:
    """The part of PDF/A that an XMP packet claims, with its level, e.g. ``2B``; "" if none."""
    if _NAMESPACE not in packet or not (part := _PART.search(packet)):
        return ""
    level = _LEVEL.search(packet)
    return (part[1] + (level[1] if level else b"")).decode().upper()


def takes_files(archive: str) -> bool:
    """Whether any kind of file may be embedded in what claims this: only PDF/A-3 and -4f say so."""
    return not archive or archive[0] == "3" or archive == "4F"


def inflated(source: pikepdf.Stream, limits: Limits) -> bytes:
    """A stream's content, within bounds.

    Raises:
        LimitError: it would be too large. UnreadableError: it cannot be decoded.
    """
    too_large = LimitError("The PDF's metadata is too large.", "Do not trust this file.")
    try:
        coded = source.read_raw_bytes()
        if source.get("/Filter") == "/FlateDecode" and "/DecodeParms" not in source:
            inflater = zlib.decompressobj()
            out = inflater.decompress(coded, limits.max_inflated + 1)
            if len(out) > limits.max_inflated:
                raise too_large
            return out
        # qpdf has no bound of its own; its other filters grow data no more than deflate could
        if len(coded) * (_MAX_RATIO if "/Filter" in source else 1) > limits.max_inflated:
            raise too_large
        return bytes(source.read_bytes())
    except (pikepdf.PdfError, zlib.error) as e:
        raise UnreadableError(f"The PDF's metadata cannot be read ({str(e)[:120]}).", "Save it again.") from e


def metadata(pdf: pikepdf.Pdf, limits: Limits) -> bytes:
    """The document's XMP packet, or nothing. Raises as `inflated` does."""
    packet = pdf.Root.get("/Metadata")
    return inflated(packet, limits) if isinstance(packet, pikepdf.Stream) else b""
