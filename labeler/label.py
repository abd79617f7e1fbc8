"""The label: what is said about one piece of content."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from labeler.errors import UsageError


class Involvement(StrEnum):
    """How far an AI system shaped the content."""

    GENERATED = "generated"
    MODIFIED = "modified"
    ASSISTED = "assisted"


class Imitates(StrEnum):
    """What the content imitates (Law No. 230-VIII, Art. 21)."""

    APPEARANCE = "appearance"
    VOICE = "voice"
    BEHAVIOUR = "behaviour"
    EVENT = "event"


class Role(StrEnum):
    """The publisher's role towards the AI system."""

    OWNER = "owner"
    POSSESSOR = "possessor"
    USER = "user"


IPTC_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: dict[Involvement, str] = {
    Involvement.GENERATED: IPTC_SOURCE_TYPE + "trainedAlgorithmicMedia",
    Involvement.MODIFIED: IPTC_SOURCE_TYPE + "compositeWithTrainedAlgorithmicMedia",
    Involvement.ASSISTED: IPTC_SOURCE_TYPE + "humanEdits",
}
# the codes that declare AI, whoever writes them; algorithmicMedia is procedural, not AI
AI_SOURCE_TYPES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_MAX_TEXT = 500


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class Label:
    """One immutable record; its JSON Schema is ``schemas/label.schema.json``.

    ``time`` is RFC 3339 with offset; ``content_id`` a ``urn:uuid``; ``reviewer`` and ``prompt``
    are personal data and stay ``None`` unless the caller opts in.

    Raises:
        UsageError: a value is empty, too long, or holds control characters.
    """

    system: str
    system_version: str | None = None
    provider: str | None = None
    publisher: str | None = None
    role: Role | None = None
    involvement: Involvement = Involvement.GENERATED
    imitates: tuple[Imitates, ...] = ()
    risk: str | None = None
    reviewer: str | None = None
    prompt: str | None = None
    time: str = field(default_factory=_now)
    content_id: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")

    def __post_init__(self) -> None:
        put = object.__setattr__
        try:
            put(self, "involvement", Involvement(self.involvement))
            put(self, "imitates", tuple(sorted({Imitates(x) for x in self.imitates})))
            put(self, "role", None if self.role is None else Role(self.role))
            if datetime.fromisoformat(self.time).tzinfo is None:
                raise ValueError(f"time {self.time!r} has no offset")
            uuid.UUID(self.content_id.removeprefix("urn:uuid:"))
        except (ValueError, AttributeError, TypeError) as e:
            raise UsageError(
                f"The label is not well-formed: {e}.",
                f"Involvement: {', '.join(Involvement)}; imitates: {', '.join(Imitates)}; role: {', '.join(Role)}.",
            ) from e
        if not self.system:
            raise UsageError("The label names no AI system.", "Pass --system.")
        for name in ("system", "system_version", "provider", "publisher", "risk", "reviewer", "prompt"):
            value = getattr(self, name)
            if value is None:
                continue
            limit = 4000 if name == "prompt" else _MAX_TEXT
            if not isinstance(value, str) or not value.strip() or len(value) > limit:
                raise UsageError(f"The label's {name} must be text of 1 to {limit} characters.")
            if _CONTROL.search(value.replace("\n", " ") if name == "prompt" else value):
                raise UsageError(f"The label's {name} holds control characters.", "Remove them.")

    @property
    def source_type(self) -> str:
        """IPTC DigitalSourceType, the full URI."""
        return SOURCE_TYPES[self.involvement]

    def same_as(self, other: Label) -> bool:
        """Equal, content id and time aside."""
        return replace(self, time=other.time, content_id=other.content_id) == other

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; absent values are left out."""
        out: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None or value == ():
                continue
            out[f.name] = list(map(str, value)) if isinstance(value, tuple) else str(value)
        return out

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Label:
        """The inverse of `to_dict`; unknown keys are ignored so that newer labels stay readable.

        Raises:
            UsageError: the record is not a label.
        """
        known = {f.name for f in fields(cls)}
        try:
            kept: dict[str, Any] = {k: v for k, v in data.items() if k in known}
            return cls(**kept)
        except TypeError as e:
            raise UsageError(f"The record is not a label: {e}.") from e
