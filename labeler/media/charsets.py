"""Which encoding a text is in, found from its bytes alone. Whatever it is, it is kept.

WHATWG Encoding (byte order marks first); KZ-1048 (STRK1048-2002) and PT154 are the 8-bit encodings with Kazakh letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labeler.errors import UnreadableError
from labeler.media.base import Field

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
UNKNOWN = "latin-1"  # takes any byte, and gives it back
NAMES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1251": "Windows-1251",
    "koi8-r": "KOI8-R",
    "kz1048": "KZ-1048",
    "ptcp154": "PT154",
    "cp866": "CP866",
    UNKNOWN: "an unknown encoding",
}
_EIGHT_BIT = ("cp1251", "koi8-r", "cp866", "kz1048", "ptcp154")  # in doubt, the first
# what no text has: all controls but tab, the line ends, form feed, DOS' end of file and escape sequences
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f\x7f]")
_SAMPLE = 64 << 10
_WORD = re.compile(r"[^\W\d_]+")
_GOOD = re.compile(r"[А-ЯЁІЄҐЎЇа-яёієґўїӘҒҚҢӨҰҮҺәғқңөұүһ]+")
_COMMON = frozenset("оаеинтсрвлқы")
_SIGNS = frozenset("«»“”„‘’–—…№°§\xa0•©")
_FIELD = 256 << 10


@dataclass(frozen=True)
class Coded:
    """A text as letters: ``bom + text.encode(codec)`` are its bytes again."""

    bom: bytes
    codec: str
    text: str

    def encoded(self, text: str) -> bytes:
        """Another text as this one is stored."""
        return self.bom + text.encode(self.codec)

    def lacking(self, text: str) -> str:
        """The letters of ``text`` that this encoding cannot write, each once."""
        if self.codec == UNKNOWN:
            return "".join(dict.fromkeys(c for c in text if not c.isascii()))
        return "".join(dict.fromkeys(c for c in text if not _encodable(c, self.codec)))


def _encodable(letter: str, codec: str) -> bool:
    try:
        letter.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def is_text(head: bytes) -> bool:
    """Whether these first bytes of a file can be text."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or not _CONTROL.search(head)


def decode(data: bytes) -> Coded:
    """The text in these bytes.

    Raises:
        UnreadableError: they are none.
    """
    bom, codec = next((b for b in _BOMS if data.startswith(b[0])), (b"", "utf-8"))
    body = data[len(bom) :]
    if not codec.startswith("utf-16") and (b"\0" in body or _CONTROL.search(body[:_SAMPLE])):
        raise UnreadableError("It holds control characters: it is no text.", "Check what kind of file it is.")
    try:
        return Coded(bom, codec, body.decode(codec))
    except UnicodeDecodeError as e:
        if bom:
            name = NAMES[codec]
            raise UnreadableError(f"It is no well-formed {name}.", "Save it again in UTF-8.") from e
    codec = _eight_bit(body)
    return Coded(b"", codec, body.decode(codec))


def _eight_bit(data: bytes) -> str:
    """The 8-bit encoding in which most words are words, `UNKNOWN` if none is."""
    sample = data[:_SAMPLE]
    best, found = 0.0, UNKNOWN
    for codec in _EIGHT_BIT:
        try:
            data.decode(codec)
            score = _score(sample.decode(codec))
        except UnicodeDecodeError:
            continue
        if score > best:
            best, found = score, codec
    return found


def _score(text: str) -> float:
    """Per letter: does it look like Kazakh, Russian, Belarusian or Ukrainian? Not positive: it does not."""
    score, letters = 0.0, 0
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        letters += len(word)
        cased = word.islower() or word.isupper() or word.istitle()
        if not _GOOD.fullmatch(word) or not cased:
            score -= 2 * len(word)
            continue
        common = sum(c in _COMMON for c in word.lower())
        score += common - (len(word) - common) / 2 + (0.3 * len(word) if not word.isupper() else 0)
    signs = sum(not c.isascii() and not c.isalnum() and c not in _SIGNS for c in text)
    return (score - 2 * signs) / (letters or 1)


def body_fields(text: str) -> Iterator[Field]:
    """What a reader reads, for evidence: in pieces of at most 256 KiB, cut between lines where there are any."""
    at = 0
    while at < len(text):
        end = at + _FIELD // 4
        if end < len(text):
            cut = max(text.rfind("\n", at, end), text.rfind("\r", at, end))
            end = cut + 1 if cut > at else end
        yield Field("text:body", "text", text[at:end].encode("utf-8", "replace"))
        at = end
