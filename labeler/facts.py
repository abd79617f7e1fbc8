"""Facts: what was seen, each under one stable dotted code."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a fact weighs."""

    SUCCESS = "success"
    INFORMATIONAL = "informational"
    FAILURE = "failure"


class Status(StrEnum):
    """Of a mark."""

    PRESENT = "present"
    ABSENT = "absent"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Strength(StrEnum):
    """Of evidence."""

    DECLARED = "declared"
    STRONG = "strong"
    WEAK = "weak"


class Tells(StrEnum):
    """What evidence tells. Only the first speaks of who made the content; the others are never more than weak."""

    MADE = "made"  # an AI system made it, or changed it
    PASSED = "passed"  # it passed through an AI chat's interface; who wrote it is open
    SOURCES = "sources"  # a source was found through an AI chat; who wrote the text is open
    CODE = "code"  # a page's code was made by AI; its text is open


@dataclass(frozen=True)
class Fact:
    """One observation. ``mark`` is the carrier it speaks of, ``where`` the place in the file."""

    code: str
    level: Level = Level.INFORMATIONAL
    mark: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Mark:
    """One carrier and its state; ``details`` is JSON-ready."""

    kind: str
    status: Status
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Something that tells of AI. ``source``: the catalogue's entry, the mark's kind if declared, or the plugin.

    ``excerpt``: key and matched token, at most 80 characters, nothing personal; ``value``: more of what stands there,
    prompts too, at most 4096 characters, only for those who ask. Both printable.
    """

    source: str
    generator: str
    strength: Strength
    where: str
    excerpt: str
    tells: Tells = Tells.MADE
    value: str = field(default="", repr=False)


@dataclass(frozen=True)
class Reading:
    """What one carrier says: its marks, what was seen, and our own record when it holds one."""

    marks: tuple[Mark, ...]
    facts: tuple[Fact, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    record: dict[str, Any] | None = None
