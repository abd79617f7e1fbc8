"""The EXIF mark: the label in an EXIF block, which begins with its TIFF header.

Exif 3.0 sections 4.6.4 (ImageDescription) and 4.6.6 (ExifVersion; UserComment and its character code); Metadata Working
Group, Guidelines 2.0 (texts are UTF-8). The words of the notice become the picture's description where it has none; the
label is JSON in the comment where nobody wrote one. Cameras fill an unused comment with spaces or zeros.

Nothing else in a block moves or changes, but for the pointer in its header: cameras' notes count on their place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from labeler import ifd
from labeler.errors import LabelError
from labeler.evidence.value import Value
from labeler.facts import Fact, Level, Mark, Reading, Status
from labeler.label import Label

RECORD, NOTICE = "tanba:Record", "tanba:Notice"
_SOURCE_TYPE, _SYSTEM, _VERSION = (
    f"Iptc4xmpExt:{name}" for name in ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
)
_DESCRIPTION, _EXIF_VERSION, _COMMENT = 0x010E, 0x9000, 0x9286
_ASCII, _UNDEFINED = 2, 7
_CODE = b"ASCII\0\0\0"  # JSON needs no other, and unlike UTF-16 it is read alike by all
_CODES = (_CODE, b"UNICODE\0", b"JIS\0\0\0\0\0")
_LATEST = b"0232"
# in a new block the first directory does not stand at byte 8 either: in a signed PNG exiftool would pass it over, since
# a box of the manifest stands at its byte 8
_EMPTY = b"II*\0\x08\0\0\0" + bytes(6)


class OccupiedError(LabelError):
    """A block that cannot take the label; says why."""

    code = "exif.occupied"


@dataclass(frozen=True)
class _Block:
    """A block whose directories are whole; ``details`` is that of Exif, if there is one."""

    data: bytes
    form: ifd.Form
    first: ifd.Directory
    details: ifd.Directory | None

    def values(self, directory: ifd.Directory | None, tag: int) -> list[bytes]:
        """Of every field with that tag."""
        entries = directory.entries if directory else ()
        return [self.data[e.place : e.place + e.size] for e in entries if e.tag == tag]

    @cached_property
    def comment(self) -> bytes:
        """The first that says something, raw; empty: none does."""
        return next((v for v in self.values(self.details, _COMMENT) if not _unused(v)), b"")

    @cached_property
    def own(self) -> dict[str, Any] | None:
        """Our comment."""
        found = Value(self.comment).json()
        return found if isinstance(found, dict) and RECORD in found else None

    @property
    def described(self) -> bool:
        """Whether somebody else describes the picture."""
        notice = self.own.get(NOTICE) if self.own else None
        ours = _said(notice) if isinstance(notice, dict) else b""
        return any(not _blank(v) and v.rstrip(b"\0") != ours for v in self.values(self.first, _DESCRIPTION))

    def with_comment(self, text: str, description: bytes) -> bytes:
        """The block with these two (no description: that stays as it is)."""
        comment, first = _CODE + text.encode("ascii"), dict[int, ifd.Value]()
        if description:
            first[_DESCRIPTION] = ifd.Value(_ASCII, len(description) + 1, description + b"\0")
        said = [v.rstrip(b"\0") for v in self.values(self.first, _DESCRIPTION)]
        if self.comment == comment and (not description or said == [description]):
            return self.data
        details = {_COMMENT: ifd.Value(_UNDEFINED, len(comment), comment)}
        if not self.details:
            details[_EXIF_VERSION] = ifd.Value(_UNDEFINED, len(_LATEST), _LATEST)
        puts, end = ifd.Puts(first, details), self._end(first | details)
        made = b"".join(ifd.edited(self.data, self.form, self.first, self.details, puts, end))
        before = _seen(self.data)  # there are blocks that piexif does not read at all
        if before is not None and _seen(made) != {**before, ("Exif", _COMMENT): comment}:
            raise OccupiedError("another reader would find less in its EXIF block than before")
        return made

    def _end(self, puts: Mapping[int, ifd.Value]) -> int:
        """Without what we put behind all else the last time, and put anew now."""
        if not self.own or not self.details:
            return len(self.data)
        own, floor = [(d.start, d.stop) for d in (self.first, self.details)], self.form.head
        for e in (*self.first.entries, *self.details.entries):
            if e.size > self.form.width:
                if e.tag in puts:
                    own.append((e.place, e.place + e.size))
                else:
                    floor = max(floor, e.place + e.size)
        return ifd.reclaimed(self.data, self.form, own, floor)


def _parse(block: bytes) -> _Block | None:
    form = ifd.form(block)
    if not form or form.big:
        return None
    first = ifd.directory(block, form, ifd.pointer(block, form, form.head - form.width))
    pointer = first.get(ifd.EXIF) if first else None
    details = ifd.directory(block, form, ifd.pointer(block, form, pointer.place)) if pointer else None
    return _Block(block, form, first, details) if first and bool(pointer) == bool(details) else None


def _blank(value: bytes) -> bool:
    return not value.strip(b" \0")


def _unused(comment: bytes) -> bool:
    return _blank(comment[8:]) and (comment[:8] in _CODES or _blank(comment[:8]))


def _said(notices: Mapping[str, Any]) -> bytes:
    """The words in one line, as a description holds them."""
    return " / ".join(map(str, notices.values())).encode()


def _seen(block: bytes) -> dict[tuple[str, int], Any] | None:
    """What a reader that is not ours finds, but for what we put besides the comment; None: it cannot read it."""
    import piexif  # costs milliseconds

    try:
        found = piexif.load(b"Exif\0\0" + block)
    except Exception:  # whatever the bytes make it raise
        return None
    parts = {**found, "thumbnail": {0: found["thumbnail"]}}
    ours = (("0th", _DESCRIPTION), ("0th", ifd.EXIF), ("Exif", _EXIF_VERSION))
    return {
        (part, tag): v for part, tags in parts.items() for tag, v in tags.items() if (part, tag) not in ours
    }


def write(block: bytes | None, label: Label, notices: Mapping[str, str], record: Mapping[str, Any]) -> bytes:
    """The block with our label in it, or a new one; ``notices`` maps language to words.

    Raises:
        OccupiedError: the comment is somebody's, or the block is malformed. Nobody's value is ever replaced.
    """
    found = _parse(_EMPTY if block is None else block)
    if found is None:
        raise OccupiedError("its EXIF block is malformed")
    if found.comment and found.own is None:
        raise OccupiedError("the comment in its EXIF block is somebody else's and stays")
    said = {_SOURCE_TYPE: label.source_type, _SYSTEM: label.system}
    if label.system_version:
        said[_VERSION] = label.system_version
    text = json.dumps({**said, NOTICE: dict(notices), RECORD: record}, separators=(",", ":"))
    return found.with_comment(text, b"" if found.described else _said(notices))


def comment(block: bytes, text: str) -> bytes:
    """The block with this text (ASCII) in place of the comment that is there.

    Raises:
        OccupiedError: the block is malformed, or there is no comment.
    """
    found = _parse(block)
    if found is None or not found.comment:
        raise OccupiedError("its EXIF block is malformed")
    return found.with_comment(text, b"")


def is_own(key: str, value: bytes) -> bool:
    """Whether a field of a block is our comment."""
    return key == "UserComment" and RECORD.encode() in value


def read(block: bytes | None) -> Reading | None:
    """What our comment in this block says; None: there is none of ours."""
    found = _parse(block) if block else None
    own = found.own if found else None
    if own is None:
        return None
    details: dict[str, object] = {
        key: str(own[name])[:500]
        for key, name in (("source_type", _SOURCE_TYPE), ("system", _SYSTEM))
        if name in own
    }
    if not isinstance(own[RECORD], dict):
        fact = Fact("record.malformed", Level.FAILURE, "exif", RECORD)
        return Reading((Mark("exif", Status.INVALID, details),), (fact,))
    fact = Fact("label.ai", Level.SUCCESS, "exif", RECORD)
    return Reading((Mark("exif", Status.PRESENT, details),), (fact,), record=own[RECORD])
