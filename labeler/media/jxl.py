"""JPEG XL: boxes around a codestream, XMP, EXIF and C2PA among them; a bare codestream gets boxes when it is labelled.

ISO/IEC 18181-2 (boxes; ``brob``: compressed with Brotli; ``jbrd``: the JPEG that can be restored); ISO/IEC 18181-1,
annexes D.2 (size) and D.3 (orientation); C2PA technical specification, appendix A (``jumb``).

Nothing is drawn on it: no encoder that we could ship keeps coded pictures. A bare codestream tells no end: a cut in it
is not noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import boxes, exif
from labeler.media.base import Content, Limits, MediumInfo, Slot, Stream, text_packet, whole
from labeler.media.boxes import Part
from labeler.media.pixels import check_pixels, swaps

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_START = _SIGNATURE + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
_BARE = b"\xff\x0a"
_KINDS = {Slot.XMP: b"xml ", Slot.EXIF: b"Exif", Slot.C2PA: b"jumb"}
_C2PA = bytes.fromhex("6332706100110010800000aa00389b71")
_LEADING = (b"JXL ", b"ftyp", b"jxll")  # what stands before all else
_LAST = 1 << 31  # in the number of a part of the codestream
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = (9, 13, 18, 30)  # bits of a number, by its selector
_WRAPPED = "The bare codestream was put into a container, its bytes as they were."
_NO_BROTLI = "its metadata are compressed, and the package brotli is not installed in version 1.2 or newer (pip install 'tanba[jxl]')"
_RESTORED = "the JPEG that can be restored from it needs its metadata as they are"


class _Jxl(NamedTuple):
    """A file taken apart. ``wraps``: the type of what a compressed box holds, by its place."""

    data: bytes
    parts: list[Part]
    wraps: Mapping[int, bytes]
    slots: Mapping[Slot, Part]
    codestream: list[memoryview]

    @property
    def bare(self) -> bool:
        return not self.parts

    def slot(self, part: Part) -> Slot | None:
        """The slot that this box fills or, compressed, would."""
        kind = self.wraps.get(part.start, part.kind)
        slot = next((slot for slot, other in _KINDS.items() if other == kind), None)
        compressed = part.start in self.wraps
        return None if slot is Slot.C2PA and (compressed or not _is_store(self.data, part)) else slot


def _is_store(data: bytes, part: Part) -> bool:
    """A JUMBF superbox whose description names C2PA."""
    return data[part.body + 4 : part.body + 8] == b"jumd" and data[part.body + 8 : part.body + 24] == _C2PA


def _damaged(what: str) -> UnreadableError:
    return UnreadableError(f"The JPEG XL file is damaged: {what}.", "Fetch it anew, or export it again.")


def _parse(data: bytes, limits: Limits) -> _Jxl:
    """Raises UnreadableError: truncated or malformed. LimitError: too many boxes."""
    if data.startswith(_BARE):
        return _Jxl(data, [], {}, {}, [memoryview(data)])
    if not data.startswith(_SIGNATURE):
        raise UnreadableError("This is not a JPEG XL file.", "Check how the file was made.")
    parts = boxes.parse(data, limits)
    if len(parts) < 2 or parts[1].kind != b"ftyp":
        raise _damaged("it does not say what it is")
    wraps = {p.start: data[p.body : p.body + 4] for p in parts if p.kind == b"brob"}
    jxl = _Jxl(data, parts, wraps, {}, list(_codestream(data, parts)))
    slots = dict[Slot, Part]()
    for part in parts:
        if slot := jxl.slot(part):
            slots.setdefault(slot, part)
    return jxl._replace(slots=slots)


def _codestream(data: bytes, parts: list[Part]) -> Iterator[memoryview]:
    """In one box, or in numbered ones."""
    view = memoryview(data)
    coded = [p for p in parts if p.kind in (b"jxlc", b"jxlp")]
    if [p.kind for p in coded] == [b"jxlc"]:
        yield view[coded[0].body : coded[0].stop]
        return
    for i, part in enumerate(coded):
        number = int.from_bytes(data[part.body : min(part.body + 4, part.stop)])
        if part.kind != b"jxlp" or number != i | _LAST * (i == len(coded) - 1):
            raise _damaged("its codestream is not in order, or cut off")
        yield view[part.body + 4 : part.stop]
    if not coded:
        raise _damaged("it has no codestream")


class _Bits:
    """The bits of a codestream's header, the lowest of each byte first."""

    def __init__(self, head: bytes) -> None:
        self._value, self._left = int.from_bytes(head, "little"), 8 * len(head)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise _damaged("its codestream is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value

    def side(self, small: int) -> int:
        return 8 * (self.take(5) + 1) if small else self.take(_LENGTHS[self.take(2)]) + 1


def _size(codestream: list[memoryview]) -> tuple[int, int]:
    """As displayed, px."""
    head = b"".join(bytes(piece[:64]) for piece in codestream[:8])[:64]
    if not head.startswith(_BARE):
        raise _damaged("its codestream does not begin as one")
    bits = _Bits(head[2:])
    small = bits.take(1)
    height = bits.side(small)
    ratio = bits.take(3)
    across, down = _RATIOS[ratio - 1]
    width = height * across // down if ratio else bits.side(small)
    plain = bits.take(1)
    turn = 1 + bits.take(3) if not plain and bits.take(1) else 1
    return (height, width) if swaps(turn) else (width, height)


def _inflated(packed: bytes, room: int) -> bytes | None:
    """None where the library is not there.

    Raises:
        UnreadableError: broken. LimitError: more than ``room`` bytes come out.
    """
    try:
        import brotli
    except ImportError:
        return None
    stream = brotli.Decompressor()
    try:
        out: bytes = stream.process(packed, output_buffer_limit=room + 1)
        if len(out) <= room and not stream.is_finished():
            raise _damaged("its compressed metadata are cut off")
    except TypeError:
        return None  # before 1.2 it knew no limit
    except brotli.error as e:
        raise _damaged(f"its compressed metadata cannot be read ({e})") from e
    if len(out) > room:
        raise LimitError(
            "The JPEG XL file's metadata are too long when decompressed.",
            "If you trust it, allow more: `labeler.Limits` in Python.",
        )
    return out


def _payloads(jxl: _Jxl, limits: Limits) -> dict[Slot, bytes | None]:
    """None: compressed, and not to be read here."""
    found, room = dict[Slot, bytes | None](), limits.max_inflated
    for slot, part in jxl.slots.items():
        value: bytes | None = jxl.data[part.body : part.stop]
        if part.start in jxl.wraps:
            value = _inflated(jxl.data[part.body + 4 : part.stop], room)
            room -= len(value or b"")
        if slot is Slot.EXIF and value is not None:  # an offset to the TIFF header comes first
            value = value[4 + int.from_bytes(value[:4]) :]
        if slot is Slot.C2PA:
            value = jxl.data[part.start : part.stop]
        found[slot] = value
    return found


def _essence(jxl: _Jxl) -> tuple[Stream, ...]:
    """The codestream, however it is parted, and whatever else is neither metadata nor frame."""
    view = memoryview(jxl.data)
    known = (*_LEADING[:2], b"jxlc", b"jxlp")
    others = (p for p in jxl.parts if p.kind not in known and jxl.slot(p) is None)
    return (
        Stream("codestream", tuple(jxl.codestream)),
        *(Stream(p.kind.decode("latin-1"), (view[p.body : p.stop],)) for p in others),
    )


class _JpegXl:
    info = MediumInfo(
        name="JPEG XL",
        mime="image/jxl",
        suffixes=(".jxl",),
        slots=frozenset(_KINDS),
        surface="none",
        c2pa="native",
        loss="no notice; a bare codestream gets a container; where a JPEG can be restored from it, its XMP stays as it is",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        if head.startswith(_SIGNATURE):
            return 100
        # two bytes are little: the name, or no other medium, must agree
        return (
            90
            if head.startswith(_BARE) and (name or "").lower().endswith(".jxl")
            else 5 * head.startswith(_BARE)
        )

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        jxl = _parse(whole(src, limits), limits)
        size = _size(jxl.codestream)
        check_pixels(size, 1, limits)
        payloads = _payloads(jxl, limits)
        unread = sorted(slot for slot, value in payloads.items() if value is None)
        restores = any(p.kind == b"jbrd" for p in jxl.parts)
        fixed = {Slot.XMP, Slot.EXIF}.intersection(jxl.slots if restores else unread)
        slots = {slot: value for slot, value in payloads.items() if value is not None}
        return Content(
            fields=exif.fields(slots.get(Slot.EXIF, b""), limits),
            slots=slots,
            size=size,
            essence=_essence(jxl) if essence else (),
            takes=self.info.slots - fixed if fixed else None,
            why=(_RESTORED if restores else _NO_BROTLI) if fixed else "",
            remark=_WRAPPED if jxl.bare else "",
            unread=(
                *(f"compressed {slot.upper()}: the package brotli is missing" for slot in unread),
                *["whether the codestream is whole: a bare one tells no end"] * jxl.bare,
            ),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """New metadata stand before the codestream, where a viewer that streams has them first."""
        if foreign := puts.keys() - _KINDS:
            raise UsageError(f"JPEG XL has no place for {', '.join(sorted(foreign))}.", "Leave it out.")
        limits = Limits()
        data = whole(src, limits)
        jxl = _parse(data, limits)
        new = {slot: _box(slot, puts[slot]) for slot in Slot if slot in puts}
        missing = [slot for slot in new if slot not in jxl.slots]
        view, first = memoryview(data), next((p for p in jxl.parts if p.kind not in _LEADING), None)
        if jxl.bare and new:
            dst.write(_START)
        for part in jxl.parts:
            if part is first:
                dst.writelines(piece for slot in missing for piece in new[slot])
            slot = jxl.slot(part)
            if slot in new and jxl.slots[slot] is part:
                dst.writelines(new[slot])
            else:
                dst.write(view[part.start : part.stop])
        if jxl.bare:
            dst.writelines(piece for slot in missing for piece in new[slot])
            dst.writelines(boxes.packed(b"jxlc", view) if new else [view])

    def surface(self, src: BinaryIO, limits: Limits) -> None:
        return None


def _box(slot: Slot, payload: bytes) -> list[bytes | memoryview]:
    match slot:
        case Slot.XMP:
            return boxes.packed(_KINDS[slot], text_packet(payload, "a JPEG XL file"))
        case Slot.EXIF:
            if payload[:4] not in (b"II*\0", b"MM\0*"):
                raise UsageError(
                    "The EXIF block does not begin with a TIFF header.", "Leave out what is before it."
                )
            return boxes.packed(_KINDS[slot], bytes(4), payload)
        case _:
            if payload[4:8] != b"jumb":
                raise UsageError(
                    "This is not a C2PA manifest store.", "Give its JUMBF bytes, from the box header on."
                )
            return [payload]


MEDIUM = _JpegXl()
