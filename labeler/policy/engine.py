"""Policies are data; this applies them to facts, and decides the verdict.

A policy is one of those that ship, by its name, or a file of the user's own, by its path.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
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
_LARGEST = 1 << 20  # bytes of a policy file
_CONDITIONS = ("applies", "unless", "fails", "unknown", "holds")
_Key = tuple[str, int, int]  # a name or a path, and when and how large the file was


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


@dataclass(frozen=True)
class Asks:
    """What policies ask of `add`: kinds of marks, and the least height of letters as a share of the short side."""

    marks: frozenset[str] = frozenset()
    letters: float = 0


def load(name: str) -> Mapping[str, Any]:
    """A policy as data; its schema is ``schemas/policy.schema.json``.

    Raises:
        ConfigError: there is none of that name, or the file is no policy; says where in it.
    """
    return _load(_key(name))


def _key(name: str) -> _Key:
    if not name.endswith(".json") and os.sep not in name:
        return name, 0, 0
    try:
        found = os.stat(name)
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else e
        raise ConfigError(f"The policy {name} cannot be read ({why}).", "Check its path.") from e
    return name, found.st_mtime_ns, found.st_size


@functools.lru_cache(64)
def _load(key: _Key) -> Mapping[str, Any]:
    name, written, size = key
    if written:
        return _checked(name, size)
    if name not in names():
        raise ConfigError(
            f"There is no policy {name!r}.", f"Choose from: {', '.join(names())}, or name a .json file."
        )
    text = resources.files("labeler.schemas").joinpath(f"policies/{name}.json").read_text("utf-8")
    policy: Mapping[str, Any] = json.loads(text)
    return policy


def _checked(path: str, size: int) -> Mapping[str, Any]:
    """A file of the user's, which fits the schema, speaks of facts that there are and says each result."""
    try:
        if size > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        policy = json.loads(Path(path).read_text("utf-8"))
        if why := _defect(policy):
            raise ValueError(why)
    except (OSError, ValueError, RecursionError) as e:
        raise ConfigError(
            f"{path} is no policy: {e}.", "See docs/policies.md for how one is written, with an example."
        ) from e
    found: Mapping[str, Any] = policy
    return found


def _defect(policy: Any) -> str:
    """What is wrong with a policy, and where; empty: nothing."""
    import jsonschema  # slow to import, and only a user's own file needs it

    schema = json.loads(_resource("policy.schema.json"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(policy))
    if error is not None:
        return f"{error.json_path.removeprefix('$').lstrip('.') or 'it'}: {error.message[:300]}"
    if policy["id"] in names():
        return f"id: {policy['id']!r} is the name of a policy that ships"
    known, seen = known_facts(), set[str]()
    for i, rule in enumerate(policy["rules"]):
        if not rule["id"].startswith(f"{policy['id']}."):
            return f"rules[{i}].id: {rule['id']!r} does not begin with {policy['id'] + '.'!r}"
        if rule["id"] in seen:
            return f"rules[{i}].id: a second rule {rule['id']!r}"
        seen.add(rule["id"])
        for condition in _CONDITIONS:
            for code in "|".join(rule.get(condition, ())).split("|"):
                if code and code not in known:
                    return f"rules[{i}].{condition}: there is no fact {code!r}"
        if missing := results(rule) - rule["messages"].keys():
            return f"rules[{i}].messages: none for {', '.join(sorted(missing))}"
    return ""


def _resource(name: str) -> str:
    return resources.files("labeler.schemas").joinpath(name).read_text("utf-8")


@functools.cache
def known_facts() -> tuple[str, ...]:
    """The codes that the conditions of a rule can name."""
    keys = json.loads(_resource("words.json"))
    return tuple(sorted(key.removeprefix("fact.") for key in keys if key.startswith("fact.")))


def results(rule: Mapping[str, Any]) -> set[str]:
    """What can come of a rule."""
    return {rule["otherwise"], *(status for status in ("holds", "fails", "unknown") if status in rule)}


def check(policies: Iterable[str]) -> tuple[str, ...]:
    """The ids of these policies.

    Raises:
        ConfigError: one of them is none, or two have the same id.
    """
    ids = tuple(str(load(name)["id"]) for name in policies)
    if twice := next((i for i in ids if ids.count(i) > 1), None):
        raise ConfigError(f"The policy {twice!r} is named twice.", "Name each once.")
    return ids


def asks(policies: Iterable[str]) -> Asks:
    """What all of them together ask for."""
    wants = [load(name).get("asks", {}) for name in policies]
    marks = frozenset(mark for want in wants for mark in want.get("marks", ()))
    return Asks(marks, max((want.get("letters", 0) for want in wants), default=0))


def apply(policy: str, facts: Iterable[Fact]) -> tuple[RuleResult, ...]:
    """Every rule of a policy against what was seen.

    Raises:
        ConfigError: there is no such policy.
    """
    return _results(_key(policy), frozenset(f.code for f in facts))


@functools.lru_cache(256)  # in a batch most files show the same facts
def _results(key: _Key, codes: frozenset[str]) -> tuple[RuleResult, ...]:
    policy = _load(key)
    return tuple(_apply(policy["id"], rule, codes) for rule in policy["rules"])


def _apply(policy: str, rule: Mapping[str, Any], codes: frozenset[str]) -> RuleResult:
    """The first that fits: not applicable, fails, unknown, holds (each of its conditions), otherwise."""

    def seen(conditions: Sequence[str]) -> list[bool]:
        return [bool(codes & set(c.split("|"))) for c in conditions]

    if not any(seen(rule["applies"])) or any(seen(rule.get("unless", ()))):
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
