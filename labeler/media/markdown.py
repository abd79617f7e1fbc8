"""Markdown: the notice is a quotation at the head, behind any front matter, in which the machine label is merged.

CommonMark 0.31 has no front matter: a file without gets none, since its readers would see it. Then the manifest goes
into the file instead, as a comment on the first line (C2PA 2.4, A.9); with front matter it goes into a sidecar.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import BinaryIO

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
from labeler.media.plain import text_of

_MANIFEST = re.compile(
    r"^<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,([A-Za-z0-9+/=]*)"
    r" -----END C2PA MANIFEST----- -->(?:\r\n|\n|\r|\Z)",
    re.M,
)
_BEGIN = "-----BEGIN C2PA MANIFEST-----"
_JUMBF = re.compile(rb".{4}jumb", re.S)
_FRONT = re.compile(
    r"(?P<mark>---|\+\+\+)[ \t]*(?P<eol>\r\n|\n|\r)(?P<inner>(?:(?!(?P=mark)|\.\.\.)[^\r\n]*(?:\r\n|\n|\r))*?)"
    r"(?:(?P=mark)|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)"
)
_MAX_FRONT = 1 << 20
_ENTRY = re.compile(
    r"(?P<key>[\w.-]+|\"[^\"\r\n]*\"|'[^'\r\n]*')[ \t]*(?P<sign>[:=])(?:[ \t]+|(?=[\r\n])|\Z)"
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`{1,8})(?!`)(?:(?!\1(?!`)).){1,1000}?(?<!`)\1(?!`)", re.S)
# what a quoted scalar of YAML may not hold as it is
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_LONG_ESCAPE = re.compile(r"\\U([0-9A-Fa-f]{8})")
_QUOTED = re.compile(r'> <span lang="([a-z]{2})">([^<\r\n]*)</span>(?:\r\n|\n|\r|\Z)(?:>(?:\r\n|\n|\r|\Z))?')
_KEYS = ("digitalSourceType", "ai-disclosure", "tanba-label")


class Markdown:
    """Stateless and thread-safe."""

    info = MediumInfo(
        name="Markdown",
        mime="text/markdown",
        suffixes=(".md", ".markdown"),
        slots=frozenset({Slot.NATIVE, Slot.C2PA}),
        surface="text",
        c2pa="exact",
        loss="with front matter, or not in UTF-8: the manifest in a sidecar; without front matter: no metadata",
        kind="text",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """40 by the name, where nothing speaks against it: text has no magic."""
        return 40 if self.info.names(name) and charsets.is_text(head) else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        page = _Page(text_of(src, limits))
        slots: dict[Slot, bytes] = {}
        if page.native:
            slots[Slot.NATIVE] = json.dumps({"meta": page.native}, ensure_ascii=False).encode()
        hole, defect = None, ""
        if len(page.manifests) > 1:
            defect = f"there are {len(page.manifests)} in this text, and one may be"
        elif page.manifests:
            match = page.manifests[0]
            slots[Slot.C2PA] = _decoded(match[1])
            hole = Hole(page.place(match.start()), len(match[0].encode(page.coded.codec)))
        return Content(
            fields=tuple(_fields(page)),
            slots=slots,
            essence=(Stream("text", (page.essence().encode("utf-8", "surrogatepass"),)),) if essence else (),
            takes=page.takes,
            why=page.why,
            hole=hole,
            defect=defect,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if unknown := puts.keys() - {Slot.NATIVE}:
            raise UsageError(
                f"Markdown has no such slot: {', '.join(unknown)}.", "Embed a manifest with `embed`."
            )
        page = _Page(text_of(src, Limits()))
        dst.write(page.with_native(json.loads(puts[Slot.NATIVE])["meta"]) if puts else page.data)

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """C2PA 2.4, A.9: a comment on the first line."""
        page = _Page(text_of(src, Limits()))
        text = _without(page.text, [m.span() for m in page.manifests])
        code = base64.b64encode(store).decode()
        line = f"<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,{code} -----END C2PA MANIFEST----- -->"
        line += page.eol
        return Embedded(page.coded.encoded(line + text), len(page.coded.bom), len(line))

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        return _Page(text_of(src, limits))


def _decoded(code: str) -> bytes:
    try:
        return base64.b64decode(code, validate=True)
    except binascii.Error:
        return code.encode()  # a store that is broken is still a store, not none


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, at = [], 0
    for start, end in sorted(spans):
        pieces.append(text[at:start])
        at = end
    return "".join((*pieces, text[at:]))


class _Page:
    """A document taken apart; the text surface too."""

    def __init__(self, data: bytes) -> None:
        self.data, self.coded = data, charsets.decode(data)
        self.text = text = self.coded.text
        end = re.search(r"\r\n|\n|\r", text)
        self.eol = end[0] if end else "\n"
        self.manifests = [m for m in _MANIFEST.finditer(text) if _JUMBF.match(_decoded(m[1]))]
        self.front = self._front()
        first = self.manifests[0] if self.manifests else None
        # where reading begins
        self.begin = self.front.end() if self.front else first.end() if first and first.start() == 0 else 0

    @property
    def takes(self) -> frozenset[Slot]:
        if self.front:
            return frozenset({Slot.NATIVE})
        # others would find a second manifest in a text about them
        alone = self.text.count(_BEGIN) == len(self.manifests)
        return frozenset({Slot.C2PA}) if alone and self.coded.codec == "utf-8" else frozenset()

    @property
    def why(self) -> str:
        """It takes no more than that."""
        if self.front:
            return "its front matter has to stand first"
        return "it has no front matter" + ("" if self.takes else ", and only UTF-8 takes one manifest")

    def _front(self) -> re.Match[str] | None:
        """Front matter is what can be merged: top-level entries at the margin, or nothing yet."""
        found = _FRONT.match(self.text, 0, _MAX_FRONT)
        if not found or (found["mark"] == "+++") != (found[0].lstrip().startswith("+++")):
            return None
        lines = [s for s in found["inner"].splitlines() if s.strip() and not s.startswith("#")]
        if not lines:
            return found
        table = found["mark"] == "+++" and lines[0].startswith("[")
        return found if table or _ENTRY.match(lines[0]) else None

    def place(self, at: int) -> int:
        """The place of a letter in the file."""
        return len(self.coded.encoded(self.text[:at]))

    @cached_property
    def entries(self) -> list[tuple[str, str, int, int]]:
        """Key, value as written, and place of each top-level entry of the front matter."""
        if not self.front:
            return []
        found: list[tuple[str, str, int, int]] = []
        at, stop = self.front.span("inner")
        is_open = False
        while at < stop:
            end = min(_LINE.match(self.text, at).end(), stop)  # type: ignore[union-attr]
            line = self.text[at:end]
            entry = _ENTRY.match(line)
            if entry and (entry["sign"] == "=") == (self.front["mark"] == "+++"):
                found.append((entry["key"].strip("\"'"), line[entry.end() :].strip(), at, end))
                is_open = self.front["mark"] == "---"
            elif is_open and line[:1] in " \t-":
                key, value, start, _ = found[-1]
                found[-1] = key, value, start, end
            else:
                is_open = False
            if line.startswith("[") and self.front["mark"] == "+++":
                break  # a table of TOML: what follows is not at the top
            at = end
        return found

    @cached_property
    def native(self) -> dict[str, str]:
        return {key: _scalar(value) for key, value, _, _ in self.entries if key in _KEYS}

    def with_native(self, meta: Mapping[str, str]) -> bytes:
        if not self.front:
            raise UsageError("This Markdown has no front matter.", "Add it first, or sign only.")
        spans = [(start, end) for key, _, start, end in self.entries if key in meta]
        at = self.front.start("inner")
        sign = " = " if self.front["mark"] == "+++" else ": "
        lines = "".join(f"{key}{sign}{self._quoted(value)}{self.front['eol']}" for key, value in meta.items())
        return self.coded.encoded(self.text[:at] + lines + _without(self.text, [(0, at), *spans]))

    def _quoted(self, value: str) -> str:
        """A string of YAML and of TOML alike."""
        text = _ESCAPED.sub(lambda m: _escape(m[0]), json.dumps(value, ensure_ascii=False))
        return "".join(_escape(c) if self.coded.lacking(c) else c for c in text)

    def essence(self) -> str:
        spans = [(start, end) for key, _, start, end in self.entries if key in _KEYS]
        return _without(self.text, spans + [m.span() for m in self.manifests])

    def reading(self) -> str:
        """The text without its code."""
        out, fence = [], ""
        for line in _without(self.text[self.begin :], []).splitlines(keepends=True):
            mark = _FENCE.match(line)
            if fence:
                if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                    fence = ""
            elif mark:
                fence = mark[1]
            else:
                out.append(line)
        return _CODE.sub("", "".join(out))

    # ---- the surface

    def lacking(self, text: str) -> tuple[str, str]:
        return charsets.NAMES[self.coded.codec], self.coded.lacking(text)

    def shown(self, wordings: Mapping[str, str]) -> Shown:
        return Shown(self._notice(wordings)[1])

    def insert(self, lines: Mapping[str, str], wordings: Mapping[str, str]) -> Painted:
        end, _ = self._notice(wordings)
        eol = self.eol
        quoted = f">{eol}".join(
            f'> <span lang="{lang}">{html.escape(line)}</span>{eol}' for lang, line in lines.items()
        )
        before = self.text[: self.begin]
        gap = eol if before and not before.endswith(("\n", "\r")) else ""
        return Painted(self.coded.encoded(before + gap + quoted + eol + self.text[end:]))

    def _notice(self, wordings: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        """Where the notice ends with the empty line behind it, and what it says."""
        at = self.begin
        said: dict[str, str] = {}
        while (line := _QUOTED.match(self.text, at)) and wordings.get(html.unescape(line[2])) == line[1]:
            said[line[1]] = html.unescape(line[2])
            at = line.end()
        if said and (empty := re.compile(r"\r\n|\n|\r").match(self.text, at)):
            at = empty.end()
        return at, said


def _escape(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _scalar(value: str) -> str:
    """The text of a scalar of YAML or TOML on one line."""
    if value.startswith('"'):
        try:
            plain = _LONG_ESCAPE.sub(lambda m: chr(min(int(m[1], 16), 0x10FFFF)), value)
            return str(json.loads(plain))
        except ValueError:
            return value
    if value.startswith("'"):
        return value.strip("'").replace("''", "'")
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def _fields(page: _Page) -> Iterator[Field]:
    for key, value, _, _ in page.entries:
        if key not in _KEYS and value:
            yield Field("text:front-matter", key, _scalar(value).encode("utf-8", "replace"))
    yield from charsets.body_fields(page.reading())


MEDIUM = Markdown()
