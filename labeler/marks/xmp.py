"""The XMP mark: reads any packet, writes our properties, and leaves every other byte of a packet alone.

IPTC Photo Metadata 2025.1 (DigitalSourceType, AI fields); XMP specification part 1 (packets, RDF).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from labeler.errors import LimitError, UnreadableError
from labeler.facts import Fact, Level, Mark, Reading, Status
from labeler.label import AI_SOURCE_TYPES, Label

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OWN = "http://ns.tanba.kz/label/1.0/"
PREFIXES: dict[str, str] = {
    "Iptc4xmpExt": IPTC,
    "dc": "http://purl.org/dc/elements/1.1/",
    "tanba": OWN,
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "dcterms": "http://purl.org/dc/terms/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
}
_SHORT = {uri: prefix for prefix, uri in PREFIXES.items()}
# what a description of ours consists of, besides the notice as a caption where there was none
_OURS = frozenset(
    {
        "Iptc4xmpExt:DigitalSourceType",
        "Iptc4xmpExt:AISystemUsed",
        "Iptc4xmpExt:AISystemVersionUsed",
        "Iptc4xmpExt:AIPromptInformation",
        "tanba:Notice",
        "tanba:Record",
    }
)
_STRUCTURES = ("rdf:li", "rdf:Description")
# IPTC 2025.1: none of them is there where no AI was used
_DISCLOSING = tuple(
    f"Iptc4xmpExt:{name}"
    for name in ("AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName")
)
MAX_PACKET = 16 << 20
_MAX_DEPTH, _MAX_ELEMENTS = 64, 50_000
_NAME = re.compile(rb"[^\s/>]+")
_ATTRIBUTE = re.compile(rb"\s+([^\s=]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_TAG = re.compile(rb"(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Tanba">\n'
    f' <rdf:RDF xmlns:rdf="{RDF}">\n </rdf:RDF>\n'
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>'
)


@dataclass(frozen=True)
class Property:
    """One top-level property: its texts in order, their languages, and where it stands in the packet."""

    name: str
    values: tuple[str, ...]
    langs: tuple[str, ...]
    span: tuple[int, int]


@dataclass(frozen=True)
class Packet:
    """A parsed packet: UTF-8 bytes, its properties, and where a description can be inserted.

    ``members`` are those of structures below a property: ``xmpMM:History/stEvt:softwareAgent`` and its text.
    """

    data: bytes
    properties: tuple[Property, ...] = ()
    members: tuple[tuple[str, str], ...] = ()
    about: str = ""
    end: int = 0  # byte index of ``</rdf:RDF>``
    own: tuple[int, int] | None = None  # our description, whole

    def values(self, name: str) -> tuple[str, ...]:
        """All texts of a property, e.g. ``dc:creator``."""
        return tuple(v for p in self.properties if p.name == name for v in p.values)

    def get(self, name: str) -> str | None:
        """The first text of a property."""
        return next(iter(self.values(name)), None)


@dataclass
class _Open:
    name: str
    start: int
    texts: list[str] = field(default_factory=list)
    langs: list[str] = field(default_factory=list)


@functools.lru_cache(512)
def _qualify(name: str) -> str:
    uri, _, rest = name.partition(" ")
    if not rest:
        return uri
    local, _, prefix = rest.partition(" ")
    return f"{_SHORT.get(uri) or prefix or uri}:{local}" if uri != RDF else f"rdf:{local}"


class _Reader:
    """One expat pass: top-level properties of every rdf:Description, as elements or attributes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.stack, self.count = data, list[str](), 0
        self.found: list[Property] = []
        self.members: list[tuple[str, str]] = []
        self.about: str | None = None
        self.end = -1
        self.own: tuple[int, int] | None = None
        self.opened: bytes | None = None  # the packet with a self-closing ``<rdf:RDF/>`` opened
        self._open: _Open | None = None
        self._depth_of_property = 0
        self._text: list[str] = []
        self._lang = ""
        self._description: tuple[int, set[str]] | None = None
        p = expat.ParserCreate(namespace_separator=" ")
        p.namespace_prefixes = True
        p.buffer_text = True
        p.StartDoctypeDeclHandler = self._doctype
        p.EntityDeclHandler = self._doctype
        p.StartElementHandler, p.EndElementHandler, p.CharacterDataHandler = (
            self._start,
            self._stop,
            self._chars,
        )
        self.parser = p

    def _doctype(self, *_: object) -> None:
        raise UnreadableError(
            "The XMP packet declares a document type.", "Such a packet is refused; remove the DTD."
        )

    def _start(self, name: str, attrs: dict[str, str]) -> None:
        tag, at = _qualify(name), self.parser.CurrentByteIndex
        self.count += 1
        self.stack.append(tag)
        if len(self.stack) > _MAX_DEPTH or self.count > _MAX_ELEMENTS:
            raise LimitError("The XMP packet is nested too deep or has too many elements.")
        self._text.clear()
        if (
            tag == "rdf:RDF"
            and self.opened is None
            and self.data[(end := _tag_end(self.data, at)) - 2 : end] == b"/>"
        ):
            name_end = next(i for i in range(at, end) if self.data[i] in b" \t\r\n/")
            close = b"></" + self.data[at + 1 : name_end] + b">"
            self.opened = self.data[: end - 2] + close + self.data[end:]
        if self._open:
            self._lang = next((v for k, v in attrs.items() if k.startswith(XML + " lang")), "")
            for key, value in attrs.items():
                short = _qualify(key)
                if short == "rdf:resource" or (tag == "rdf:Description" and short != "rdf:about"):
                    self._open.texts.append(value)
                    self._open.langs.append("")
                if tag in _STRUCTURES and not short.startswith(("rdf:", "xml:")):
                    self.members.append((f"{self._open.name}/{short}", value))
        elif tag == "rdf:Description" and "rdf:RDF" in self.stack[-2:-1]:
            self._description = (at, set())
            spans = self._attribute_spans(at)
            for key, value in attrs.items():
                short = _qualify(key)
                if short == "rdf:about":
                    self.about = value if self.about is None else self.about
                elif not short.startswith(("rdf:", "xml:")):
                    self._description[1].add(short)
                    _, _, local_and_prefix = key.partition(" ")
                    local, _, prefix = local_and_prefix.partition(" ")
                    raw = f"{prefix}:{local}" if prefix else local
                    self.found.append(Property(short, (value,), ("",), spans.get(raw, (at, at))))
        elif self.stack[-2:-1] == ["rdf:Description"] and self._description:
            self._description[1].add(tag)
            self._open, self._depth_of_property = _Open(tag, at), len(self.stack)
            for key, value in attrs.items():
                short = _qualify(key)
                if short == "rdf:resource" or not short.startswith(("rdf:", "xml:")):
                    self._open.texts.append(value)
                    self._open.langs.append("")

    def _attribute_spans(self, at: int) -> dict[str, tuple[int, int]]:
        """Where each attribute of the tag that begins there stands, with the space before it, by its raw name."""
        end = _tag_end(self.data, at)
        name = _NAME.match(self.data, at + 1)
        spans: dict[str, tuple[int, int]] = {}
        found = _ATTRIBUTE.match(self.data, name.end() if name else at, end)
        while found:
            spans[found[1].decode()] = found.span()
            found = _ATTRIBUTE.match(self.data, found.end(), end)
        return spans

    def _chars(self, text: str) -> None:
        self._text.append(text)

    def _stop(self, name: str) -> None:
        at = self.parser.CurrentByteIndex
        tag = self.stack.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        if self._open:
            if text:
                self._open.texts.append(text)
                self._open.langs.append(self._lang)
                if len(self.stack) >= self._depth_of_property and not tag.startswith("rdf:"):
                    self.members.append((f"{self._open.name}/{tag}", text))
            self._lang = ""
            if len(self.stack) < self._depth_of_property:
                end = _element_end(self.data, self._open.start, at)
                self.found.append(
                    Property(
                        self._open.name,
                        tuple(self._open.texts),
                        tuple(self._open.langs),
                        (self._open.start, end),
                    )
                )
                self._open = None
        elif tag == "rdf:Description" and self._description:
            start, names = self._description
            if "tanba:Record" in names:
                self.own = (start, _element_end(self.data, start, at))
            self._description = None
        elif tag == "rdf:RDF" and self.end < 0 and self.opened is None and self.data[at : at + 2] == b"</":
            self.end = at


def _tag_end(data: bytes, at: int) -> int:
    found = _TAG.match(data, at)
    return found.end() if found else len(data)


def _element_end(data: bytes, start: int, end_event: int) -> int:
    """Where an element ends; for ``<a/>`` expat's end event already stands behind it."""
    first = _tag_end(data, start)
    return first if data[first - 2 : first] == b"/>" else _tag_end(data, end_event)


def parse(packet: bytes, *, opened: bool = False) -> Packet:
    """Take a packet apart; ``opened``: its self-closing ``<rdf:RDF/>`` was opened already.

    Raises:
        UnreadableError: not well-formed, a DTD, or no ``rdf:RDF``. LimitError: too large or too deep.
    """
    if len(packet) > MAX_PACKET:
        raise LimitError(f"The XMP packet has {len(packet)} bytes, more than {MAX_PACKET}.")
    data = _to_utf8(packet)
    reader = _Reader(data)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as e:
        raise UnreadableError(f"The XMP packet is not well-formed XML ({e}).") from e
    if reader.end < 0 and reader.opened and not opened:
        return parse(reader.opened, opened=True)
    if reader.end < 0:
        raise UnreadableError("The XMP packet holds no RDF.")
    about = reader.about or ""
    return Packet(data, tuple(reader.found), tuple(reader.members), about, reader.end, reader.own)


@functools.cache
def _empty() -> Packet:
    return parse(_EMPTY.encode())


def _to_utf8(packet: bytes) -> bytes:
    """UTF-8 without BOM, NUL padding or leading space; expat's byte offsets then speak of what we hold."""
    try:
        if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
            text = packet.decode("utf-16")
        elif packet[:4].count(0) == 2:
            text = packet.decode("utf-16-be" if packet[0] == 0 else "utf-16-le")
        else:
            text = packet.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise UnreadableError(f"The XMP packet is not Unicode ({e.reason}).") from e
    # a declared encoding would contradict the bytes after transcoding
    text = re.sub(r"^\s*<\?xml\b[^>]*\?>", "", text)
    return text.strip("\0 \t\r\n\ufeff").encode()


def _properties(label: Label, notices: Mapping[str, str], record: Mapping[str, Any]) -> dict[str, str]:
    def alt(texts: Mapping[str, str]) -> str:
        first = next(iter(texts.values()))
        items = {"x-default": first, **texts}
        inner = "".join(f"<rdf:li xml:lang={quoteattr(k)}>{escape(v)}</rdf:li>" for k, v in items.items())
        return f"<rdf:Alt>{inner}</rdf:Alt>"

    out = {
        "Iptc4xmpExt:DigitalSourceType": escape(label.source_type),
        "Iptc4xmpExt:AISystemUsed": escape(label.system),
    }
    if label.system_version:
        out["Iptc4xmpExt:AISystemVersionUsed"] = escape(label.system_version)
    if label.prompt:
        out["Iptc4xmpExt:AIPromptInformation"] = escape(label.prompt)
    if notices:
        out["tanba:Notice"] = alt(notices)
        out["dc:description"] = alt(notices)
    out["tanba:Record"] = escape(
        json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    )
    return out


def write(
    packet: bytes | None,
    label: Label,
    notices: Mapping[str, str],
    record: Mapping[str, Any],
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, tuple[str, ...]]:
    """The packet with our description in it; ``notices`` maps language to words, ``more`` other properties to texts.

    Properties of others stay byte for byte, except those that may stand only once and that we must say:
    they are returned as ``name=value`` so that the receipt can tell. A caption of others is kept.

    Raises:
        UnreadableError: the existing packet cannot be parsed (nothing is overwritten blindly).
    """
    old = parse(packet) if packet else _empty()
    puts = _properties(label, notices, record) | {name: escape(text) for name, text in more.items()}
    own = old.own
    before = set(old.values("tanba:Notice"))
    inside = [p for p in old.properties if own and own[0] <= p.span[0] < own[1]]
    names = _OURS | more.keys()
    ours = [p for p in inside if p.name in names or (p.name == "dc:description" and set(p.values) <= before)]
    if len(ours) < len(inside):
        own = None  # somebody merged their properties into our description: only ours go
    cuts = [own] if own else [p.span for p in ours]
    replaced: list[str] = []
    for p in old.properties:
        if p in ours or p.name not in puts:
            continue
        if p.name == "dc:description" or p.values == (more.get(p.name),):
            del puts[p.name]
            continue
        cuts.append(p.span)
        if p.name not in more:
            replaced += [f"{p.name}={v}" for v in p.values if escape(v) != puts[p.name]]
    body = "".join(f"   <{k}>{v}</{k}>\n" for k, v in puts.items())
    used = {k.partition(":")[0] for k in puts}
    spaces = " ".join(f'xmlns:{p}="{PREFIXES[p]}"' for p in PREFIXES if p in used)
    element = (
        f'<rdf:Description rdf:about={quoteattr(old.about)} xmlns:rdf="{RDF}" {spaces}>\n{body}  </rdf:Description>'
    ).encode()
    data, at = old.data, old.end
    if own:
        at = own[0]
    out, position, placed = bytearray(), 0, False
    for start, end in sorted({*cuts, (at, at)}):
        out += data[position:start]
        if start == at and not placed:
            out += element if own else b" " + element + b"\n "
            placed = True
        position = max(position, end)
    out += data[position:]
    return bytes(out), tuple(replaced)


def record(packet: Packet) -> dict[str, Any] | None:
    """Our own record in this packet, or None; a record that is not a JSON object is None too."""
    return _object(packet.get("tanba:Record"))


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read(packet: Packet) -> Reading:
    """What a packet says about AI, in anybody's words: IPTC and our own."""
    facts = [
        *_source_types(packet),
        *(
            Fact("label.ai", Level.SUCCESS, "xmp", name)
            for name in (*_DISCLOSING, "tanba:Record")
            if packet.get(name)
        ),
    ]
    own = record(packet)
    if packet.get("tanba:Record") and own is None:
        facts.append(Fact("record.malformed", Level.FAILURE, "xmp", "tanba:Record"))
    labelled = any(f.code == "label.ai" for f in facts)
    details: dict[str, object] = {
        key: value
        for key, name in (
            ("source_type", "Iptc4xmpExt:DigitalSourceType"),
            ("system", "Iptc4xmpExt:AISystemUsed"),
        )
        if (value := packet.get(name))
    }
    mark = Mark("xmp", Status.PRESENT if labelled else Status.ABSENT, details)
    return Reading((mark,), tuple(facts), record=own)


def _source_types(packet: Packet) -> Iterator[Fact]:
    for value in packet.values("Iptc4xmpExt:DigitalSourceType"):
        head, _, code = value.strip().rpartition("/")
        if code in AI_SOURCE_TYPES:
            yield Fact("label.ai", Level.SUCCESS, "xmp", f"Iptc4xmpExt:DigitalSourceType {code}")
            if not head:
                yield Fact("xmp.source-type.bare", Level.FAILURE, "xmp", "Iptc4xmpExt:DigitalSourceType")
