"""What PDF/A (ISO 19005-1 to -4) allows a file that claims it."""

from __future__ import annotations

import re

import pikepdf

from labeler.media.base import Limits
from labeler.media.pdf_bounds import inflated

_NAMESPACE = b"http://www.aiim.org/pdfa/ns/id/"
_PART = re.compile(rb":part(?:\s*=\s*[\"']|\s*>)\s*([1-9])")
_LEVEL = re.compile(rb":conformance(?:\s*=\s*[\"']|\s*>)\s*([A-Za-z])")


def claimed(packet: bytes) -> str:
    """The part of PDF/A that an XMP packet claims, with its level, e.g. ``2B``; "" if none."""
    if _NAMESPACE not in packet or not (part := _PART.search(packet)):
        return ""
    level = _LEVEL.search(packet)
    return (part[1] + (level[1] if level else b"")).decode().upper()


def takes_files(archive: str) -> bool:
    """Whether any kind of file may be embedded in what claims this: only PDF/A-3 and -4f say so."""
    return not archive or archive[0] == "3" or archive == "4F"


def metadata(pdf: pikepdf.Pdf, limits: Limits) -> bytes:
    """The document's XMP packet, or nothing. Raises as `pdf_bounds.inflated` does."""
    packet = pdf.Root.get("/Metadata")
    return inflated(packet, limits) if isinstance(packet, pikepdf.Stream) else b""
