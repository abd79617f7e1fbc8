"""The contract every format keeps, and what several of them say."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from labeler._verify import Report
from labeler.facts import Evidence, Level, Strength, Tells
from labeler.policy import engine
from labeler.policy.engine import RuleResult, RuleStatus, Verdict
from labeler.words import printable, say

FAILING = (Verdict.TAMPERED, Verdict.UNLABELLED, Verdict.INCOMPLETE)
TOOL = "tanba"


def _now() -> datetime:
    """The time, or ``SOURCE_DATE_EPOCH`` for a report that is to come out the same again."""
    if epoch := os.environ.get("SOURCE_DATE_EPOCH", ""):
        try:
            return datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError):
            pass
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Settings:
    """What is known before the first file. ``fail_on`` are the verdicts that end with exit code 1."""

    lang: str = "en"
    policies: tuple[str, ...] = ("kz",)
    fail_on: frozenset[str] = frozenset(FAILING)
    show_values: bool = False
    quiet: bool = False
    time: datetime = field(default_factory=_now)

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """Of the policies, which may be named by their files."""
        return engine.check(self.policies)

    def fails(self, report: Report) -> bool:
        """Whether this file needs attention: a verdict, a mark that an older copy had, and nobody accepted it."""
        lost = any(fact.code == "marks.lost" for fact in report.facts)
        return not report.accepted and (report.error is not None or lost or report.verdict in self.fail_on)


@dataclass(frozen=True)
class Closing:
    """What is known after the last file: a count per verdict and of ``skipped``; sidecars whose file is gone."""

    counts: Mapping[str, int]
    orphans: tuple[str, ...] = ()

    @property
    def examined(self) -> int:
        """Files with a verdict."""
        return sum(n for name, n in self.counts.items() if name != "skipped")


class Writer(ABC):
    """Gets report after report and yields text; holds no report, so that memory stays flat.

    Reports of skipped files come too: most formats only count them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def begin(self) -> Iterator[str]:
        """Before the first file."""
        yield from ()

    @abstractmethod
    def file(self, report: Report) -> Iterator[str]:
        """One file."""

    def end(self, closing: Closing) -> Iterator[str]:
        """After the last file."""
        yield from ()


def tool() -> dict[str, str]:
    """Its name and version."""
    from labeler import __version__

    return {"name": TOOL, "version": __version__}


def as_dict(report: Report, settings: Settings) -> dict[str, Any]:
    """The file object of the JSON reports (`schemas/report.schema.json`)."""
    data = report.to_dict(show_values=settings.show_values)
    data["path"] = printable(data["path"])
    return data


# ---- what a person is told of one file, in this order: finding, evidence, rules, next step


def sentence(report: Report, lang: str) -> str:
    """The finding in a sentence."""
    return capital(say(f"sentence.{report.verdict}", lang))


def capital(text: str) -> str:
    """As a sentence begins."""
    return text[:1].upper() + text[1:]


def problem(report: Report) -> str:
    """Why it could not be examined, or nothing."""
    return capital(printable(report.error.message)) if report.error else ""


# what else a rule's message leaves open: which part, who signed and when, and which list says so
_TOLD = frozenset(
    {
        "label.ai-part",
        "caller.ai",
        "inventory.changed",
        "baseline.accepted",
        "c2pa.signer.trusted",
        "c2pa.time.trusted",
        "c2pa.time.untrusted",
        "c2pa.time.unchecked",
        "c2pa.identity.trusted",
        "c2pa.identity.untrusted",
    }
)


def traces(report: Report, lang: str) -> Iterator[str]:
    """The marks that declare AI in one line, then evidence, strongest first, who signed and when, and defects."""
    declared = [e for e in report.evidence if e.strength is Strength.DECLARED]
    if declared:
        yield f"{say('strength.declared', lang)}: {', '.join(dict.fromkeys(_who(e, lang) for e in declared))}"
    for found in sorted(report.evidence, key=lambda e: e.strength is Strength.WEAK):
        if found.strength is not Strength.DECLARED:
            tells = (
                f"strength.{found.strength}" if found.tells is Tells.MADE else f"fact.evidence.{found.tells}"
            )
            yield f"{say(tells, lang)}: {trace(found, lang)}"
    for fact in report.facts:
        if fact.code in _TOLD or (fact.level is Level.FAILURE and not fact.code.startswith("container.")):
            where = f" [{printable(fact.where)}]" if fact.where else ""
            yield f"{say(f'fact.{fact.code}', lang, default=fact.code)}{where}"


def trace(found: Evidence, lang: str) -> str:
    """Who left it, where, and what was matched."""
    place = found.where if found.where != found.source else ""
    return printable(f"{_who(found, lang)} [{', '.join(filter(None, (place, found.excerpt)))}]")


def _who(found: Evidence, lang: str) -> str:
    return printable(found.generator or say(f"mark.{found.source}", lang, default=found.source))


_WEIGHT = {RuleStatus.FAILS: 0, RuleStatus.UNKNOWN: 1, RuleStatus.HOLDS: 2}


def rules(report: Report) -> list[RuleResult]:
    """Those that apply: what fails first, must before should."""
    applied = [r for r in report.rules if r.status in _WEIGHT]
    return sorted(applied, key=lambda r: (_WEIGHT[r.status], r.level != "must"))


def open_rules(report: Report) -> list[RuleResult]:
    """Those that fail or could not be checked, musts first."""
    return sorted(
        (r for r in rules(report) if r.status is not RuleStatus.HOLDS), key=lambda r: r.level != "must"
    )


def rule_line(rule: RuleResult, lang: str) -> str:
    """Id, weight, source and message of a rule."""
    level = say(f"level.{rule.level}", lang)
    return f"{rule.id} ({level}; {rule.citation}): {rule.messages.get(lang, '')}"


def next_step(report: Report, lang: str) -> str:
    """What to do about it; nothing where nothing is to be done."""
    if report.error:
        return printable(report.error.hint) or say("next.unreadable", lang)
    return say(f"next.{report.verdict}", lang, default="")


def relative(path: str) -> str:
    """A path below the working directory as seen from there; any other as it is. Separators are slashes."""
    pure = PurePath(path)
    if pure.is_absolute():
        with contextlib.suppress(ValueError, OSError):
            pure = pure.relative_to(Path.cwd())
    return pure.as_posix()
