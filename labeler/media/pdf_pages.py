"""Pages of a PDF: notices stamped on them as shared form objects, and pages rendered to see what a viewer shows."""

from __future__ import annotations

import itertools
import math
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pikepdf

from labeler import fonts
from labeler.errors import LimitError, UnreadableError
from labeler.fonts import subset
from labeler.media import pdf_archive, pdf_tags
from labeler.media.base import Box, Limits, Line, Painted, Stamp
from labeler.media.pdf_bounds import Drawing, inflated
from labeler.media.pdf_update import Ref, Update, changed, dictionary, opened, pages, raw, ref, stream

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_SIDE = 14_400  # user units, ISO 32000-1 Annex C
_GREY = b"[ /CalGray << /WhitePoint [ 0.9505 1 1.089 ] /Gamma 2.2 >> ]"
_SAVE, _RESTORE = pikepdf.Operator("q"), pikepdf.Operator("Q")
_rendering = threading.Lock()  # pdfium is not thread-safe


class Pages:
    """A PDF that is stamped on, and looked at."""

    def __init__(self, data: bytes, limits: Limits, password: str = "") -> None:
        self.data, self.limits, self.password = data, limits, password

    @cached_property
    def pdf(self) -> pikepdf.Pdf:
        return opened(self.data, self.password)

    @cached_property
    def _pages(self) -> list[pikepdf.Object]:
        return pages(self.pdf, self.limits.max_parts)

    @cached_property
    def _views(self) -> list[View]:
        return [View(page) for page in self._pages]

    @property
    def most(self) -> int:
        return self.limits.max_pages

    @property
    def pages(self) -> Sequence[tuple[float, float]]:
        return [view.size for view in self._views]

    @property
    def bare(self) -> Pages:
        if any(pdf_tags.is_ours(c) for page in self._pages for c in _contents(page)):
            return Pages(self.stamp({}).data, self.limits, self.password)
        return self

    def stamp(self, stamps: Mapping[int, Stamp]) -> Painted:
        update = Update(self.data, self.pdf)
        archive = pdf_archive.claimed(pdf_archive.metadata(self.pdf, self.limits))
        ink = _Ink(
            update,
            frozenset(c for s in stamps.values() for line in s.lines for c in line.text),
            archive,
            self.limits,
        )
        for number, page in enumerate(self._pages):
            before = _contents(page)
            kept = [c for c in before if not pdf_tags.is_ours(c)]
            if number in stamps:
                update.put(page, ink.stamped(page, self._views[number], kept, stamps[number]))
            elif len(kept) < len(before):
                update.put(page, changed(page, {"/Contents": _list(map(raw, kept))}))
        return Painted(update.written(finished=False))

    def rendered(self, page: int, box: Box, size: tuple[int, int]) -> Image:
        import pypdfium2
        from PIL.Image import Resampling

        view = self._views[page]
        self._drawing.check(self._pages[page], _inherited(self._pages[page], "/Resources"))
        try:
            with _rendering:
                shown = self._document[page]
                width, height = shown.get_size()  # pdfium knows no UserUnit
                unit = width / view.size[0]
                scale = size[0] / (box.w * unit)
                whole = math.ceil(width * scale), math.ceil(height * scale)
                x, y = (place * whole[k] / view.size[k] for k, place in enumerate((box.x, box.y)))
                right, low = x + box.w * whole[0] / view.size[0], y + box.h * whole[1] / view.size[1]
                # whole px that cover the box, of which the very box is then taken
                edges = (
                    max(0, int(x) - 1),
                    max(0, whole[1] - int(low) - 2),
                    max(0, whole[0] - int(right) - 2),
                    max(0, int(y) - 1),
                )
                picture: Image = shown.render(
                    scale=scale, crop=tuple((e - 0.5) / scale if e else 0 for e in edges)
                ).to_pil()
                shown.close()
        except (pypdfium2.PdfiumError, ValueError, MemoryError) as e:
            raise UnreadableError(
                f"Page {page + 1} cannot be rendered ({e}).", "Open and save it again."
            ) from e
        exact = (
            x - edges[0],
            y - edges[3],
            min(right - edges[0], picture.width),
            min(low - edges[3], picture.height),
        )
        return picture.convert("RGB").resize(size, Resampling.BILINEAR, exact)

    def pictures(self, page: int) -> Iterator[pikepdf.Stream]:
        """The pictures that a page may draw, those of its forms too; each once for the document."""
        queue = [_inherited(self._pages[page], "/Resources")]
        while queue:
            resources = queue.pop()
            objects = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
            for drawn in objects.values() if isinstance(objects, pikepdf.Dictionary) else ():
                if not isinstance(drawn, pikepdf.Stream) or drawn.objgen in self._met:
                    continue
                self._met.add(drawn.objgen)
                if len(self._met) > self.limits.max_parts:
                    raise LimitError(
                        "The PDF has too many parts.",
                        "If you trust it, allow more: `labeler.Limits` in Python.",
                    )
                if drawn.get("/Subtype") == "/Image":
                    yield drawn
                else:
                    queue.append(drawn.get("/Resources"))

    @cached_property
    def _met(self) -> set[tuple[int, int]]:
        return set()

    def text(self, page: int) -> str:
        """What a reader reads on a page. Raises: UnreadableError: it cannot be known. LimitError: too large."""
        import pypdfium2

        self._drawing.check(self._pages[page], _inherited(self._pages[page], "/Resources"))
        try:
            with _rendering:
                shown = self._document[page]
                words = shown.get_textpage()
                said: str = words.get_text_bounded()
                words.close()
                shown.close()
        except (pypdfium2.PdfiumError, ValueError, MemoryError) as e:
            raise UnreadableError(
                f"The text of page {page + 1} cannot be read ({e}).", "Save it again."
            ) from e
        return said

    @cached_property
    def _drawing(self) -> Drawing:
        return Drawing(self.limits)

    @cached_property
    def _document(self) -> Any:
        import pypdfium2

        try:
            document = pypdfium2.PdfDocument(self.data, self.password or None)
        except pypdfium2.PdfiumError:
            if not self.password:
                raise
            document = pypdfium2.PdfDocument(self.data)  # as `opened` does
        document.init_forms()  # a field too can cover something
        return document


class View:
    """How a page is shown: ISO 32000-2, 14.11.2 and 7.7.3.3."""

    def __init__(self, page: pikepdf.Object) -> None:
        media = _rectangle(_inherited(page, "/MediaBox")) or (0.0, 0.0, 612.0, 792.0)
        crop = _rectangle(_inherited(page, "/CropBox")) or media
        inside = (
            max(crop[0], media[0]),
            max(crop[1], media[1]),
            min(crop[2], media[2]),
            min(crop[3], media[3]),
        )
        self.media, self.box = media, inside if inside[0] < inside[2] and inside[1] < inside[3] else media
        turn = _inherited(page, "/Rotate")
        self.turn = turn % 360 if isinstance(turn, int) and turn % 90 == 0 else 0
        unit = page.get("/UserUnit", 1)
        self.unit = float(unit) if not isinstance(unit, pikepdf.Object) and 0 < float(unit) < 75_001 else 1.0
        width, height = (self.box[2] - self.box[0]) * self.unit, (self.box[3] - self.box[1]) * self.unit
        self.size = (height, width) if self.turn in (90, 270) else (width, height)

    def matrix(self, stamp: Stamp) -> tuple[float, ...]:
        """From the stamp's own space (pt, lower left corner) to the page's; where the page has grown already."""
        left, foot = stamp.box.x / self.unit, (self.size[1] - stamp.box.y - stamp.box.h) / self.unit
        left_x, low, right, top = self.box
        s = 1 / self.unit
        match self.turn:
            case 90:
                return (0, s, -s, 0, right - foot, low + left)
            case 180:
                return (-s, 0, 0, -s, right - left, top - foot)
            case 270:
                return (0, -s, s, 0, left_x + foot, top - left)
        return (s, 0, 0, s, left_x + left, low + foot)

    def grown(self, box: tuple[float, float, float, float], grow: float) -> bytes:
        """A page box with more height at the displayed foot, pt."""
        x0, y0, x1, y1 = box
        match self.turn, grow / self.unit:
            case 90, by:
                x1 += by
            case 180, by:
                y1 += by
            case 270, by:
                x0 -= by
            case _, by:
                y0 -= by
        return b"[ %s ]" % b" ".join(_number(v) for v in (x0, y0, x1, y1))


class _Ink:
    """The objects that all stamps of one update share."""

    def __init__(self, update: Update, letters: frozenset[str], archive: str, limits: Limits) -> None:
        self.update, self.limits = update, limits
        self.font = _font(update, letters, listed=archive.startswith("1")) if letters else (0, 0)
        # PDF/A takes the colours of a device only where an output intent says which device
        self.calibrated = bool(archive) and "/OutputIntents" not in update.pdf.Root
        self.made: dict[object, Ref] = {}
        self.key = pdf_tags.next_key(update.pdf)

    def stamped(
        self, page: pikepdf.Object, view: View, contents: list[pikepdf.Stream], stamp: Stamp
    ) -> bytes:
        """The page's dictionary with the notice."""
        resources = _inherited(page, "/Resources")
        resources = resources if isinstance(resources, pikepdf.Dictionary) else pikepdf.Dictionary()
        objects = resources.get("/XObject")
        objects = objects if isinstance(objects, pikepdf.Dictionary) else pikepdf.Dictionary()
        taken = {k for k, v in objects.items() if not pdf_tags.is_ours(v)}
        name = next(n for n in (pdf_tags.OURS + "~" * i for i in range(len(taken) + 1)) if n not in taken)
        more, left = _unbalanced(self.update.pdf, contents, self.limits)
        place = view.matrix(stamp)
        before = self._content(b"q\n" * (1 + more))
        drawn = b"q %s cm %s Do Q" % (b" ".join(map(_number, place)), name.encode())
        if self.key is None:
            form = self._form(stamp)
        else:  # the first one is said, the others repeat it
            form = self._form(stamp, self.key)
            pdf_tags.insert(
                self.update, page, form, self.key, list(dict.fromkeys(x.lang for x in stamp.lines))
            )
        if self.key is None:
            kind = b"/Header" if 2 * stamp.box.y < view.size[1] else b"/Footer"
            drawn = b"/Artifact << /Type /Pagination /Subtype %s >> BDC %s EMC" % (kind, drawn)
        self.key = None
        after = self._content(b"\n%s%s\n" % (b"Q\n" * (1 + left), drawn))
        entries: dict[str, bytes | None] = {
            "/Contents": _list([ref(before), *map(raw, contents), ref(after)]),
            "/Resources": changed(resources, {"/XObject": changed(objects, {name: ref(form)})}),
        }
        if stamp.grow:
            entries["/MediaBox"] = view.grown(view.media, stamp.grow)
            entries["/CropBox"] = view.grown(view.box, stamp.grow)
        return changed(page, entries)

    def _content(self, operators: bytes) -> Ref:
        if operators not in self.made:
            self.made[operators] = self.update.add(stream({pdf_tags.OURS: b"true"}, operators))
        return self.made[operators]

    def _form(self, stamp: Stamp, parents: int | None = None) -> Ref:
        """The notice as a form; with ``parents``, its key of the parent tree, each language is a marked paragraph."""
        key = (stamp.box.w, stamp.box.h, stamp.em, stamp.lines, parents)
        if key not in self.made:
            w, h = stamp.box.w, stamp.box.h
            fill, line = (b"sc", b"SC") if self.calibrated else (b"g", b"G")
            body = b"/G cs /G CS\n" if self.calibrated else b""
            body += b"q 1 %s 0 0 %d %d re f 0 %s 0.5 w 0.25 0.25 %s %s re S Q\n0 %s\n" % (
                fill,
                w,
                h,
                line,
                _number(w - 0.5),
                _number(h - 0.5),
                fill,
            )
            for number, (lang, lines) in enumerate(itertools.groupby(stamp.lines, lambda line: line.lang)):
                tag = b"/Span << /Lang (%s) >>" % pdf_tags.LANGS[lang]
                if parents is not None:
                    tag = b"/P << /MCID %d >>" % number
                body += b"%s BDC\n%sEMC\n" % (tag, b"".join(_text(line, stamp.em, h) for line in lines))
            resources = {"/Font": dictionary({"/F": ref(self.font)})}
            if self.calibrated:
                resources["/ColorSpace"] = dictionary({"/G": _GREY})
            entries = {
                "/Type": b"/XObject",
                "/Subtype": b"/Form",
                "/BBox": b"[ 0 0 %d %d ]" % (w, h),
                "/Resources": dictionary(resources),
                pdf_tags.OURS: b"true",
            }
            if parents is not None:
                entries["/StructParents"] = b"%d" % parents
            self.made[key] = self.update.add(_deflated(entries, body))
        return self.made[key]


def _text(line: Line, em: float, height: float) -> bytes:
    ids = subset.glyph_ids()
    glyphs = b"".join(b"%04X" % ids[letter] for letter in line.text)
    place = b"%s %s" % (_number(line.x), _number(height - line.y))
    return b"BT /F %s Tf 1 0 0 1 %s Tm <%s> Tj ET\n" % (_number(em), place, glyphs)


def _font(update: Update, letters: frozenset[str], *, listed: bool) -> Ref:
    """The notice font with these letters: ISO 32000-2, 9.7 (a Type 0 font over TrueType outlines).

    ``listed``: with the set of its glyphs, which PDF/A-1 demands (ISO 19005-1, 6.3.5) and PDF 2.0 has no more.
    """
    file = subset.truetype(letters)
    ids = subset.glyph_ids()
    name = b"/TANBAA+NotoSans-Medium"
    program = update.add(_deflated({"/Length1": b"%d" % len(file)}, file))
    glyphs = (
        {"/CIDSet": ref(update.add(_deflated({}, _cid_set([ids[c] for c in letters]))))} if listed else {}
    )
    descriptor = update.add(
        dictionary(
            {
                **glyphs,
                "/Type": b"/FontDescriptor",
                "/FontName": name,
                "/Flags": b"4",
                "/FontBBox": b"[ -149 -240 1031 941 ]",
                "/ItalicAngle": b"0",
                "/Ascent": b"1069",
                "/Descent": b"-293",
                "/CapHeight": b"714",
                "/StemV": b"100",
                "/FontFile2": ref(program),
            }
        )
    )
    order = sorted(letters, key=ids.__getitem__)
    widths = b" ".join(b"%d [ %d ]" % (ids[c], round(1000 * fonts.measure(c))) for c in order)
    cid = update.add(
        dictionary(
            {
                "/Type": b"/Font",
                "/Subtype": b"/CIDFontType2",
                "/BaseFont": name,
                "/CIDSystemInfo": b"<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>",
                "/FontDescriptor": ref(descriptor),
                "/W": b"[ %s ]" % widths,
                "/CIDToGIDMap": b"/Identity",
            }
        )
    )
    unicode = update.add(_deflated({}, _to_unicode({ids[c]: c for c in order})))
    return update.add(
        dictionary(
            {
                "/Type": b"/Font",
                "/Subtype": b"/Type0",
                "/BaseFont": name,
                "/Encoding": b"/Identity-H",
                "/DescendantFonts": b"[ %s ]" % ref(cid),
                "/ToUnicode": ref(unicode),
            }
        )
    )


def _cid_set(ids: Sequence[int]) -> bytes:
    """A bit for each glyph, the first one highest: ISO 32000-1, 9.8.3.2."""
    bits = bytearray(max(ids) // 8 + 1)
    for glyph in (0, *ids):
        bits[glyph // 8] |= 0x80 >> glyph % 8
    return bytes(bits)


def _to_unicode(letters: Mapping[int, str]) -> bytes:
    """ISO 32000-2, 9.10.3."""
    rows = [
        b"<%04X> <%s>" % (glyph, letter.encode("utf-16-be").hex().encode())
        for glyph, letter in letters.items()
    ]
    blocks = [rows[i : i + 100] for i in range(0, len(rows), 100)]
    return (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        b"/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        + b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(b), b"\n".join(b)) for b in blocks)
        + b"endcmap CMapName currentdict /CMap defineresource pop end end"
    )


def _deflated(entries: Mapping[str, bytes], data: bytes) -> bytes:
    return stream({**entries, "/Filter": b"/FlateDecode"}, zlib.compress(data, 9))


def _number(value: float) -> bytes:
    return f"{value:.4f}".rstrip("0").rstrip(".").encode() or b"0"


def _list(items: Any) -> bytes:
    return b"[ %s ]" % b" ".join(items)


def _contents(page: pikepdf.Object) -> list[pikepdf.Stream]:
    there = page.get("/Contents")
    if isinstance(there, pikepdf.Array):
        return [c for c in there if isinstance(c, pikepdf.Stream)]
    return [there] if isinstance(there, pikepdf.Stream) else []


def _inherited(page: pikepdf.Object, key: str) -> Any:
    """Of the page or of the nodes above it: ISO 32000-2, 7.7.3.4."""
    node: Any = page
    for _ in range(64):
        if not isinstance(node, pikepdf.Dictionary) or key in node:
            break
        node = node.get("/Parent")
    return node.get(key) if isinstance(node, pikepdf.Dictionary) else None


def _rectangle(value: object) -> tuple[float, float, float, float] | None:
    if not isinstance(value, pikepdf.Array) or len(value) != 4:
        return None
    try:
        a, b, c, d = (float(v) for v in value)
    except (TypeError, ValueError):
        return None
    x0, y0, x1, y1 = min(a, c), min(b, d), max(a, c), max(b, d)
    sane = all(math.isfinite(v) and abs(v) < 1e6 for v in (x0, y0, x1, y1))
    return (x0, y0, x1, y1) if sane and x1 > x0 and y1 > y0 else None


def _unbalanced(pdf: pikepdf.Pdf, contents: list[pikepdf.Stream], limits: Limits) -> tuple[int, int]:
    """How many more states a page's content restores than it saves, and how many it leaves saved."""
    depth = low = 0
    try:
        whole = pikepdf.Stream(pdf, b"\n".join(inflated(c, limits) for c in contents))
        for token in pikepdf.parse_content_stream(whole, "q Q"):
            depth += 1 if token.operator == _SAVE else -1 if token.operator == _RESTORE else 0
            low = min(low, depth)
    except (pikepdf.PdfError, UnreadableError) as e:
        if isinstance(e, LimitError):
            raise
        return 0, 0
    return -low, depth - low
