"""Plain text: the notice is lines at the head, and at the end too where the text is long. All else stays as it is.

The manifest store stands beside the file or, if asked for, in characters that cannot be seen (C2PA 2.4, A.8).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from labeler.errors import LimitError, UsageError
from labeler.media import charsets, text_wrapper
from labeler.media.base import (
    Content,
    Embedded,
    Hole,
    Limits,
    MediumInfo,
    Painted,
    Shown,
    Slot,
    Stream,
    Surface,
    whole,
)
from labeler.media.charsets import Coded

LONG = 6_000  # letters, about three pages: from here on the notice stands at the end too
MAX_BYTES = 256 << 20
_LINE_END = re.compile(r"\r\n|\n|\r")
_MAX_LINES = 8  # of a notice


class Plain:
    """Stateless and thread-safe."""

    info = MediumInfo(
        name="Plain text",
        mime="text/plain",
        suffixes=(".txt", ".text"),
        slots=frozenset({Slot.C2PA}),
        surface="text",
        c2pa="exact",
        loss="encodings without Kazakh letters take no notice; only UTF-8 in the form NFC takes an embedded manifest",
        kind="text",
        detached=True,
        programs=(
            "robots.txt",
            "ads.txt",
            "app-ads.txt",
            "security.txt",
            "cmakelists.txt",
            "*requirements*.txt",
            "*constraints*.txt",
        ),
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """30 by the name, where nothing speaks against it: text has no magic."""
        return 30 if self.info.names(name) and charsets.is_text(head) else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = text_of(src, limits)
        coded = charsets.decode(data)
        found = _wrappers(data, coded)
        broken = next((w.defect for w in found if w.defect), "")
        if len(found) > 1:
            broken = f"there are {len(found)} in this text, and one may be"
        slots, hole = {}, None
        if found and not broken:
            slots[Slot.C2PA] = found[0].store
            hole = Hole(found[0].start, found[0].end - found[0].start, nfc=True)
        rest = without(data, found)
        exact = coded.codec == "utf-8" and unicodedata.is_normalized("NFC", coded.text)
        return Content(
            fields=tuple(charsets.body_fields(coded.text if not found else charsets.decode(rest).text)),
            slots=slots,
            essence=(Stream("text", (rest,)),) if essence else (),
            takes=self.info.slots if exact else frozenset(),
            why="plain text has no place for it"
            if exact
            else "plain text has no place for it, and only UTF-8 in the Unicode form NFC takes a manifest",
            hole=hole,
            defect=broken,
        )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if puts:
            raise UsageError("Plain text has no such slot.", "Embed a manifest with `embed`.")
        dst.write(whole(src, Limits()))

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """C2PA 2.4, A.8: behind the text."""
        data = text_of(src, Limits())
        rest, wrapper = without(data, _wrappers(data, charsets.decode(data))), text_wrapper.encode(store)
        return Embedded(rest + wrapper, len(rest), len(wrapper))

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        return _Text(text_of(src, limits))


def text_of(src: BinaryIO, limits: Limits) -> bytes:
    """Everything from the current position on.

    Raises:
        LimitError: more than a text can be.
    """
    data = whole(src, limits)
    if len(data) > MAX_BYTES:
        raise LimitError(f"The text has more than {MAX_BYTES} bytes.", "Label it in parts.")
    return data


def _wrappers(data: bytes, coded: Coded) -> list[text_wrapper.Wrapper]:
    return [] if coded.codec.startswith("utf-16") else text_wrapper.find(data)


def without(data: bytes, wrappers: list[text_wrapper.Wrapper]) -> bytes:
    """The text without these."""
    for w in reversed(wrappers):
        data = data[: w.start] + data[w.end :]
    return data


class _Lines(NamedTuple):
    """Where a notice stands in a text, with the empty line that parts it from the rest; empty: nowhere."""

    start: int
    end: int
    said: dict[str, str]


class _Text:
    """The text surface of a plain text."""

    def __init__(self, data: bytes) -> None:
        self._coded = charsets.decode(data)
        found = text_wrapper.find(data) if self._coded.codec == "utf-8" else []
        text = self._coded.text
        # an embedded manifest stays where it is: behind everything
        at = (
            len(data[: found[-1].start].decode("utf-8-sig"))
            if found and found[-1].end == len(data)
            else len(text)
        )
        self._text, self._tail = text[:at], text[at:]
        line_end = _LINE_END.search(text)
        self._eol = line_end[0] if line_end else "\n"

    def lacking(self, text: str) -> tuple[str, str]:
        return charsets.NAMES[self._coded.codec], self._coded.lacking(text)

    def shown(self, wordings: Mapping[str, str]) -> Shown:
        return Shown(self._head(wordings).said)

    def insert(self, lines: Mapping[str, str], wordings: Mapping[str, str]) -> Painted:
        head, eol = self._head(wordings), self._eol
        text = self._text[head.end :]
        end = self._end(text, wordings)
        text = text[: end.start]
        notice = "".join(line + eol for line in lines.values())
        head_notice = notice + eol
        if len(text) >= LONG:
            closed = text.endswith(("\n", "\r"))
            if text.endswith("\r") and eol == "\n":  # these two would become one
                notice, eol = notice.replace("\n", "\r\n"), "\r\n"
            text += eol + notice if closed else 2 * eol + notice.removesuffix(eol)
        return Painted(self._coded.encoded(head_notice + text + self._tail))

    def _head(self, wordings: Mapping[str, str]) -> _Lines:
        text, at = self._text, 0
        said: dict[str, str] = {}
        for _ in range(_MAX_LINES):
            end = _LINE_END.search(text, at)
            line = text[at : end.start() if end else len(text)]
            if line not in wordings:
                if said and end and not line:
                    at = end.end()
                break
            said[wordings[line]] = line
            at = end.end() if end else len(text)
        return _Lines(0, at, said)

    def _end(self, text: str, wordings: Mapping[str, str]) -> _Lines:
        """The notice that is the text's end."""
        at = len(text)
        said: dict[str, str] = {}
        closed = text.endswith(("\n", "\r"))
        for _ in range(_MAX_LINES):
            end = at - _ends_with_line_end(text, at) if closed or said else at
            start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
            if text[start:end] not in wordings or start == end:
                break
            said[wordings[text[start:end]]] = text[start:end]
            at = start
        if said:
            at -= _ends_with_line_end(text, at)  # the empty line
            if not closed:
                at -= _ends_with_line_end(text, at)
        return _Lines(at, len(text), said)


def _ends_with_line_end(text: str, at: int) -> int:
    """The length of the line end in front of this place."""
    return 2 if text.endswith("\r\n", 0, at) else 1 if text.endswith(("\n", "\r"), 0, at) else 0


MEDIUM = Plain()
