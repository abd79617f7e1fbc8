"""HTML cut into tokens with their places, as browsers cut it (WHATWG HTML, section 13.2.5), in linear time.

Works on letters that are bytes (latin-1): no byte of a multi-byte letter is ``<``, ``>``, a quote or ``=`` in UTF-8,
Shift JIS, GBK or Big5.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from labeler.errors import LimitError

_SPACE = r"\t\n\f\r "
_OPENING = re.compile(rf"<([A-Za-z][^{_SPACE}/>]*)")
_CLOSING = re.compile(rf"</([A-Za-z][^{_SPACE}/>]*)")
_GAP = re.compile(rf"[{_SPACE}/]*")
_ATTRIBUTE = re.compile(
    rf"([^{_SPACE}/>][^{_SPACE}/>=]*+)(?:[{_SPACE}]*+=[{_SPACE}]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\"'{_SPACE}>][^{_SPACE}>]*+|(?=>))))?"
)
_UNCLOSED = re.compile(rf"[{_SPACE}]*=[{_SPACE}]*[\"']")
_COMMENT_END = re.compile(r"--!?>")
_SCRIPT = re.compile(rf"<!--(?:-?>)?|-->|<(/?)script(?=[{_SPACE}/>])", re.I)
RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"})
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[{_SPACE}/>])", re.I) for name in RAW}


@dataclass(frozen=True)
class Token:
    """``name`` of tags is in lower case; ``raw`` is the text inside of the elements `RAW`, between their tags.

    What browsers with scripts do with ``noscript`` is done here too.
    """

    kind: Literal["text", "start", "end", "comment", "doctype", "raw"]
    start: int
    end: int
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    finished: bool = True  # false: it runs on to the end of the page, whatever would follow


def tokens(text: str, limit: int) -> Iterator[Token]:
    """Everything in ``text``, each letter in one token (but for what browsers drop at an unfinished end).

    Raises:
        LimitError: more than ``limit`` tokens.
    """
    for number, token in enumerate(_tokens(text)):
        if number >= limit:
            raise LimitError(
                f"The page has more than {limit} tags and texts.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        yield token


def _tokens(text: str) -> Iterator[Token]:
    at, size = 0, len(text)
    while at < size:
        found = text.find("<", at)
        while 0 <= found < size - 1 and not (text[found + 1] in "!?/" or text[found + 1].isalpha()):
            found = text.find("<", found + 1)
        if found < 0 or found >= size - 1:
            yield Token("text", at, size)
            return
        if found > at:
            yield Token("text", at, found)
        token = _markup(text, found)
        yield token
        at = token.end
        if token.kind != "start":
            continue
        if token.name == "plaintext":
            if at < size:
                yield Token("text", at, size)
            return
        if token.name in RAW:
            end = _raw_end(text, at, token.name)
            yield Token("raw", at, end, token.name, finished=end < size)
            at = end


def _markup(text: str, at: int) -> Token:
    if opening := _OPENING.match(text, at):
        attributes, end, closed = _attributes(text, opening.end())
        return Token("start", at, end, opening[1].lower(), attributes, closed)
    if closing := _CLOSING.match(text, at):
        _, end, closed = _attributes(text, closing.end())
        return Token("end", at, end, closing[1].lower(), finished=closed)
    if text.startswith("<!--", at):
        if short := re.compile(r"-?>").match(text, at + 4):
            return Token("comment", at, short.end())
        close = _COMMENT_END.search(text, at + 4)
        return Token("comment", at, close.end() if close else len(text), finished=bool(close))
    found = text.find(">", at)
    end = found + 1 or len(text)
    kind: Literal["doctype", "comment"] = "doctype" if text[at : at + 9].lower() == "<!doctype" else "comment"
    return Token(kind, at, end, finished=found >= 0)


def _attributes(text: str, at: int) -> tuple[dict[str, str], int, bool]:
    """Of the tag whose name ends here, the first of each name; where the tag ends, and whether it does."""
    found: dict[str, str] = {}
    while True:
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]
        if at >= len(text):
            return found, len(text), False
        if text[at] == ">":
            return found, at + 1, True
        match = _ATTRIBUTE.match(text, at)
        assert match  # any letter but those of the gap begins a name
        at = match.end()
        if _UNCLOSED.match(text, at):
            return found, len(text), False  # a quote that is never closed
        value = next((g for g in match.groups()[1:] if g is not None), "")
        found.setdefault(match[1].lower(), value)


def _raw_end(text: str, at: int, name: str) -> int:
    if name != "script":
        close = _RAW_ENDS[name].search(text, at)
        return close.start() if close else len(text)
    state = 0  # 1: escaped, 2: double escaped
    for mark in _SCRIPT.finditer(text, at):
        if mark[0].startswith("<!"):
            state = state or int(not mark[0].endswith(">"))
        elif mark[0] == "-->":
            state = 0
        elif not mark[1]:
            state = 2 if state else 0
        elif state == 2:
            state = 1
        else:
            return mark.start()
    return len(text)


def unescaped(value: str, codec: str) -> str:
    """An attribute's value or a text in letters, its character references resolved."""
    return html.unescape(value.encode("latin-1").decode(codec, "replace"))
