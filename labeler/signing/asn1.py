"""Just enough BER (ITU-T X.690) to look into what cryptography does not open."""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCE, OCTETS, OID = 0x30, 0x04, 0x06
_PIECES = 0x24  # an octet string that is written in pieces
_END = b"\0\0"
_DEPTH = 32


@dataclass(frozen=True)
class Element:
    """One element: its tag byte, its whole encoding, its content (octet strings in one piece), what stands in it."""

    tag: int
    raw: bytes
    content: bytes
    children: tuple[Element, ...] = ()


def parse(data: bytes) -> tuple[Element, ...]:
    """The elements of ``data``, one after the other.

    Raises:
        ValueError: it is no BER, or nested deeper than 32 levels.
    """
    out = []
    pos = 0
    while pos < len(data):
        element, pos = _element(data, pos, 0)
        out.append(element)
    return tuple(out)


def _element(data: bytes, start: int, depth: int) -> tuple[Element, int]:
    if depth > _DEPTH or start + 2 > len(data):
        raise ValueError("nested too deeply or cut short")
    tag, size, pos = data[start], data[start + 1], start + 2
    nested, endless = bool(tag & 0x20), size == 0x80
    if tag & 0x1F == 0x1F or size > 0x84 or (endless and not nested):
        raise ValueError("no certificate or key has such an element")
    if size > 0x80:
        size, pos = int.from_bytes(data[pos : pos + size - 0x80]), pos + size - 0x80
    end = len(data) - 2 if endless else pos + size
    if end > len(data):
        raise ValueError("cut short")
    children = []
    here = pos
    while nested and here < end and not (endless and data[here : here + 2] == _END):
        child, here = _element(data, here, depth + 1)
        children.append(child)
    if endless:
        end = here
    if (nested and here != end) or (endless and data[end : end + 2] != _END):
        raise ValueError("an element does not end where it should")
    after = end + len(_END) if endless else end
    if tag == _PIECES:
        return Element(OCTETS, data[start:after], b"".join(c.content for c in children)), after
    return Element(tag, data[start:after], data[pos:end], tuple(children)), after
