"""Items: what a ``meta`` box holds, where their data lie, what they are and how they belong together.

ISO/IEC 14496-12, section 8.11 (items, their places and references); ISO/IEC 23008-12, sections 6.4 and 6.5 (properties)
and annex A (Exif and XMP).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from labeler.errors import LimitError, UsageError
from labeler.media.base import Slot
from labeler.media.bmff import Box, Range, Reader, Room, damaged, packed

IN_FILE, IN_IDAT, IN_ITEM = 0, 1, 2  # construction methods: what an item's offsets are counted in
MIME = b"mime"
XMP_TYPE = b"application/rdf+xml"
_EXIF = b"Exif"


class Item(NamedTuple):
    """A coded or derived picture, or a piece of metadata with its MIME type and how it is compressed.

    ``stop`` is the place behind the MIME type in its ``entry``.
    """

    id: int
    kind: bytes
    content: bytes
    encoding: bytes
    entry: Box
    stop: int


class Location(NamedTuple):
    """Index, offset and length of each extent, the base added and the lengths told."""

    method: int
    extents: tuple[tuple[int, int, int], ...]


class Reference(NamedTuple):
    """From one item to others; each kind has its own meaning."""

    kind: bytes
    source: int
    targets: tuple[int, ...]
    box: Box


class Metadata:
    """A ``meta`` box: items of the file or of a track. ``ranges`` are the parts of the file that each item's data take.

    Raises:
        UnreadableError: malformed, or data that are cut off or in another file. LimitError: too many parts.
    """

    def __init__(self, data: bytes, box: Box, room: Room) -> None:
        self.data, self.box, self._room = data, box, room
        self.iinf, self.iref, self.iloc, self.idat = (
            box.get(k) for k in (b"iinf", b"iref", b"iloc", b"idat")
        )
        self.items = {item.id: item for item in self._items()}
        self.references = tuple(self._references())
        self.locations = dict(self._locations())
        self.ranges: dict[int, tuple[Range, ...]] = {}
        for number in self.locations:
            self._resolve(number, 0)

    @property
    def of_file(self) -> bool:
        """Whether it stands at the top."""
        return self.box.up is not None and not self.box.up.kind

    @cached_property
    def primary(self) -> int | None:
        """The item that is the file's picture."""
        if not (box := self.box.get(b"pitm")):
            return None
        reader = Reader(self.data, box)
        return reader.number(4 if reader.version()[0] else 2)

    @property
    def picture(self) -> Item | None:
        """The primary item, if it is there."""
        return self.items.get(self.primary) if self.primary is not None else None

    def _items(self) -> Iterator[Item]:
        for entry in self.iinf.all(b"infe") if self.iinf else ():
            reader = Reader(self.data, entry)
            version, _ = reader.version()
            number = reader.number(4 if version == 3 else 2)
            reader.take(2)
            kind = reader.take(4) if version >= 2 else MIME
            reader.text()
            content, stop = (reader.text() if kind == MIME else b""), reader.at
            yield Item(number, kind, content, reader.text() if kind == MIME else b"", entry, stop)

    def _references(self) -> Iterator[Reference]:
        width = 4 if self.iref and self.data[self.iref.body] else 2
        for box in self.iref.inside if self.iref else ():
            reader = Reader(self.data, box)
            source, count = reader.number(width), reader.number(2)
            self._room.take(count)
            yield Reference(box.kind, source, reader.numbers(width, count), box)

    @cached_property
    def _by_source(self) -> dict[tuple[bytes, int], list[int]]:
        found: dict[tuple[bytes, int], list[int]] = {}
        for reference in self.references:
            found.setdefault((reference.kind, reference.source), []).extend(reference.targets)
        return found

    def targets(self, kind: bytes, source: int | None) -> list[int]:
        """What an item refers to in this way."""
        return self._by_source.get((kind, source), []) if source is not None else []

    def _locations(self) -> Iterator[tuple[int, Location]]:
        if not self.iloc:
            return
        reader, seen = Reader(self.data, self.iloc), set[int]()
        (version, _), sizes = reader.version(), reader.number(2)
        offset_size, length_size, base_size, index_size = (sizes >> n & 15 for n in (12, 8, 4, 0))
        index_size *= version > 0
        if version > 2 or {offset_size, length_size, base_size, index_size} - {0, 4, 8}:
            raise damaged("its table of places has an unknown form")
        width = 4 if version == 2 else 2
        for _ in range(reader.number(width)):
            number, method = reader.number(width), reader.number(2) & 15 if version else IN_FILE
            source, base, count = reader.number(2), reader.number(base_size), reader.number(2)
            if source or method > IN_ITEM or number in seen:
                raise damaged(f"item {number} lies in another file, or at two places")
            seen.add(number)
            self._room.take(count + 1)
            extents = []
            for _ in range(count):
                index, offset = reader.number(index_size), base + reader.number(offset_size)
                extents.append((index, offset, reader.number(length_size)))
            yield number, Location(method, tuple(extents))

    def _resolve(self, number: int, depth: int) -> tuple[Range, ...]:
        if number in self.ranges or number not in self.locations:
            return self.ranges.get(number, ())
        if depth > self._room.depth:
            raise LimitError(f"The data of item {number} lie in those of others, too deeply.")
        (method, extents), found, told = self.locations[number], list[Range](), list[tuple[int, int, int]]()
        for index, offset, length in extents:
            outer: tuple[Range, ...] = ((0, len(self.data)),)
            if method == IN_IDAT:
                outer = ((self.idat.body, self.idat.end),) if self.idat else ()
            elif method == IN_ITEM:
                sources = self.targets(b"iloc", number)
                if not 0 < (index or 1) <= len(sources):
                    raise damaged(f"the data of item {number} lie in an item that is not there")
                outer = self._resolve(sources[(index or 1) - 1], depth + 1)
            size = sum(end - start for start, end in outer)
            length = length or size - offset  # none told: all that follows
            if length < 0 or offset + length > size:
                raise damaged(f"the data of item {number} are cut off")
            self._room.take(len(outer) - 1)
            found += _cut(outer, offset, length)
            told.append((index, offset, length))
        if sum(end - start for start, end in found) > len(self.data):
            raise LimitError(f"The data of item {number} take the same bytes many times.")
        self.locations[number] = Location(method, tuple(told))
        self.ranges[number] = tuple(found)
        return self.ranges[number]

    def bytes_of(self, number: int) -> bytes:
        """An item's data."""
        return b"".join(self.data[start:end] for start, end in self.ranges.get(number, ()))

    @cached_property
    def associations(self) -> dict[int, list[int]]:
        """The numbers of each item's properties, from 1 on, in their order."""
        found: dict[int, list[int]] = {}
        for box in (b for iprp in self.box.all(b"iprp") for b in iprp.all(b"ipma")):
            reader = Reader(self.data, box)
            version, flags = reader.version()
            width = 2 if flags & 1 else 1
            for _ in range(reader.number(4)):
                number, count = reader.number(4 if version else 2), reader.number(1)
                self._room.take(count + 1)
                told = (n & (0x7FFF if width == 2 else 0x7F) for n in reader.numbers(width, count))
                found.setdefault(number, []).extend(n for n in told if n)
        return found

    def properties(self, number: int | None) -> list[Box]:
        """Those of an item, in their order."""
        holder = self.box.get(b"iprp", b"ipco")
        every = holder.inside if holder else []
        numbers = self.associations.get(number, []) if number is not None else []
        if any(n > len(every) for n in numbers):
            raise damaged(f"item {number} has a property that is not there")
        return [every[n - 1] for n in numbers]

    def extent(self, number: int | None) -> tuple[int, int]:
        """Width and height of an item before anything turns or clips it, px; 0 where that is not told."""
        told = next((box for box in self.properties(number) if box.kind == b"ispe"), None)
        _, width, height = Reader(self.data, told).numbers(4, 3) if told else (0, 0, 0)
        return width, height

    @cached_property
    def carriers(self) -> dict[Slot, Item]:
        """The items that hold metadata of the picture itself, not of its thumbnail, gain map or depth."""
        found: dict[Slot, Item] = {}
        family = {self.primary, *self.targets(b"dimg", self.primary)}
        for item in self.items.values() if self.iloc else ():
            slot = Slot.EXIF if item.kind == _EXIF else None
            if item.kind == MIME and item.content == XMP_TYPE:
                slot = Slot.XMP
            about = self.targets(b"cdsc", item.id)
            if slot and slot not in found and (not about or self.primary is None or family & {*about}):
                found[slot] = item
        return found

    def free_ids(self) -> Iterator[int]:
        """Numbers that nothing in the box has or points to, of two bytes as long as there are such."""
        groups = self.box.get(b"grpl")
        taken = {*self.items, *self.locations, *self.associations}
        taken |= {n for reference in self.references for n in (reference.source, *reference.targets)}
        for group in groups.inside if groups else ():
            taken.add(int.from_bytes(self.data[group.body + 4 : group.body + 8]))
        after = max((n for n in taken if n < 0xFFFF), default=0) + 1
        yield from (
            n
            for n in chain(range(after, 1 << 16), range(1, after), range(1 << 16, 1 << 32))
            if n not in taken
        )

    def table(self, locations: Mapping[int, Location], *, wide: bool) -> bytes:
        """The ``iloc`` box for these places; ``wide``: with numbers of eight bytes instead of four.

        It has the one form that c2pa, which moves all places once more, does not spoil: whole offsets in the extents,
        no base. As long as numbers and extents of items stay, its length does.

        Raises:
            UsageError: the table cannot hold so many items.
        """
        assert self.iloc
        version, size = self.data[self.iloc.body], 8 if wide else 4
        indexed = any(index for _, extents in locations.values() for index, _, _ in extents)
        code, extent = "I" if version == 2 else "H", f">{'I' * indexed}{'QQ' if wide else 'II'}"
        if len(locations) >> 16 and version < 2:
            raise UsageError("The file has no room for another item.", "Use a sidecar.")
        parts = [
            struct.pack(f">IH{code}", version << 24, size << 12 | size << 8 | 4 * indexed, len(locations))
        ]
        for number, (method, extents) in locations.items():
            head = (number, *((method,) if version else ()), 0, len(extents))
            parts.append(struct.pack(f">{code}{'H' * (len(head) - 1)}", *head))
            parts += (struct.pack(extent, *told[not indexed :]) for told in extents)
        return packed(b"iloc", *parts)


def _cut(outer: tuple[Range, ...], offset: int, length: int) -> Iterator[Range]:
    """Part of what lies in some ranges, which are long enough."""
    for start, end in outer:
        size = min(length, max(0, end - start - offset))
        if size:
            yield start + offset, start + offset + size
        offset = max(0, offset - (end - start))
        length -= size
