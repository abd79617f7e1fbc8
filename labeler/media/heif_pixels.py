"""Pixels of AVIF and HEIC: decoded, drawn on and coded again as a whole; all around the coded picture stays.

ISO/IEC 23008-12, sections 6.6.2.3 (grids) and 7 (films); ISO/IEC 14496-12, section 12.1.5 (what colours mean); AV1 codec
mapping, section 2.3 (``av1C``); ISO/IEC 14496-15, section 8.3 (``hvcC``). Pillow codes AV1; HEVC only where the user has
installed pillow-heif, whose wheels are under the GPL: nothing here needs or brings it. Both know 8 bits: where more than
a little would be lost, nothing is drawn.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from PIL import Image, features

from labeler.errors import LabelError, LimitError, NoticeError, UnreadableError
from labeler.media import bmff
from labeler.media.base import Box, Limits, Painted
from labeler.media.bmff import Range, Reader
from labeler.media.bmff_items import IN_ITEM, Metadata
from labeler.media.bmff_tracks import Track
from labeler.media.heif import Heif, brands, parse
from labeler.media.heif_splice import Splice
from labeler.media.pixels import flat, open_picture, swaps, turned, upright

QUALITY = 95
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"
# what may be said of a picture, and stays true when it is drawn on
_ITEM = frozenset(b"ispe pixi colr irot imir pasp auxC udes altt rloc".split())
_SAMPLE = frozenset(b"colr pasp ccst auxi btrt".split())
_TABLES = frozenset(b"stsd stts stsc stsz stco co64 stss".split())
_RENEWED = (b"stsc", b"stsz", b"stss")
_HDR = (16, 18)  # transfer characteristics: PQ and HLG
_SIZE_AT, _BOXES_AT = 24, 78  # in a visual sample entry


class Codec(NamedTuple):
    """A way of coding: Pillow's name of the format, the kind of items, the property that configures them."""

    name: str
    kind: bytes
    config: bytes
    lacking: Callable[[], str]  # why it cannot be used here, if so
    sampling: Callable[
        [bytes], str | None
    ]  # what that property says, as Pillow writes it; None: more than 8 bits
    options: Callable[[str], Mapping[str, Any]]  # of Pillow, for a sampling
    turns: bool = False  # whether the decoder shows pictures upright
    even: bool = False  # whether sides have to be


def _no_av1() -> str:
    if not features.check("avif"):
        return "this Pillow was built without AVIF"
    from PIL import _avif

    return "" if _avif.encoder_codec_available("aom") else "this Pillow cannot code AV1"


def _no_hevc() -> str:
    try:
        import pillow_heif
    except ImportError:
        return "HEVC is coded only where pillow-heif is installed, whose wheels are under the GPL"
    pillow_heif.register_heif_opener(thumbnails=False)
    return "" if pillow_heif.libheif_info()["HEIF"] else "the pillow-heif here cannot code HEVC"


def _av1_sampling(config: bytes) -> str | None:
    flags = config[2]
    if flags & 0x60:
        return None
    return "4:0:0" if flags & 0x10 else ("4:4:4", "4:2:2", "4:4:4", "4:2:0")[flags >> 3 & 1 | flags >> 1 & 2]


def _hevc_sampling(config: bytes) -> str | None:
    if config[17] & 7 or config[18] & 7:
        return None
    return ("4:0:0", "4:2:0", "4:2:2", "4:4:4")[config[16] & 3]


AV1 = Codec("AVIF", b"av01", b"av1C", _no_av1, _av1_sampling, lambda s: {"subsampling": s, "speed": 8})
HEVC = Codec(
    "HEIF", b"hvc1", b"hvcC", _no_hevc, _hevc_sampling, lambda s: {"chroma": s.replace(":", "")}, True, True
)


CODECS = {codec.name: codec for codec in (AV1, HEVC)}


def _undrawn(why: str) -> NoticeError:
    return NoticeError(
        f"no notice can be drawn on this file: {why}.",
        "Show the notice beside it and pass --notice none, or convert it to PNG or JPEG.",
    )


class _Picture(NamedTuple):
    """What is drawn on: the items that are coded and what each of them shows (as stored), the plane of alpha."""

    meta: Metadata
    number: int
    cells: Mapping[int, Box]
    alpha: int | None
    sampling: str

    @property
    def items(self) -> set[int]:
        """All whose properties change with the coding."""
        return {self.number, *self.cells} | ({self.alpha} if self.alpha is not None else set())


def _picture(heif: Heif, codec: Codec) -> _Picture:
    """Raises NoticeError: something would be lost, or is not known to stay."""
    if lacking := codec.lacking():
        raise _undrawn(lacking)
    meta, item = heif.main, heif.main.picture if heif.main else None
    if not meta or not item:
        raise _undrawn("it is a film without a still picture")
    tiles = meta.targets(b"dimg", item.id) if item.kind == b"grid" else []
    size = heif.size[::-1] if swaps(heif.orientation) else heif.size
    cells = _cells(meta, tiles, size) if tiles else {item.id: Box(0, 0, *size)}
    if any(n not in meta.items or meta.items[n].kind != codec.kind for n in cells):
        raise _undrawn(f"it holds its picture in another way than {codec.kind.decode()}")
    if any(meta.locations[n].method == IN_ITEM for n in cells if n in meta.locations):
        raise _undrawn("its picture lies within another item, where decoders do not look")
    aux = {r.source: _purpose(meta, r.source) for r in meta.references if r.kind == b"auxl"}
    alphas = [
        n
        for n, purpose in aux.items()
        if purpose in _ALPHA and {item.id, *cells} & {*meta.targets(b"auxl", n)}
    ]
    if alphas and (tiles or len(alphas) > 1 or meta.items[alphas[0]].kind != codec.kind):
        raise _undrawn("its alpha plane is in parts")
    if meta.targets(b"prem", item.id):
        raise _undrawn("its colours are multiplied by alpha")
    turns = [box.kind for box in meta.properties(item.id) if box.kind in (b"irot", b"imir")]
    if turns not in ([], [b"irot"], [b"imir"], [b"irot", b"imir"]):
        raise _undrawn("decoders turn it in different ways")
    sampling = ""
    for number in {item.id, *cells, *alphas}:
        for box in meta.properties(number):
            content = heif.data[box.body : box.end]
            if box.kind == codec.config:
                found = _sampling(codec, content)
                sampling = found if number in cells else sampling
            elif box.kind not in _ITEM:
                raise _undrawn(
                    f"what it says of its picture ({box.kind.decode('latin-1')}) would not stay true"
                )
    told = [
        heif.data[b.body : b.end] for n in (item.id, *cells) for b in meta.properties(n) if b.kind == b"colr"
    ]
    _check_colours(told)
    if codec.even and any(cell.w % 2 or cell.h % 2 for cell in cells.values()):
        raise _undrawn("its sides are odd, which the encoder does not keep")
    return _Picture(meta, item.id, cells, alphas[0] if alphas else None, sampling)


def _purpose(meta: Metadata, number: int) -> bytes:
    """What an auxiliary picture is for."""
    for box in meta.properties(number) if number in meta.items else ():
        if box.kind == b"auxC":
            reader = Reader(meta.data, box)
            reader.version()
            return reader.text()
    return b""


def _sampling(codec: Codec, content: bytes) -> str:
    found = codec.sampling(content.ljust(24, b"\xff"))
    if found is None:
        raise _undrawn("its colours have more than 8 bits, and would be coded with 8")
    return found


def _check_colours(told: Sequence[bytes]) -> None:
    if not told:
        raise _undrawn("it does not say what its colours mean")
    if any(content[:4] == b"nclx" and int.from_bytes(content[6:8]) in _HDR for content in told):
        raise _undrawn("it is HDR")


def _cells(meta: Metadata, tiles: Sequence[int], size: tuple[int, int]) -> dict[int, Box]:
    """What the tiles of a grid show; those at its edges reach over them."""
    _, _, rows, columns = meta.bytes_of(meta.primary or 0)[:4].ljust(4, b"\0")
    width, height = extent = meta.extent(tiles[0])
    cells = {
        n: Box(i % (columns + 1) * width, i // (columns + 1) * height, width, height)
        for i, n in enumerate(tiles)
    }
    whole = len(tiles) == len(cells) == (rows + 1) * (columns + 1) and all(
        meta.extent(n) == extent for n in tiles
    )
    if not whole or (columns + 1) * width < size[0] or (rows + 1) * height < size[1]:
        raise _undrawn("its grid of tiles is malformed")
    return cells


def _check_films(heif: Heif, codec: Codec) -> None:
    """Raises NoticeError: frames would be lost, or more than can be kept is said of them."""
    if not heif.tracks:
        return
    handlers = [
        heif.data[b.body + 8 : b.body + 12] for t in heif.tracks if (b := t.box.get(b"mdia", b"hdlr"))
    ]
    alone = handlers in ([b"pict"], [b"pict", b"auxv"], [b"vide"], [b"vide", b"auxv"])
    if codec is not AV1 or brands(heif.data[:4096])[:1] != (b"avis",) or heif.orientation != 1 or not alone:
        raise _undrawn("it is a film of a kind that is not drawn on")
    if len({track.frames for track in heif.tracks}) > 1 or heif.tracks[0].frames < 2:
        raise _undrawn("its films differ in length, or are of one frame")
    for track in heif.tracks:
        table = track.table.up
        if not table or not {box.kind for box in table.inside} <= _TABLES:
            raise _undrawn("its film has tables that would not stay true")
        entry, inner = _sample_entry(heif, track)
        if entry.kind != codec.kind or not {b.kind for b in inner} <= _SAMPLE | {codec.config}:
            raise _undrawn("what it says of its frames would not stay true")
        for box in inner:
            if box.kind == codec.config:
                _sampling(codec, heif.data[box.body : box.end])
        if track is heif.tracks[0]:
            _check_colours([heif.data[b.body : b.end] for b in inner if b.kind == b"colr"])


def _sample_entry(heif: Heif, track: Track) -> tuple[bmff.Box, list[bmff.Box]]:
    """What says how a film's frames are coded, and the boxes in it."""
    box = track.table.up.get(b"stsd") if track.table.up else None
    entries = list(bmff.inside(heif.data, box, box.body + 8)) if box else []
    if len(entries) != 1:
        raise _undrawn("its film is coded in several ways")
    return entries[0], list(bmff.inside(heif.data, entries[0], entries[0].body + _BOXES_AT))


class HeifSurface:
    """The `RasterSurface` of AVIF and HEIC."""

    def __init__(self, heif: Heif, codec: Codec, limits: Limits) -> None:
        self._heif, self._codec, self._limits = heif, codec, limits
        self._picture = _picture(heif, codec)
        _check_films(heif, codec)

    @property
    def size(self) -> tuple[int, int]:
        return self._heif.size

    def fit(self, box: Box, *, band: bool = False) -> Box:
        """Even where colours are shared between pixels. Also raises NoticeError: a grid of tiles does not grow."""
        if band:
            if len(self._picture.cells) > 1:
                raise NoticeError("a picture in tiles takes no notice under it.", "Put the notice onto it.")
            return Box(box.x, box.y, box.w, box.h + (box.y + box.h) % 2 * self._codec.even)
        if self._picture.sampling in ("4:4:4", "4:0:0"):
            return box
        x, y = box.x & ~1, box.y & ~1
        right, below = (
            min(n + n % 2, side) for n, side in zip((box.x + box.w, box.y + box.h), self.size, strict=True)
        )
        return Box(x, y, right - x, below - y)

    def regions(self, box: Box) -> Sequence[Image.Image]:
        with _coding():
            corners = box.x, box.y, box.x + box.w, box.y + box.h
            return [flat(frame.crop(corners)) for frame in self._frames()]

    def _frames(self) -> Iterator[Image.Image]:
        """Every frame as displayed."""
        heif, codec = self._heif, self._codec
        image = open_picture(heif.data[: heif.top.end], self._limits, codec.name)
        shown = image.size[::-1] if not codec.turns and swaps(heif.orientation) else image.size
        if shown != heif.size or (heif.tracks and getattr(image, "n_frames", 1) != heif.tracks[0].frames):
            raise UnreadableError("The decoder finds another picture in the file than is told.")
        for n in range(heif.tracks[0].frames if heif.tracks else 1):
            if n:
                image.seek(n)
            image.load()
            yield image if codec.turns else upright(image, heif.orientation)

    def paint(self, plate: Image.Image, box: Box, *, band: bool = False) -> Painted:
        """Also raises NoticeError: what has to change is needed by something else, too."""
        heif, picture = self._heif, self._picture
        shown = (self.size[0], box.y + box.h) if band else self.size
        stored = shown[::-1] if swaps(heif.orientation) else shown
        if heif.tracks and stored[0] * stored[1] * heif.tracks[0].frames > self._limits.max_pixels:
            raise LimitError(
                "The film has more pixels than are coded again at once.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        with _coding():
            sheets = [self._sheet(frame, plate, box, shown) for frame in self._frames()]
            if heif.tracks or band:
                coded = {picture.number: self._coded(sheets)}
            else:
                coded = {
                    n: self._coded([sheets[0].crop((c.x, c.y, c.x + c.w, c.y + c.h))])
                    for n, c in picture.cells.items()
                }
        splice = Splice(heif)
        _swap(splice, picture, coded)
        _tell(splice, picture, self._codec, coded, stored if band else None)
        return Painted(b"".join(splice.pieces()), tuple(self._degradations()), exact=False)

    def _sheet(self, frame: Image.Image, plate: Image.Image, box: Box, shown: tuple[int, int]) -> Image.Image:
        """A frame with the plate on it, as it is stored."""
        sheet = Image.new(frame.mode, shown, "black")
        sheet.paste(frame, (0, 0))
        sheet.paste(plate if frame.mode.startswith("RGB") else plate.convert("L"), (box.x, box.y))
        return turned(sheet, self._heif.orientation)

    def _coded(self, sheets: Sequence[Image.Image]) -> Heif:
        out, more = io.BytesIO(), dict[str, Any]()
        profile = next((c[4:] for c in self._colours() if c[:4] in (b"prof", b"rICC")), None)
        if self._heif.tracks:
            more = {"save_all": True, "append_images": sheets[1:], "duration": 100}
        if self._codec is AV1 and profile:
            more["icc_profile"] = profile  # the coded colours then say that they are told elsewhere
        options = self._codec.options(self._picture.sampling)
        sheets[0].save(out, self._codec.name, quality=QUALITY, **options, **more)
        new = parse(out.getvalue(), self._limits)
        if len(new.tracks) != len(self._heif.tracks):
            raise _undrawn("the film's alpha plane hides nothing, and would be lost")
        return new

    def _colours(self) -> Iterator[bytes]:
        for box in self._heif.properties:
            if box.kind == b"colr":
                yield self._heif.data[box.body : box.end]

    def _degradations(self) -> Iterator[str]:
        meta, number = self._picture.meta, self._picture.number
        yield f"the picture was encoded again at quality {QUALITY}"
        if any(r.kind == b"thmb" and number in r.targets for r in meta.references):
            yield "its thumbnail shows no notice"
        gain = any(item.kind == b"tmap" for item in meta.items.values())
        if gain or any(_purpose(meta, r.source) == _GAIN_MAP for r in meta.references if r.kind == b"auxl"):
            yield "its HDR gain map stays as it was: on such screens the notice may glow unevenly"


def _alpha_of(new: Heif) -> int | None:
    """The alpha plane of a file that was just written."""
    assert new.main
    return next((r.source for r in new.main.references if r.kind == b"auxl"), None)


def _swap(splice: Splice, picture: _Picture, coded: Mapping[int, Heif]) -> None:
    """Put the coded data in the place of the old ones."""
    blob, items, tracks = list[bytes](), dict[tuple[Metadata, int], Range](), dict[Track, list[int]]()
    at = 0
    for number, new in coded.items():
        mdat = new.top.get(b"mdat")
        assert mdat and new.main and new.main.primary is not None
        shift = at - mdat.body
        sources = {number: new.main.primary}
        if picture.alpha is not None and (alpha := _alpha_of(new)) is not None:
            sources[picture.alpha] = alpha
        for old, source in sources.items():
            ((start, end),) = new.main.ranges[source]
            items[picture.meta, old] = start + shift, end + shift
        for track, fresh in zip(splice.heif.tracks, new.tracks, strict=True):
            tracks[track] = [start + shift for start, _ in fresh.chunks]
        blob.append(new.data[mdat.body : mdat.end])
        at += mdat.end - mdat.body
    splice.swap(b"".join(blob), items, tracks)


def _tell(
    splice: Splice, picture: _Picture, codec: Codec, coded: Mapping[int, Heif], size: tuple[int, int] | None
) -> None:
    """Let properties and tables say how the new data are coded, and how large the picture is now."""
    heif, meta, first = splice.heif, picture.meta, next(iter(coded.values()))
    changes = dict[bmff.Box, bytes]()
    for number in picture.items:
        new = coded.get(number, first)
        assert new.main
        source = _alpha_of(new) if number == picture.alpha else new.main.primary
        if source is None:
            if size:
                raise _undrawn("an alpha plane that hides nothing does not grow with it")
            continue
        told = {box.kind: new.data[box.start : box.end] for box in reversed(new.main.properties(source))}
        nclx = _nclx(new, new.main.properties(source))
        for box in meta.properties(number):
            fresh = _changed(heif, box, codec, told, nclx, size)
            if fresh is not None and changes.setdefault(box, fresh) != fresh:
                raise UnreadableError("The encoder codes the parts of this picture in different ways.")
    others = {b for n in meta.associations if n not in picture.items for b in meta.properties(n)}
    for box, fresh in changes.items():
        if fresh != heif.data[box.start : box.end]:
            if box in others:
                raise _undrawn("its pictures share what would have to change for one of them")
            splice.change(box.start, box.end, fresh, box.up)
    for track, new_track in zip(heif.tracks, first.tracks, strict=True):
        _tell_film(splice, track, first, new_track, codec, size)


def _nclx(new: Heif, boxes: Iterable[bmff.Box]) -> bytes:
    """Matrix and range of just coded colours."""
    told = (new.data[box.body : box.end] for box in boxes if box.kind == b"colr")
    return next((content[8:11] for content in told if content[:4] == b"nclx"), b"")


def _changed(
    heif: Heif,
    box: bmff.Box,
    codec: Codec,
    told: Mapping[bytes, bytes],
    nclx: bytes,
    size: tuple[int, int] | None,
) -> bytes | None:
    """What a property has to be from now on, if it is of a kind that changes."""
    if box.kind in (codec.config, b"pixi"):
        return told.get(box.kind)
    if box.kind == b"ispe" and size:
        return bmff.packed(b"ispe", struct.pack(">III", 0, *size))
    if box.kind == b"colr" and heif.data[box.body : box.body + 4] == b"nclx" and nclx:
        return heif.data[box.start : box.body + 8] + nclx + heif.data[box.body + 11 : box.end]
    return None


def _tell_film(
    splice: Splice, track: Track, new: Heif, new_track: Track, codec: Codec, size: tuple[int, int] | None
) -> None:
    heif, table, fresh = splice.heif, track.table.up, new_track.table.up
    assert table and fresh
    for kind in _RENEWED:
        old, source = table.get(kind), fresh.get(kind)
        raw = new.data[source.start : source.end] if source else b""
        splice.change(old.start if old else table.end, old.end if old else table.end, raw, table)
    entry, inner = _sample_entry(heif, track)
    _, boxes = _sample_entry(new, new_track)
    told, nclx = {b.kind: new.data[b.start : b.end] for b in boxes}, _nclx(new, boxes)
    for box in inner:
        changed = _changed(heif, box, codec, told, nclx, None)
        if changed is not None:
            splice.change(box.start, box.end, changed, entry)
    header = track.box.get(b"tkhd")
    if size and header:
        sides = struct.pack(">II", size[0] << 16, size[1] << 16)
        splice.change(header.end - 8, header.end, sides, header)
        splice.change(entry.body + _SIZE_AT, entry.body + _SIZE_AT + 4, struct.pack(">HH", *size), entry)


@contextmanager
def _coding() -> Iterator[None]:
    try:
        yield
    except LabelError:
        raise
    except Exception as e:  # decoders and encoders raise whatever the bytes make them raise
        raise UnreadableError(f"The picture's pixels cannot be read or written ({e}).") from e
