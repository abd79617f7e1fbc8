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
from functools import cached_property
from hashlib import sha256
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media.base import Content, Digest, Field, Limits, MediumInfo, Painted, Slot, whole

NOTICE_ID = "tanba-notice"
_XMP_ID = "tanba-xmp"
_SVG, _XML = "http://www.w3.org/2000/svg", "http://www.w3.org/XML/1998/namespace"
_METADATA, _MANIFEST = (_SVG, "metadata"), ("http://c2pa.org/manifest", "manifest")
_XMPMETA, _RDF = ("adobe:ns:meta/", "xmpmeta"), ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "RDF")
_C2PA_PREFIX = b' xmlns:c2pa="http://c2pa.org/manifest"'
_TEXTS = {"metadata", "title", "desc"}
_UNPAINTED = {"defs", "script", "style", *_TEXTS}

# expat before 2.6 reads a token again for every MiB that it is long: seconds for 64 MiB, an hour for 1 GiB
_MAX_BYTES = 64 << 20
_NESTING = 10  # converters of pages open a group for every clip path

_CODEC = re.compile(r"utf-8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]", re.I)
_DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*[\"']([\w.-]+)")
_PROLOG = re.compile(r"\ufeff?(?>\s+|<\?.*?\?>|<!--.*?-->)*", re.S)
_ROOT = re.compile(r"<(?:!DOCTYPE\s+)?(?:[\w.-]+:)?svg[\s/>\[]")
_TAG = re.compile(rb"<([^\s/>]+)(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_ATTRIBUTE = re.compile(rb"\s([^\s=\"'/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_PACKET_BEGIN = re.compile(rb"<\?xpacket\s[^>]*\?>\s*")
_PACKET_END = re.compile(rb"\s*<\?xpacket\s+end[^>]*\?>")
_REFERENCE = re.compile(rb"&#(\d{3,7});")

_NUMBER = r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:e[+-]?\d{1,3})?)"
_VIEW_BOX = re.compile(rf"\s*{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}\s*", re.I)
_LENGTH = re.compile(rf"\s*{_NUMBER}(px|in|cm|mm|q|pt|pc|)\s*", re.I)
_UNITS = {"": 1, "px": 1, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "pt": 96 / 72, "pc": 16}

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
        self._depth = self._parts = 0
        self._child: tuple[int, _Name, str] = 0, ("", ""), ""  # of the root: start, name, id
        self._part: tuple[int, _Name, int] = 0, ("", ""), 0  # of metadata: start, name, fields before it
        self._texts: list[tuple[str, list[str]]] = []  # of the open elements that have text to keep
        self._packet_seen = False
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
                "Raise the limit if you trust it.",
            )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count()
        depth, self._depth = self._depth, self._depth + 1
        if depth == 0:
            self._start_root(name, attributes)
        elif depth == 1:
            self._start_child(name, attributes)
        elif depth >= self._limits.max_depth * _NESTING:
            raise LimitError("The SVG is nested too deep.", "Raise the limit if you trust it.")
        elif self._texts and self._child[1] == _METADATA:
            if depth == 2:
                self._part = self._parser.CurrentByteIndex, _split(name), len(self.fields)
            self.fields += (
                Field("svg:metadata", _shown(key), value.encode()) for key, value in attributes.items() if value
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
        self._child = at, (space, local), attributes.get("id", "")
        if space == _SVG and local in _TEXTS:
            self._texts.append((local, []))
            self._parser.CharacterDataHandler = self._characters
        elif space == _SVG and local not in _UNPAINTED:
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

    def _end_part(self) -> None:
        """Takes the packet and the manifest store, which are slots, out of the fields."""
        start, name, before = self._part
        if not self._packet_seen and (name == _XMPMETA or (name == _RDF and self._child[2] == _XMP_ID)):
            self._packet_seen = True
            element = self._element(start)
            wrapper = self.text.rfind(b"<?xpacket", self._child[0], start)
            begins = wrapper >= 0 and _PACKET_BEGIN.fullmatch(self.text, wrapper, start)
            ends = _PACKET_END.match(self.text, element.end)
            span = wrapper if begins else start, ends.end() if ends else element.end
            if _stands_alone(self.text[slice(*span)]):
                self.packet = span
                del self.fields[before:]
        elif not self.manifest and name == _MANIFEST:
            element = self._element(start)
            try:
                self.store = base64.b64decode(
                    b"".join(self.text[element.inner : element.close].split()), validate=True
                )
            except binascii.Error:
                return
            self.manifest = element
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

    @property
    def view_box(self) -> re.Match[str] | None:
        match = _VIEW_BOX.fullmatch(self.found.attributes.get("viewBox", ""))
        return match if match and float(match[3]) > 0 < float(match[4]) < math.inf > float(match[3]) else None

    @property
    def view(self) -> tuple[float, float, float, float]:
        if match := self.view_box:
            return float(match[1]), float(match[2]), float(match[3]), float(match[4])
        return 0, 0, self.pixels("width") or 300, self.pixels("height") or 150

    def pixels(self, side: str) -> float | None:
        """The root's ``width`` or ``height`` in CSS px, None where it is not absolute."""
        match = _LENGTH.fullmatch(self.found.attributes.get(side, ""))
        value = float(match[1]) * _UNITS[match[2].lower()] if match else 0
        return value if 0 < value < math.inf else None

    def digest(self) -> Digest:
        """Without what metadata and signatures bring along: our slots and what encloses nothing else."""
        cuts = [(0, 3)] if self.text.startswith(b"\xef\xbb\xbf") else []  # c2pa-rs drops the BOM
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
        digest = sha256()
        for piece in _without(self.text, 0, len(self.text), cuts + slots):
            digest.update(piece)
        return Digest("text", digest.digest())

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
        text = head.decode(_utf16(head) or "utf-8", "ignore")
        at = _PROLOG.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
        if _ROOT.match(text, at):
            return 100
        unfinished = text.startswith(("<!--", "<?"), at) or at == len(text)
        return 50 if unfinished and (name or "").lower().endswith(".svg") else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        svg = _Svg(data, limits)
        _, _, width, height = svg.view
        return Content(
            fields=tuple(svg.found.fields),
            slots=svg.slots,
            size=(max(1, round(width)), max(1, round(height))),
            essence=(svg.digest(),) if essence else (),
            trailing=len(svg.text[svg.root.end :].decode().encode(svg.codec)),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """White space around a packet is not kept."""
        if unknown := puts.keys() - self.info.slots:
            raise UsageError(f"SVG has no place for {', '.join(sorted(unknown))}.")
        data = whole(src, Limits())
        svg = _Svg(data, Limits())
        edits, wanted = list[_Edit](), {slot: payload.strip() for slot, payload in puts.items()}
        if Slot.XMP in puts:
            old = svg.found.packet
            edits.append((*old, wanted[Slot.XMP]) if old else _metadata(svg, wanted[Slot.XMP], b' id="%s"' % _XMP_ID.encode()))
        dst.write(svg.edited(edits) if edits else data)


def _tag(text: bytes, start: int) -> re.Match[bytes]:
    """The start tag that is there: expat has seen it."""
    match = _TAG.match(text, start)
    assert match
    return match
