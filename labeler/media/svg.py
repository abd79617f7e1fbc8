"""SVG: an XML text of which everything but the insertion stays byte for byte.

SVG 2 sections 5.9 (metadata), 8.2 and 8.6 (viewBox, size); CSS 2.2 section 10.3.2 (300 x 150 px); XML 1.0 sections
2.3 (names and literals), 4.3.3 and appendix F (encodings); XMP part 3 (packet in ``metadata``); C2PA technical
specification, appendix on SVG (``c2pa:manifest`` in ``metadata``).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media.base import Content, Field, Inserted, Limits, MediumInfo, Painted, Slot, Stream, whole
from labeler.media.svg_style import doubt

NOTICE_ID = "tanba-notice"
_XMP_ID = "tanba-xmp"
_SVG, _XML = "http://www.w3.org/2000/svg", "http://www.w3.org/XML/1998/namespace"
_METADATA, _MANIFEST = (_SVG, "metadata"), ("http://c2pa.org/manifest", "manifest")
_XMPMETA, _RDF = ("adobe:ns:meta/", "xmpmeta"), ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "RDF")
_C2PA_PREFIX = b' xmlns:c2pa="http://c2pa.org/manifest"'
_TEXTS = {"metadata", "title", "desc"}
_ANIMATIONS = {"animate", "animateMotion", "animateTransform", "set"}
_UNPAINTED = {"defs", "script", "style", *_TEXTS}

# expat before 2.6 reads a token again for every MiB that it is long: seconds for 64 MiB, an hour for 1 GiB
_MAX_BYTES = 64 << 20
_NESTING = 10  # converters of pages open a group for every clip path

_CODEC = re.compile(r"us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]")
_DECLARED = re.compile(rb"<\?xml\s[^>]*?\sencoding\s*=\s*[\"']([\w.-]+)")
_PROLOG = re.compile(r"\ufeff?(?>\s+|<\?.*?\?>|<!--.*?-->)*", re.S)
_ROOT = re.compile(r"<(?:!DOCTYPE\s+)?(?:[\w.-]+:)?svg[\s/>\[]")
_TAG = re.compile(rb"<([^\s/>]+)(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_ATTRIBUTE = re.compile(rb"\s([^\s=\"'/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_PACKET_BEGIN = re.compile(rb"<\?xpacket\s[^>]*\?>\s*")
_PACKET_END = re.compile(rb"\s*<\?xpacket\s+end[^>]*\?>")
# what c2pa-rs does not keep: the byte order mark, white space in end tags and in front of the doctype's name
_DROPPED = re.compile(rb"<(?:/[^\s<>]+|!DOCTYPE)(\s+)|\A(\xef\xbb\xbf)")
_REFERENCE = re.compile(rb"&#(\d{3,7});")

_NUMBER = r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:e[+-]?\d{1,3})?)"
_VIEW_BOX = re.compile(rf"\s*{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}\s*", re.I)
_LENGTH = re.compile(rf"\s*{_NUMBER}(px|in|cm|mm|q|pt|pc|)\s*", re.I)
_UNITS = {
    "": 1,
    "px": 1,
    "in": 96,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "pt": 96 / 72,
    "pc": 16,
}

_Name = tuple[str, str]  # namespace, local name
_Edit = tuple[int, int, bytes]


class _Element(NamedTuple):
    """Where an element stands: its start tag, its content, its end tag, what follows. All alike if ``<a/>``."""

    start: int
    inner: int
    close: int
    end: int


class _Pass:
    """One expat pass over UTF-8 text: the fields, and where the things are that we read or replace."""

    def __init__(self, text: bytes, limits: Limits) -> None:
        self.text, self._limits = text, limits
        self.root = _Element(0, 0, 0, 0)
        self.attributes: dict[str, str] = {}
        self.fields: list[Field] = []
        self.metadata: list[_Element] = []
        self.notices: list[_Element] = []
        self.packet: tuple[int, int] | None = None
        self.manifest: _Element | None = None
        self.store = b""
        self.last_painted = 0
        self.animated = False  # is the root itself?
        self._depth = self._parts = 0
        self._child: tuple[int, _Name, str] = 0, ("", ""), ""  # of the root: start, name, id
        self._part: tuple[int, _Name, int] = 0, ("", ""), 0  # of metadata: start, name, fields before it
        self._texts: list[tuple[str, list[str]]] = []  # of the open elements that have text to keep
        self._gap = 0  # where the space before that part begins
        self._parser = parser = expat.ParserCreate("utf-8", " ")
        parser.namespace_prefixes = parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CommentHandler = self._comment
        try:
            parser.Parse(text, True)
        except expat.ExpatError as e:
            raise UnreadableError(
                f"The SVG is not well-formed XML ({e}).", "Browsers do not draw it either: export it again."
            ) from e

    def _doctype(self, name: str, system: str | None, public: str | None, has_subset: int) -> None:
        if has_subset:
            raise UnreadableError(
                "The SVG declares a document type of its own, which could hide or multiply text.",
                "Save it as plain SVG (in Illustrator without its editing capabilities).",
            )

    def _count(self) -> None:
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise LimitError(
                f"The SVG has more than {self._limits.max_parts} elements and comments.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count()
        depth, self._depth = self._depth, self._depth + 1
        if depth == 0:
            self._start_root(name, attributes)
        elif depth == 1:
            self._start_child(name, attributes)
        elif depth >= self._limits.max_depth * _NESTING:
            raise LimitError(
                "The SVG is nested too deep.", "If you trust it, allow more: `labeler.Limits` in Python."
            )
        elif self._texts and self._child[1] == _METADATA:
            if depth == 2:
                self._part = self._parser.CurrentByteIndex, _split(name), len(self.fields)
            self.fields += (
                Field("svg:metadata", _shown(key), value.encode())
                for key, value in attributes.items()
                if value
            )
            self._texts.append((_shown(name), []))

    def _start_root(self, name: str, attributes: dict[str, str]) -> None:
        if _split(name) != (_SVG, "svg"):
            raise UnreadableError(
                "The root is no svg element in the namespace of SVG.",
                f'Browsers do not draw it: xmlns="{_SVG}" may be missing.',
            )
        self.root = self.root._replace(start=self._parser.CurrentByteIndex)
        self.attributes = attributes
        for key, value in attributes.items():
            if key.startswith("data-") or (" " in key and _split(key)[0] != _XML):
                self.fields.append(Field("svg:attribute", _shown(key), value.encode()))

    def _start_child(self, name: str, attributes: dict[str, str]) -> None:
        at, (space, local) = self._parser.CurrentByteIndex, _split(name)
        self._child, self._gap = (at, (space, local), attributes.get("id", "")), at
        if space == _SVG and local in _TEXTS:
            self._texts.append((local, []))
            self._parser.CharacterDataHandler = self._characters
        elif space == _SVG and local not in _UNPAINTED:
            self.animated |= local in _ANIMATIONS
            self.last_painted = at

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.root = self._element(self.root.start)
        elif self._depth == 1:
            start, (space, local), identity = self._child
            if self._texts:
                self._keep_text(f"svg:{local}")
                self._parser.CharacterDataHandler = None
            if (space, local) == _METADATA:
                self.metadata.append(self._element(start))
            elif space == _SVG and identity == NOTICE_ID:
                self.notices.append(self._element(start))
        elif self._texts and self._child[1] == _METADATA:
            self._keep_text("svg:metadata")
            if self._depth == 2:
                self._end_part()
                self._gap = self._parser.CurrentByteIndex

    def _end_part(self) -> None:
        """Takes the packet and the manifest store, which are slots, out of the fields."""
        start, name, before = self._part
        if not self.packet and (name == _XMPMETA or (name == _RDF and self._child[2] == _XMP_ID)):
            element = self._element(start)
            wrapper = self.text.rfind(b"<?xpacket", self._gap, start)
            begins = wrapper >= 0 and _PACKET_BEGIN.fullmatch(self.text, wrapper, start)
            ends = _PACKET_END.match(self.text, element.end)
            span = wrapper if begins else start, ends.end() if ends else element.end
            if _stands_alone(self.text[slice(*span)]):
                self.packet = span
                del self.fields[before:]
        elif not self.manifest and name == _MANIFEST:
            self.manifest = self._element(start)
            self.store = b"".join(self.text[self.manifest.inner : self.manifest.close].split())
            with suppress(binascii.Error):  # a store that is broken is still a store, not none
                self.store = base64.b64decode(self.store, validate=True)
            del self.fields[before:]

    def _keep_text(self, where: str) -> None:
        key, pieces = self._texts.pop()
        if text := "".join(pieces).strip():
            self.fields.append(Field(where, key, text.encode()))

    def _characters(self, text: str) -> None:
        self._texts[-1][1].append(text)

    def _comment(self, text: str) -> None:
        self._count()
        if not self.root.end:
            self.fields.append(Field("svg:comment", "comment", text.encode()))

    def _element(self, start: int) -> _Element:
        """At the end event of the element that begins there."""
        at, inner = self._parser.CurrentByteIndex, _tag(self.text, start).end()
        if self.text[inner - 2 : inner] == b"/>":
            return _Element(start, inner, inner, inner)
        return _Element(start, inner, at, self.text.index(b">", at) + 1)


class _Svg:
    """A document as UTF-8 text, with its root opened if it was ``<svg/>``."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        if len(data) > _MAX_BYTES:
            raise LimitError(f"The SVG has more than {_MAX_BYTES} bytes.", "Embed pictures by reference.")
        text, self.codec = _decoded(data)
        self.found = found = _Pass(text, limits)
        self.text, self.root = text, found.root
        start, inner, close, _ = found.root
        name = _tag(text, start)[1]
        self.prefix = name[: name.rfind(b":") + 1]
        if inner == close and text[inner - 2 : inner] == b"/>":
            self.text = b"".join((text[: inner - 2], b"></", name, b">", text[inner:]))
            self.root = _Element(start, inner - 1, inner - 1, inner + len(name) + 2)

    @cached_property
    def slots(self) -> dict[Slot, bytes]:
        slots = {}
        if self.found.packet:
            slots[Slot.XMP] = self.letters(slice(*self.found.packet))
        if self.found.manifest:
            slots[Slot.C2PA] = self.found.store
        return slots

    @cached_property
    def view_box(self) -> re.Match[str] | None:
        """The four numbers of the root's ``viewBox``, None where it has no area."""
        match = _VIEW_BOX.fullmatch(self.found.attributes.get("viewBox", ""))
        numbers = [float(number) for number in match.groups()] if match else [0.0]
        return match if min(numbers[2:], default=0) > 0 and all(map(math.isfinite, numbers)) else None

    @property
    def view(self) -> tuple[float, float, float, float]:
        width, height = self.pixels("width"), self.pixels("height")
        if match := self.view_box:
            x, y, w, h = (float(number) for number in match.groups())
            align = self.found.attributes.get("preserveAspectRatio", "")
            if "slice" in align and width and height:  # what does not fit is cut off
                css = max(width / w, height / h)
                x += (w - width / css) * _share(align, "x")
                y += (h - height / css) * _share(align, "Y")
                w, h = width / css, height / css
            return x, y, w, h
        return 0, 0, width or 300, height or 150

    def length(self, side: str) -> tuple[float, str] | None:
        """The root's ``width`` or ``height`` with its unit, None where it is not absolute."""
        match = _LENGTH.fullmatch(self.found.attributes.get(side, ""))
        return (float(match[1]), match[2]) if match and 0 < float(match[1]) < math.inf else None

    def pixels(self, side: str) -> float | None:
        """The same in CSS px."""
        length = self.length(side)
        return length[0] * _UNITS[length[1].lower()] if length else None

    def essence(self) -> Stream:
        """Without what metadata and signatures bring along: our slots and what encloses nothing else."""
        cuts = [match.span(match.lastindex or 1) for match in _DROPPED.finditer(self.text)]
        at = self.text.find(_C2PA_PREFIX, self.root.start, self.root.inner)
        if at >= 0:
            cuts.append((at, at + len(_C2PA_PREFIX)))
        slots = [self.found.packet] if self.found.packet else []
        if self.found.manifest:
            slots.append((self.found.manifest.start, self.found.manifest.end))
        for part in self.found.metadata:
            inside = [s for s in slots if part.start < s[0] < part.end]
            if not any(bytes(piece).strip() for piece in _without(self.text, part.inner, part.close, inside)):
                cuts.append((part.start, part.end))
        return Stream("text", tuple(_without(self.text, 0, len(self.text), cuts + slots)))

    def metadata(self, content: bytes) -> _Edit:
        """The edit that puts this last in the metadata that is there, or into a new element first in the root.

        c2pa-rs 0.91 writes its manifest once for every metadata element, and then refuses the file.
        """
        for part in self.found.metadata:
            if part.inner < part.end:
                return part.close, part.close, content
        name, at = self.prefix + b"metadata", self.root.inner
        return at, at, b'<%s id="%s">%s</%s>' % (name, _XMP_ID.encode(), content, name)

    def edited(self, edits: Iterable[_Edit]) -> bytes:
        """The document with these spans replaced, in its own encoding."""
        pieces, at = [], 0
        for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
            pieces += [self.text[at:start], new]
            at = end
        text = b"".join((*pieces, self.text[at:]))
        return text if self.codec == "utf-8" else text.decode().encode(self.codec, "xmlcharrefreplace")

    def letters(self, span: slice) -> bytes:
        """UTF-8 text; letters that the encoding lacks, and that stand as references therefore, as themselves."""

        def letter(match: re.Match[bytes]) -> bytes:
            code = int(match[1])
            if code > 0x10FFFF or 0xD800 <= code < 0xE000 or chr(code).encode(self.codec, "ignore"):
                return match[0]
            return chr(code).encode()

        text = self.text[span]
        return text if self.codec.startswith("utf") else _REFERENCE.sub(letter, text)


def _share(align: str, axis: str) -> float:
    """How much of what is cut off lies before the view: ``xMidYMax`` has its middle and its end shown."""
    return next((share for word, share in (("Min", 0.0), ("Max", 1.0)) if axis + word in align), 0.5)


class Svg:
    """The `Medium` of SVG."""

    info = MediumInfo(
        name="SVG",
        mime="image/svg+xml",
        suffixes=(".svg",),
        slots=frozenset({Slot.XMP, Slot.C2PA}),
        surface="vector",
        c2pa="native",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """XML whose first element is ``svg``; the name decides only where the prolog fills the whole head."""
        rest = _PROLOG.sub("", head.decode(_utf16(head) or "utf-8", "ignore"), count=1)
        if _ROOT.match(rest):
            return 100
        unfinished = not rest or rest.startswith(("<!--", "<?"))
        return 50 if unfinished and (name or "").lower().endswith(".svg") else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        svg = _Svg(data, limits)
        _, _, width, height = svg.view
        return Content(
            fields=tuple(svg.found.fields),
            slots=svg.slots,
            size=(max(1, round(width)), max(1, round(height))),
            essence=(svg.essence(),) if essence else (),
            trailing=len(svg.text[svg.root.end :].decode().encode(svg.codec)),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """White space around an XMP packet is not kept."""
        if unknown := puts.keys() - self.info.slots:
            raise UsageError(f"SVG has no place for {', '.join(sorted(unknown))}.")
        data = whole(src, Limits())
        svg = _Svg(data, Limits())
        puts = {slot: payload.strip() if slot is Slot.XMP else payload for slot, payload in puts.items()}
        edits, added = list[_Edit](), b""
        if packet := puts.get(Slot.XMP):
            if span := svg.found.packet:
                edits.append((*span, packet))
            else:
                added += packet
        if store := puts.get(Slot.C2PA):
            coded = base64.b64encode(store)
            if old := svg.found.manifest:
                edits.append((old.inner, old.close, coded))
            else:
                added += b"<c2pa:manifest%s>%s</c2pa:manifest>" % (_C2PA_PREFIX, coded)
        if added:
            edits.append(svg.metadata(added))
        new = svg.edited(edits) if edits else data
        if puts and not _slots(new).items() >= puts.items():
            raise UsageError(
                "The payload cannot stand in this SVG as it is.",
                "It must be one XMP packet, or UTF-8 may be missing.",
            )
        dst.write(new)

    def surface(self, src: BinaryIO, limits: Limits) -> SvgSurface:
        return SvgSurface(_Svg(whole(src, limits), limits))


class SvgSurface:
    """The `VectorSurface` of SVG."""

    def __init__(self, svg: _Svg) -> None:
        self._svg = svg

    @property
    def view(self) -> tuple[float, float, float, float]:
        return self._svg.view

    @property
    def scale(self) -> float | None:
        if not self._svg.view_box:
            return 1.0
        sides = zip(("width", "height"), self.view[2:], strict=True)
        return min((px / units for side, units in sides if (px := self._svg.pixels(side))), default=None)

    def insert(self, element: str, *, grow: float = 0) -> Painted:
        """Also raises UsageError: the height to grow is not stated in the SVG."""
        root = self._svg.root
        edits = [(old.start, old.end, b"") for old in self._svg.found.notices]
        edits.append((root.close, root.close, element.encode()))
        if grow:
            edits.append((root.start, root.inner, self._grown(grow)))
        return Painted(self._svg.edited(edits))

    def inserted(self) -> Inserted | None:
        found = self._svg.found
        if not found.notices:
            return None
        last = found.notices[-1]
        element = self._svg.letters(slice(last.start, last.end)).decode()
        return Inserted(element, found.last_painted <= last.start, self._doubt())

    def _doubt(self) -> str:
        found = self._svg.found
        align = found.attributes.get("preserveAspectRatio", "")
        if "slice" in align and not (self._svg.pixels("width") and self._svg.pixels("height")):
            return "the page decides how much of the picture is cut off"
        if found.animated or b"#" + NOTICE_ID.encode() in self._svg.text.replace(
            b'id="' + NOTICE_ID.encode(), b""
        ):
            return "an animation or a style of its own could change it"
        return doubt(self._svg.text, found.attributes)

    def _grown(self, grow: float) -> bytes:
        """The root's start tag with a taller view, at the same scale."""
        svg, height = self._svg, self.view[3]
        values = {}
        if box := svg.view_box:
            values[b"viewBox"] = (
                box.string[: box.start(4)] + f"{height + grow:.12g}" + box.string[box.end(4) :]
            )
        if length := svg.length("height"):
            values[b"height"] = f"{length[0] * (height + grow) / height:.12g}{length[1]}"
        if not values:
            raise UsageError(
                "The SVG does not say how tall it is: a strip cannot be added.",
                "Put the notice onto the picture, or give the root a viewBox.",
            )
        tag = svg.text[svg.root.start : svg.root.inner]
        for match in reversed(list(_ATTRIBUTE.finditer(tag))):
            if match[1] in values:
                tag = tag[: match.start(2) + 1] + values[match[1]].encode() + tag[match.end(2) - 1 :]
        return tag


def _slots(data: bytes) -> dict[Slot, bytes]:
    try:
        return _Svg(data, Limits()).slots
    except UnreadableError:
        return {}


def _decoded(data: bytes) -> tuple[bytes, str]:
    """The document as UTF-8, and the codec that turns it back into the same bytes."""
    codec = _utf16(data) or "utf-8"
    declared = _DECLARED.match(data)
    if declared and codec == "utf-8" and (name := declared[1].decode().lower()) not in ("utf-8", "utf8"):
        if not _CODEC.fullmatch(name):
            raise UnreadableError(
                f"The SVG is written in {name}, which is not read here.", "Save it as UTF-8."
            )
        codec = name
    if codec == "utf-8":
        return data, codec
    try:
        return data.decode(codec).encode(), codec
    except (UnicodeError, LookupError) as e:
        raise UnreadableError(f"The SVG is not in the encoding {codec} ({e}).", "Save it as UTF-8.") from e


def _utf16(data: bytes) -> str | None:
    """The codec, by the byte order mark or the first angle bracket."""
    return {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}.get(
        data[:2]
    )


def _tag(text: bytes, start: int) -> re.Match[bytes]:
    """The start tag that stands there: expat has seen it."""
    return next(_TAG.finditer(text, start))


def _split(name: str) -> _Name:
    """Namespace and local name, from expat's ``namespace local prefix``."""
    space, _, rest = name.partition(" ")
    return (space, rest.partition(" ")[0]) if rest else ("", space)


def _shown(name: str) -> str:
    """As it stands in the text: ``prefix:local``."""
    parts = name.split(" ")
    return f"{parts[2]}:{parts[1]}" if len(parts) == 3 else parts[-1]


def _stands_alone(packet: bytes) -> bool:
    """Whether it is XML without what its place declares."""
    try:
        expat.ParserCreate("utf-8", " ").Parse(packet, True)
    except expat.ExpatError:
        return False
    return True


def _without(text: bytes, start: int, end: int, cuts: Iterable[tuple[int, int]]) -> Iterator[memoryview]:
    """The pieces between the cuts, which may lie within each other."""
    view = memoryview(text)
    for first, last in sorted(cuts):
        yield view[start : max(start, first)]
        start = max(start, last)
    yield view[start:end]


MEDIUM = Svg()
