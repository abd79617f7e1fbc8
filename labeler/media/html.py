"""HTML: the notice is an ``aside`` at the start of the body; everything else stays byte for byte.

The machine label is ``meta`` elements and JSON-LD (schema.org's ``digitalSourceType``) at the end of the head; the
manifest an inline script (C2PA 2.4, A.7). Documents and fragments, in any encoding in which ASCII is ASCII; UTF-16
pages are rewritten in UTF-16.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from labeler.errors import UsageError
from labeler.media import charsets
from labeler.media.base import (
    Content,
    Embedded,
    Field,
    Hole,
    Limits,
    MediumInfo,
    Painted,
    Shown,
    Slot,
    Stream,
    Surface,
)
from labeler.media.html_style import doubt
from labeler.media.html_tokens import Token, tokens, unescaped
from labeler.media.plain import text_of

_MAGIC = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S
)
_TOKENS = 20  # for each part that the limits allow: pages of specifications have a million
_HEAD = frozenset(
    [
        "html",
        "head",
        "meta",
        "link",
        "title",
        "base",
        "style",
        "script",
        "noscript",
        "template",
        "basefont",
        "bgsound",
    ]
)
_HIDDEN = frozenset({"script", "style", "title", "iframe", "noembed", "noframes", "noscript"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    ]
)
_MARKER = "data-tanba"
_STYLE = (
    "all:revert!important;display:block!important;visibility:visible!important;opacity:1!important;"
    "position:static!important;float:none!important;transform:none!important;clip-path:none!important;"
    "filter:none!important;width:auto!important;height:auto!important;overflow:visible!important;"
    "margin:0 0 16px!important;padding:12px 16px!important;border:2px solid #000!important;"
    "background:#fff!important;color:#000!important;font:16px/1.5 sans-serif!important;text-align:start!important"
)
_LINE_STYLE = (
    "all:revert!important;display:block!important;visibility:visible!important;opacity:1!important;"
    "margin:0!important;color:#000!important;background:#fff!important;font:16px/1.5 sans-serif!important"
)
_OPEN = f'<aside role="note" {_MARKER}="notice"'
_NOTICE = re.compile(
    re.escape(_OPEN)
    + r'(?P<data>(?: data-[a-z-]+="[^"<>]*")*)'
    + re.escape(f' style="{_STYLE}">')
    + r"(?P<lines>(?:"
    + r'<p lang="[a-z]{2}" style="'
    + re.escape(_LINE_STYLE)
    + r'">[^<>]*</p>)+)</aside>'
)
_LINE = re.compile(r'<p lang="([a-z]{2})"[^>]*>([^<>]*)</p>')
_DATA = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
_PAGES = re.compile(r"(?:Page|Article|Posting|Work|Report)$")
_MAX_LD, _MAX_NODES, _MAX_VALUES = 4 << 20, 10_000, 10_000


class Html:
    """Stateless and thread-safe."""

    info = MediumInfo(
        name="HTML",
        mime="text/html",
        suffixes=(".html", ".htm", ".xhtml"),
        slots=frozenset({Slot.NATIVE, Slot.C2PA}),
        surface="text",
        c2pa="exact",
        loss="pages not in UTF-8: the manifest in a sidecar; pages of frames: no notice",
        kind="text",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """50 by the name; by its beginning alone 20, since texts about HTML begin like that too."""
        if not charsets.is_text(head):
            return 0
        return 50 if self.info.names(name) else 20 if _MAGIC.match(head) else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        page = _Page(text_of(src, limits), limits)
        slots: dict[Slot, bytes] = {}
        if page.native:
            slots[Slot.NATIVE] = json.dumps(page.native, ensure_ascii=False).encode()
        hole, defect = None, ""
        if len(page.manifests) > 1:
            defect = f"there are {len(page.manifests)} in this page, and one may be"
        elif page.manifests:
            start, end, code = page.manifests[0]
            slots[Slot.C2PA] = _decoded(code)
            hole = Hole(start, end - start)
        return Content(
            fields=tuple(page.fields),
            slots=slots,
            essence=(Stream("text", tuple(page.essence())),) if essence else (),
            takes=self.info.slots if page.utf8 else frozenset({Slot.NATIVE}),
            why="the page is not in UTF-8",
            hole=hole,
            defect=defect,
            remote=page.remote,
            unread=("stylesheets elsewhere and scripts, which could hide the notice",),
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if unknown := puts.keys() - {Slot.NATIVE}:
            raise UsageError(
                f"HTML has no such slot: {', '.join(unknown)}.", "Embed a manifest with `embed`."
            )
        page = _Page(text_of(src, Limits()), Limits())
        dst.write(page.with_native(json.loads(puts[Slot.NATIVE])) if puts else page.data)

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """C2PA 2.4, A.7: an inline script at the end of the head."""
        page = _Page(text_of(src, Limits()), Limits())
        element = f'<script type="application/c2pa">{base64.b64encode(store).decode()}</script>'
        at = page.manifests[0][0] if page.manifests else page.head_end
        edits = [(start, end, "") for start, end, _ in page.manifests]
        return Embedded(page.edited([*edits, (at, at, element)]), at, len(element))

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        page = _Page(text_of(src, limits), limits)
        return None if page.framed else page


def _decoded(code: str) -> bytes:
    try:
        return base64.b64decode("".join(code.split()), validate=True)
    except (binascii.Error, ValueError):
        return code.encode("latin-1")  # a store that is broken is still a store, not none


class _Page:
    """A page taken apart; the text surface too. Places are those of bytes (of UTF-8 bytes, if it is in UTF-16)."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        coded = charsets.decode(data)
        self.wide = coded.codec.startswith("utf-16")
        self.utf8 = coded.codec == "utf-8"
        self._bom, self._wide_codec = coded.bom, coded.codec
        body = coded.text.encode() if self.wide else data
        self.text = body.decode("latin-1")
        self.codec = coded.codec if not self.wide else "utf-8"
        if not coded.bom and (named := _declared(body[:4096])):
            self.codec = named
        self.fields: list[Field] = []
        self.native: dict[str, dict[str, Any]] = {}
        self.labels: list[tuple[int, int]] = []
        self.manifests: list[tuple[int, int, str]] = []
        self.styles: list[str] = []
        self.hosts: list[Mapping[str, str]] = []  # the attributes of html and body
        self.remote = ""
        self.framed = self.whole = False
        self.head_end = self.body_start = -1
        self._read(limits)

    def _read(self, limits: Limits) -> None:
        values: dict[tuple[str, str, str], None] = {}
        shown: list[str] = []
        in_head, depth, opened = True, 0, None
        for token in tokens(self.text, limits.max_parts * _TOKENS):
            if in_head and not depth:
                start = opened.start if token.kind == "raw" and opened else token.start
                if token.finished or token.kind == "text":
                    in_head = self._place(token)
                else:  # nothing can stand behind it
                    in_head, self.body_start = False, start
            if token.kind == "start":
                if token.name == "template":
                    depth += 1
                opened = token
                self._start(token, values, in_template=depth > 0)
            elif token.kind == "end":
                if token.name == "template":
                    depth = max(0, depth - 1)
                if token.name == "script" and opened and opened.name == "script":
                    self._script(opened, token, shown)
            elif token.kind == "raw" and token.name == "style":
                self.styles.append(self.text[token.start : token.end])
            if (token.kind == "text" and not depth and not in_head) or (
                token.kind == "raw" and token.name not in _HIDDEN
            ):
                shown.append(self.letters(token.start, token.end))
            elif token.kind in ("start", "end") and token.name in _BLOCKS:
                shown.append("\n")
        if self.body_start < 0:
            self.body_start = len(self.text)
        if self.head_end < 0:
            self.head_end = self.body_start
        self.fields += (Field(where, key, value.encode("utf-8", "replace")) for where, key, value in values)
        self.fields += charsets.body_fields(re.sub(r"[ \t]*\n\s*", "\n", "".join(shown)))

    def _place(self, token: Token) -> bool:
        """Whether the body has not begun yet."""
        match token.kind:
            case "doctype":
                self.whole = True
                return True
            case "comment" | "raw":
                return True
            case "text" if not self._letters_of(token).strip("\t\n\f\r "):
                return True
            case "end" if token.name == "head" and self.head_end < 0:
                self.head_end, self.whole = token.start, True
                return True
            case "end" if token.name not in ("body", "html", "br"):
                return True
            case "start" if token.name in _HEAD:
                if token.name in ("html", "head"):
                    self.whole = True
                if token.name == "html":
                    self.hosts.append(token.attributes)
                return True
        self.framed = token.name == "frameset"
        self.body_start = token.start
        if token.kind == "start" and token.name == "body":
            self.hosts.append(token.attributes)
            self.body_start, self.whole = token.end, True
            if self.head_end < 0:
                self.head_end = token.start
        return False

    def _letters_of(self, token: Token) -> str:
        """The text without a byte order mark."""
        text = self.text[token.start : token.end]
        return text.removeprefix("\xef\xbb\xbf") if token.start == 0 else text

    def _start(self, token: Token, values: dict[tuple[str, str, str], None], *, in_template: bool) -> None:
        attributes = token.attributes
        if not attributes or len(values) >= _MAX_VALUES:
            return
        ours = attributes.get(_MARKER) == "label"
        if token.name == "meta":
            key = self.value(attributes.get("name") or attributes.get("property", ""))
            content = self.value(attributes.get("content", ""))
            if ours and not in_template:
                self.labels.append((token.start, token.end))
                self.native.setdefault("meta", {})[key] = content
            elif key:
                values["html:meta", key, content] = None
        elif token.name == "link" and "c2pa-manifest" in attributes.get("rel", "").lower().split():
            self.remote = self.value(attributes.get("href", ""))
        for key, value in attributes.items():
            if key in ("href", "src"):
                values["html:link", key, self.value(value[:4096])] = None
            elif (key.startswith("data-") and not key.startswith(_MARKER)) or key in (
                "class",
                "ai-disclosure",
            ):
                values["html:attribute", self.value(key), self.value(value)] = None

    def _script(self, opened: Token, closed: Token, shown: list[str]) -> None:
        kind = opened.attributes.get("type", "").strip().lower()
        inner = self.text[opened.end : closed.start]
        if kind == "application/c2pa":
            self.manifests.append((opened.start, closed.end, inner))
        elif kind == "application/ld+json" and len(inner) <= _MAX_LD:
            try:
                data = json.loads(self.letters(opened.end, closed.start, plain=True))
            except (ValueError, RecursionError):
                data = None
            if opened.attributes.get(_MARKER) == "label":
                self.labels.append((opened.start, closed.end))
                self.native["ld"] = data if isinstance(data, dict) else {}
            else:
                self.fields += islice(_ld_fields(data), _MAX_VALUES)

    def value(self, value: str) -> str:
        return unescaped(value, self.codec)

    def letters(self, start: int, end: int, *, plain: bool = False) -> str:
        text = self.text[start:end]
        return text.encode("latin-1").decode(self.codec, "replace") if plain else unescaped(text, self.codec)

    def edited(self, edits: list[tuple[int, int, str]]) -> bytes:
        """The page with these spans replaced; what is new is ASCII, or in the page's UTF-8."""
        pieces, at = [], 0
        for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
            pieces += [self.text[at:start], new]
            at = max(at, end)
        body = "".join((*pieces, self.text[at:])).encode("latin-1")
        return self._bom + body.decode().encode(self._wide_codec) if self.wide else body

    def with_native(self, payload: Mapping[str, Mapping[str, Any]]) -> bytes:
        meta, ld = payload["meta"], payload["ld"]
        there = ld.get("additionalProperty", {}).get("propertyID")  # what JSON-LD holds, meta need not
        named = {key: value for key, value in meta.items() if key != there}
        said = json.dumps(ld).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        elements = f'<script type="application/ld+json" {_MARKER}="label">{said}</script>'
        if self.whole:  # in a fragment, which may come to stand in a body, they would not be valid
            elements = (
                "".join(
                    f'<meta {_MARKER}="label" name="{html.escape(key)}" content="{html.escape(value)}" />'
                    for key, value in named.items()
                )
                + elements
            )
        at = self.labels[0][0] if self.labels else self.head_end
        edits = [(start, end, "") for start, end in self.labels]
        if notice := self._notice():
            data = "".join(f' data-{_DATA.sub("-", k).lower()}="{html.escape(v)}"' for k, v in named.items())
            edits.append((*notice.span("data"), data))
        return self.edited([*edits, (at, at, _ascii(elements))])

    def essence(self) -> Iterator[bytes]:
        cuts = self.labels + [(start, end) for start, end, _ in self.manifests]
        if notice := self._notice():
            cuts.append(notice.span("data"))
        at = 0
        for start, end in sorted(cuts):
            yield self.text[at:start].encode("latin-1")
            at = max(at, end)
        yield self.text[at:].encode("latin-1")

    # ---- the surface

    def lacking(self, text: str) -> tuple[str, str]:
        return self.codec, ""  # character references write any letter

    def shown(self, wordings: Mapping[str, str]) -> Shown:
        notice = self._notice()
        if not notice:
            return Shown()
        lines = {lang: self.value(line) for lang, line in _LINE.findall(notice["lines"])}
        return Shown(
            {lang: line for lang, line in lines.items() if wordings.get(line) == lang},
            doubt(self.hosts, self.styles),
        )

    def insert(self, lines: Mapping[str, str], wordings: Mapping[str, str]) -> Painted:
        new = "".join(
            f'<p lang="{lang}" style="{_LINE_STYLE}">{html.escape(line)}</p>' for lang, line in lines.items()
        )
        element = f'{_OPEN} style="{_STYLE}">{new}</aside>'
        new = element.encode().decode("latin-1") if self.codec == "utf-8" else _ascii(element)
        notice = self._notice()
        start, end = notice.span() if notice else (self.body_start, self.body_start)
        return Painted(self.edited([(start, end, new)]))

    def _notice(self) -> re.Match[str] | None:
        return _NOTICE.match(self.text, self.body_start)


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _declared(head: bytes) -> str:
    """The encoding that a page names, if Python knows it and ASCII is ASCII in it; "" if not."""
    found = _CHARSET.search(head.decode("latin-1"))
    try:
        codec = codecs.lookup(found[1]).name if found else ""
        return codec if codec and "<aside>".encode(codec) == b"<aside>" else ""
    except (LookupError, ValueError):
        return ""


def _ld_fields(root: Any) -> Iterator[Field]:
    """Texts of JSON-LD: those of the page's own object, and those of all others."""
    graph = root.get("@graph") if isinstance(root, dict) else root
    members = [m for m in graph if isinstance(m, dict)] if isinstance(graph, list) else []
    pages = [m for m in members if _PAGES.search(str(m.get("@type", "")))] or members[:1]
    page = pages[0] if pages else root
    stack: list[tuple[Any, bool]] = [(m, False) for m in reversed(members) if m is not page] + [(page, True)]
    for _ in range(_MAX_NODES):
        if not stack:
            return
        node, own = stack.pop()
        items = node.items() if isinstance(node, dict) else ()
        for key, value in items:
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, dict):
                    if len(stack) < _MAX_NODES:
                        stack.append((one, False))
                elif isinstance(one, str | int | float):
                    where = "html:json-ld" if own else "html:part"
                    yield Field(where, str(key).removeprefix("schema:"), str(one).encode("utf-8", "replace"))


MEDIUM = Html()
