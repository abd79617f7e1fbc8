"""What PDF/A-1 to -3 ask of metadata: a packet describes every property that the standard does not know.

ISO 19005-1, 6.7.8 (extension schemas); ISO 19005-2 and -3, 6.6.2.3. PDF/A-4 asks for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
_SCHEMA = "http://www.aiim.org/pdfa/ns/schema#"
_PROPERTY = "http://www.aiim.org/pdfa/ns/property#"
_CLOSING = re.compile(rb"</[^>]*>")

# namespace -> prefix, name, {property: value type, what it says}
_KNOWN: Mapping[str, tuple[str, str, Mapping[str, tuple[str, str]]]] = {
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": (
        "Iptc4xmpExt",
        "IPTC Extension",
        {
            "DigitalSourceType": ("URI", "The kind of source from which the content was made"),
            "AISystemUsed": ("Text", "The AI system that was used"),
            "AISystemVersionUsed": ("Text", "The version of the AI system that was used"),
            "AIPromptInformation": ("Text", "The prompt given to the AI system"),
        },
    ),
    "http://www.tc260.org.cn/ns/AIGC/1.0/": (
        "TC260",
        "TC260 AIGC",
        {"AIGC": ("Text", "The label of AI-generated content of GB 45438-2025")},
    ),
    "http://ns.tanba.kz/label/1.0/": (
        "tanba",
        "Tanba AI label",
        {
            "Notice": ("Lang Alt", "The notice that AI took part, in several languages"),
            "Record": ("Text", "The label as JSON"),
        },
    ),
}


class _Schema(NamedTuple):
    """A described schema: its namespace, its properties, and where another one can be inserted."""

    namespace: str
    names: frozenset[str]
    end: int  # byte index of its ``</rdf:Seq>``; -1: it has none


class _Reader:
    """One expat pass: the schemas that a packet describes, and where it ends."""

    def __init__(self, data: bytes) -> None:
        self.schemas: list[_Schema] = []
        self.bag = self.rdf = -1  # byte indices of ``</rdf:Bag>`` of the schemas and of ``</rdf:RDF>``
        self.used: set[tuple[str, str]] = set()  # namespace and property
        self.about = ""
        self._data, self._stack = data, list[str]()
        self._base = 0  # depth of the schemas' property; 0: outside
        self._text = ""
        self._namespace, self._names, self._end = "", set[str](), -1
        p = self._parser = expat.ParserCreate(namespace_separator=" ")
        p.StartElementHandler, p.EndElementHandler, p.CharacterDataHandler = (
            self._start,
            self._stop,
            self._chars,
        )
        p.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._stack.append(name)
        self._text = ""
        parent = self._stack[-2] if len(self._stack) > 1 else ""
        if self._base:
            self._describe(attributes)
            if len(self._stack) == self._base + 2:
                self._names, self._end = set(), -1
                self._namespace = attributes.get(f"{_SCHEMA} namespaceURI", "")
        elif name == f"{RDF} Description" and parent == f"{RDF} RDF":
            self.about = self.about or attributes.get(f"{RDF} about", "")
            self.used |= {_split(key) for key in attributes}
        elif parent == f"{RDF} Description":
            self.used.add(_split(name))
            if name == f"{_EXTENSION} schemas":
                self._base = len(self._stack)

    def _describe(self, attributes: dict[str, str]) -> None:
        self._namespace = attributes.get(f"{_SCHEMA} namespaceURI", self._namespace)
        if name := attributes.get(f"{_PROPERTY} name"):
            self._names.add(name)

    def _chars(self, text: str) -> None:
        self._text += text

    def _stop(self, name: str) -> None:
        depth = len(self._stack)
        self._stack.pop()
        at = self._parser.CurrentByteIndex
        closes = bool(_CLOSING.match(self._data, at))
        if name == f"{RDF} RDF" and closes:
            self.rdf = at
        if not self._base:
            return
        if name == f"{_SCHEMA} namespaceURI":
            self._namespace = self._text.strip()
        elif name == f"{_PROPERTY} name":
            self._names.add(self._text.strip())
        elif name == f"{RDF} Seq" and self._stack[-1] == f"{_SCHEMA} property" and closes:
            self._end = at
        elif depth == self._base + 2:
            self.schemas.append(_Schema(self._namespace, frozenset(self._names), self._end))
        elif depth == self._base + 1 and closes:
            self.bag = at
        elif depth == self._base:
            self._base = 0
        self._text = ""


def described(packet: bytes) -> bytes:
    """The packet (UTF-8, well-formed), with descriptions of our properties if it claims PDF/A-1, -2 or -3."""
    if not re.search(rb"http://www\.aiim\.org/pdfa/ns/id/", packet):
        return packet
    if not re.search(rb":part(?:\s*=\s*[\"']|\s*>)\s*[123]\b", packet):
        return packet
    found = _Reader(packet)
    inserts: list[tuple[int, str]] = []
    new = ""
    for namespace, (prefix, name, properties) in _KNOWN.items():
        used = [p for p in properties if (namespace, p) in found.used]
        there = [s for s in found.schemas if s.namespace == namespace]
        missing = [p for p in used if not any(p in s.names for s in there)]
        items = "".join(_item(p, *properties[p]) for p in missing)
        if not missing:
            continue
        if open_ := next((s for s in there if s.end >= 0), None):
            inserts.append((open_.end, items))
        else:
            new += (
                f'<rdf:li xmlns:rdf="{RDF}" xmlns:pdfaSchema="{_SCHEMA}" rdf:parseType="Resource">'
                f"<pdfaSchema:schema>{name}</pdfaSchema:schema>"
                f"<pdfaSchema:namespaceURI>{namespace}</pdfaSchema:namespaceURI>"
                f"<pdfaSchema:prefix>{prefix}</pdfaSchema:prefix>"
                f"<pdfaSchema:property><rdf:Seq>{items}</rdf:Seq></pdfaSchema:property></rdf:li>"
            )
    if new and found.bag >= 0:
        inserts.append((found.bag, new))
    elif new:
        inserts.append(
            (
                found.rdf,
                f' <rdf:Description rdf:about={quoteattr(found.about)} xmlns:rdf="{RDF}" '
                f'xmlns:pdfaExtension="{_EXTENSION}"><pdfaExtension:schemas><rdf:Bag>{new}</rdf:Bag>'
                "</pdfaExtension:schemas></rdf:Description>\n ",
            )
        )
    return _inserted(packet, inserts)


def _item(name: str, kind: str, description: str) -> str:
    return (
        f'<rdf:li xmlns:rdf="{RDF}" xmlns:pdfaProperty="{_PROPERTY}" rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>{kind}</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
    )


def _inserted(packet: bytes, inserts: Iterable[tuple[int, str]]) -> bytes:
    for at, text in sorted(inserts, reverse=True):
        packet = packet[:at] + text.encode() + packet[at:]
    return packet


def _split(name: str) -> tuple[str, str]:
    namespace, _, local = name.rpartition(" ")
    return namespace, local
