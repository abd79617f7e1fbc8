"""Policies are data; this applies them to facts, and decides the verdict."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Literal

from labeler.errors import ConfigError
from labeler.facts import Fact


class RuleStatus(StrEnum):
    """What came of a rule."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Verdict(StrEnum):
    """The bottom line of a report; order: what outranks what among several files."""

    UNREADABLE = "unreadable"
    TAMPERED = "tampered"
    UNLABELLED = "unlabelled"
    INCOMPLETE = "incomplete"
    SUSPECTED = "suspected"
    LABELLED = "labelled"
    NO_EVIDENCE = "no-evidence"


Level = Literal["must", "should"]


@dataclass(frozen=True)
class RuleResult:
    """One rule applied to one file; ``messages`` by language."""

    id: str
    policy: str
    citation: str
    basis: str
    level: Level
    status: RuleStatus
    messages: Mapping[str, str]


def names() -> tuple[str, ...]:
    """Of the policies that ship."""
    folder = resources.files("labeler.schemas").joinpath("policies")
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json")))


@functools.cache
def load(name: str) -> Mapping[str, Any]:
    """A policy as data; its schema is ``schemas/policy.schema.json``.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in names():
        raise ConfigError(f"There is no policy {name!r}.", f"Choose from: {', '.join(names())}.")
    text = resources.files("labeler.schemas").joinpath(f"policies/{name}.json").read_text("utf-8")
    policy: Mapping[str, Any] = json.loads(text)
    return policy


def check(policies: Iterable[str]) -> None:
    """Raises ConfigError: one of these is no policy that ships."""
    for name in policies:
        load(name)


def apply(policy: str, facts: Iterable[Fact]) -> tuple[RuleResult, ...]:
    """Every rule of a policy against what was seen.

    Raises:
        ConfigError: there is no policy of that name.
    """
    return _results(policy, frozenset(f.code for f in facts))


@functools.lru_cache(256)  # in a batch most files show the same facts
def _results(policy: str, codes: frozenset[str]) -> tuple[RuleResult, ...]:
    return tuple(_apply(policy, rule, codes) for rule in load(policy)["rules"])


def _apply(policy: str, rule: Mapping[str, Any], codes: frozenset[str]) -> RuleResult:
    """The first that fits: not applicable, fails, unknown, holds (each of its conditions), otherwise."""

    def seen(conditions: Sequence[str]) -> list[bool]:
        return [bool(codes & set(c.split("|"))) for c in conditions]

    if not any(seen(rule["applies"])):
        status = RuleStatus.NOT_APPLICABLE
    elif any(seen(rule.get("fails", ()))):
        status = RuleStatus.FAILS
    elif any(seen(rule.get("unknown", ()))):
        status = RuleStatus.UNKNOWN
    elif "holds" in rule and all(seen(rule["holds"])):
        status = RuleStatus.HOLDS
    else:
        status = RuleStatus(rule["otherwise"])
    # "holds, CODE" says it in other words where that fact made it so
    messages = next(
        (
            m
            for key, m in rule["messages"].items()
            if ", " in key and set(key.split(", ")) <= {status.value, *codes}
        ),
        rule["messages"].get(status.value, {}),
    )
    return RuleResult(rule["id"], policy, rule["citation"], rule["basis"], rule["level"], status, messages)


def decide(facts: Sequence[Fact], rules: Sequence[RuleResult]) -> Verdict:
    """The verdict: the first line of the table that fits."""
    codes = {f.code for f in facts}
    musts_hold = all(
        r.status in (RuleStatus.HOLDS, RuleStatus.NOT_APPLICABLE) for r in rules if r.level == "must"
    )
    if codes & {"container.unreadable", "container.limit"}:
        return Verdict.UNREADABLE
    if "c2pa.tampered" in codes:
        return Verdict.TAMPERED
    if "label.ai" in codes:
        return Verdict.LABELLED if musts_hold else Verdict.INCOMPLETE
    if codes & {"evidence.strong", "caller.ai"}:
        return Verdict.UNLABELLED
    if any(code.startswith("evidence.") for code in codes):
        return Verdict.SUSPECTED
    return Verdict.NO_EVIDENCE


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Of several, the one that outranks the others."""
    order = list(Verdict)
    return min(verdicts, key=order.index)
