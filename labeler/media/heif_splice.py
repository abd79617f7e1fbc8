"""What is put into a HEIF file: metadata, and coded pictures in the place of others."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from labeler.errors import UsageError
from labeler.media import bmff_tracks
from labeler.media.base import Slot
from labeler.media.bmff import Box, Change, Cover, Range, Rewrite, packed
from labeler.media.bmff_items import IN_FILE, IN_IDAT, IN_ITEM, MIME, XMP_TYPE, Item, Location, Metadata
from labeler.media.bmff_tracks import Track
from labeler.media.heif import C2PA_UUID, EXIF_HEAD, TIFF, XMP_UUID, Heif, exif_head, plain

_HIDDEN = 1  # flag of an item that is not to be shown
_ENTRY = {Slot.EXIF: b"Exif\0", Slot.XMP: MIME + b"\0" + XMP_TYPE + b"\0"}  # type, name, MIME type
_NARROW = 1 << 16


class _Place(NamedTuple):
    """Where an item's data have gone: ``size`` bytes, behind ``skip`` others of what was put."""

    change: Change
    skip: int
    size: int
    method: int = IN_FILE


class Splice:
    """A file on its way to become another: first `put` and `replace`, then `pieces`, once."""

    def __init__(self, heif: Heif) -> None:
        self.heif, self.rewrite = heif, Rewrite(heif.data)
        self._moved: dict[tuple[Metadata, int], _Place] = {}
        self._chunks: dict[Track, tuple[_Place, Sequence[int]]] = {}
        self._fresh: list[tuple[Slot, bytes]] = []
        self._bytes = len(heif.data)
        holders = [*heif.top.all(b"mdat"), *(meta.idat for meta in heif.metas if meta.idat)]
        self._holders = sorted(holders, key=lambda box: box.body)
        self._bodies = [box.body for box in self._holders]

    def put(self, slot: Slot, payload: bytes) -> None:
        """Replace what a slot holds, wherever it does, or make a place for it.

        Raises:
            UsageError: the payload does not fit, or the file has no place for it.
        """
        heif, top = self.heif, self.heif.top.inside
        boxes = list(heif.uuid(XMP_UUID)) if slot is Slot.XMP else []
        if not payload:
            raise UsageError("An empty payload cannot be told from none.", "Leave it out.")
        if slot is Slot.EXIF and payload[:4] not in TIFF:
            raise UsageError("The EXIF block does not begin with a TIFF header.")
        if slot is Slot.C2PA:
            start, end = top[0].end, top[0].end
            if heif.manifest:
                start, end = heif.manifest[0].start, heif.manifest[0].end
            head = C2PA_UUID + bytes(4) + b"manifest\0" + bytes(8)
            self.change(start, end, packed(b"uuid", head, payload))
        elif carriers := heif.carriers(slot):
            done = dict[tuple[Range, ...], _Place]()
            for meta, item in carriers:
                ranges = meta.ranges.get(item.id, ())
                if ranges not in done:
                    done[ranges] = self._into(meta, item, slot, payload)
                self._moved[meta, item.id] = done[ranges]
        elif boxes:
            self.change(boxes[0].body + 16, boxes[0].end, payload, boxes[0])
        elif heif.main and heif.main.iloc and heif.main.iinf:
            self._fresh.append((slot, payload))
        elif slot is Slot.XMP:
            self.change(top[0].end, top[0].end, packed(b"uuid", XMP_UUID, payload))
        else:
            raise UsageError("A film without items has no place for EXIF.", "Leave it out.")

    def change(self, start: int, end: int, new: bytes, within: Box | None = None) -> Change:
        """Put bytes in the place of others."""
        bmff_tracks.check_untouched(self.heif.top, start)
        self._bytes += len(new)
        return self.rewrite.put(start, end, new, within)

    def _into(self, meta: Metadata, item: Item, slot: Slot, payload: bytes) -> _Place:
        raw = meta.bytes_of(item.id)
        if item.encoding:
            if plain(raw, item.encoding) is None:
                how = item.encoding.decode("latin-1")
                raise UsageError(f"The file's metadata are compressed in a way not known here ({how}).")
            entry = packed(b"infe", self.heif.data[item.entry.body : item.stop])
            self.change(item.entry.start, item.entry.end, entry, item.entry.up)
        if slot is Slot.EXIF:
            head = exif_head(raw)
            fits = head != raw and int.from_bytes(head[:4]) == len(head) - 4
            payload = (head if fits else EXIF_HEAD) + payload
        return self.replace(meta, item.id, payload, {pair[1].entry for pair in self.heif.carriers(slot)})

    def replace(self, meta: Metadata, number: int, new: bytes, also: set[Box]) -> _Place:
        """Give an item other data, in the place of its own if they are nobody else's (but of the entries in ``also``)."""
        ranges, (method, _) = meta.ranges.get(number, ()), meta.locations.get(number, Location(IN_FILE, ()))
        if any(number in r.targets for r in meta.references if r.kind == b"iloc"):
            raise UsageError("Other items lie in the file's metadata.", "Use a sidecar.")
        holder = self._holder(ranges) if method != IN_ITEM else None
        if holder and not self._shared(ranges, also):
            first, *others = ranges
            for start, end in others:
                self.change(start, end, b"", holder)
            return _Place(self.change(*first, new, holder), 0, len(new), method)
        return self._behind(meta, new)

    def swap(
        self, new: bytes, items: Mapping[tuple[Metadata, int], Range], tracks: Mapping[Track, Sequence[int]]
    ) -> None:
        """Let other data take the place of those of some items and tracks.

        ``items`` and ``tracks`` tell where in ``new`` each item, and each chunk, is; what else a track's tables say of
        its samples is up to the caller. Bytes that somebody else needs stay.
        """
        old, kept = list[Range](), list[Range]()
        for meta in self.heif.metas:
            for number, ranges in meta.ranges.items():
                (old if (meta, number) in items else kept).extend(ranges)
        for track in self.heif.tracks:
            (old if track in tracks else kept).extend(track.chunks)
        taken = Cover(kept)
        free = [r for r in Cover(old).ranges if not taken.meets(*r) and self._holder((r,))]
        place = _Place(self.change(*free[0], new, self._holder(free[:1])), 0, len(new)) if free else None
        for start, end in free[1:]:
            self.change(start, end, b"", self._holder(((start, end),)))
        if not place:
            place = self._behind(self.heif.metas[0], new)
        for key, (start, end) in items.items():
            self._moved[key] = _Place(place.change, place.skip + start, end - start)
        for track, starts in tracks.items():
            self._chunks[track] = place, starts

    def _behind(self, meta: Metadata, new: bytes) -> _Place:
        """In a box of its own behind that of the items."""
        box = meta.box
        while box.up and box.up.kind:
            box = box.up
        return _Place(self.change(box.end, box.end, packed(b"mdat", new)), 8, len(new))

    def _holder(self, ranges: Sequence[Range]) -> Box | None:
        """The one box that holds nothing but data, and these."""
        if not ranges or any(b[0] < a[1] for a, b in pairwise(ranges)):
            return None
        n = bisect_right(self._bodies, ranges[0][0])
        box = self._holders[n - 1] if n else None
        return box if box and ranges[-1][1] <= box.end else None

    def _shared(self, ranges: Sequence[Range], also: set[Box]) -> bool:
        others = [r for track in self.heif.tracks for r in track.chunks]
        for meta in self.heif.metas:
            for number, own in meta.ranges.items():
                item = meta.items.get(number)
                if not (item and item.entry in also and own == ranges):
                    others.extend(own)
        taken = Cover(others)
        return any(taken.meets(*r) for r in ranges)

    def _add(self, meta: Metadata) -> dict[int, _Place]:
        """New items that describe the picture."""
        assert meta.iinf and meta.iloc and meta.primary is not None
        data = self.heif.data
        fresh = list(zip(islice(meta.free_ids(), len(self._fresh)), self._fresh, strict=True))
        highest = max(number for number, _ in fresh)
        wide = bool(data[meta.iref.body]) if meta.iref else max(highest, meta.primary) >= _NARROW
        if max(highest, meta.primary * (not wide)) >= _NARROW and not (wide and data[meta.iloc.body] == 2):
            raise UsageError("The file has no number left for another item.", "Use a sidecar.")
        code, links = ">IHI" if wide else ">HHH", list[bytes]()
        for number, (slot, _) in fresh:
            version, short = (2, ">IHH") if number < _NARROW else (3, ">IIH")
            entry = struct.pack(short, version << 24 | _HIDDEN, number, 0) + _ENTRY[slot]
            self.change(meta.iinf.end, meta.iinf.end, packed(b"infe", entry), meta.iinf)
            links.append(packed(b"cdsc", struct.pack(code, number, 1, meta.primary)))
        if meta.iref:
            self.change(meta.iref.end, meta.iref.end, b"".join(links), meta.iref)
        else:
            iref = packed(b"iref", bytes((wide, 0, 0, 0)), *links)
            self.change(meta.box.end, meta.box.end, iref, meta.box)
        heads = {Slot.EXIF: EXIF_HEAD}
        return {n: self._behind(meta, heads.get(slot, b"") + payload) for n, (slot, payload) in fresh}

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The new file.

        Raises:
            UsageError: it would not hold together. UnreadableError: a table in it is malformed.
        """
        main, rewrite = self.heif.main, self.rewrite
        fresh = self._add(main) if main and self._fresh else {}
        wide = self._bytes >= (1 << 32) - (1 << 24)
        tables = list[tuple[Metadata, dict[int, Location], dict[int, _Place], Change]]()
        for meta in self.heif.metas:
            if meta.iloc:
                own = {n: p for (m, n), p in self._moved.items() if m is meta} | (
                    fresh if meta is main else {}
                )
                known = {
                    n: Location(IN_FILE, ((0, 0, 0),)) if n in own else meta.locations[n]
                    for n in {**meta.locations, **own}
                }
                change = self.change(meta.iloc.start, meta.iloc.end, meta.table(known, wide=wide), meta.box)
                tables.append((meta, known, own, change))
        films = {
            track: self.change(
                track.table.start, track.table.end, _chunk_table([0] * len(starts), wide), track.table.up
            )
            for track, (_, starts) in self._chunks.items()
        }
        rewrite.settle()
        for track, change in films.items():
            place, starts = self._chunks[track]
            change.new = _chunk_table([place.change.at + place.skip + start for start in starts], wide)
        for meta, known, own, change in tables:
            told = {n: _told(rewrite, meta, location, own.get(n)) for n, location in known.items()}
            change.new = meta.table(told, wide=wide)
        if main and main.iinf and fresh:
            width = 4 if self.heif.data[main.iinf.body] else 2
            rewrite.patch(main.iinf.body + 4, len(list(main.iinf.all(b"infe"))) + len(fresh), width)
        bmff_tracks.move(rewrite, self.heif.top, [t for t in self.heif.tracks if t not in films])
        rewrite.check(Cover(self._kept()))
        return rewrite.pieces()

    def _kept(self) -> Iterator[Range]:
        """The data of all that is not replaced."""
        for meta in self.heif.metas:
            for number, ranges in meta.ranges.items():
                yield from () if (meta, number) in self._moved else ranges
        for track in self.heif.tracks:
            yield from () if track in self._chunks else track.chunks


def _told(rewrite: Rewrite, meta: Metadata, location: Location, place: _Place | None) -> Location:
    """Where an item's data lie in the new file."""
    method = place.method if place else location.method
    base = moved = 0
    if method == IN_IDAT and meta.idat:
        base, moved = (
            meta.idat.body,
            rewrite.moved(meta.idat.start, meta.idat.body) + meta.idat.body - meta.idat.start,
        )
    if place:
        offset = place.change.at + place.skip - moved
        return Location(method, ((0, offset, place.size),))
    if method == IN_ITEM:
        return location
    extents = ((i, rewrite.moved(base + at, base + at + n) - moved, n) for i, at, n in location.extents)
    return Location(method, tuple(extents))


def _chunk_table(places: Sequence[int], wide: bool) -> bytes:
    head = struct.pack(">II", 0, len(places))
    return packed(
        b"co64" if wide else b"stco", head, struct.pack(f">{len(places)}{'Q' if wide else 'I'}", *places)
    )
