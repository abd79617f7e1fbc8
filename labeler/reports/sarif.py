"""SARIF 2.1.0 for code scanning: a result for each rule that does not hold, and for what no rule says.

Policy rules are the reporting descriptors (English, with Kazakh and Russian translations); the level of a result
follows the file's verdict. `docs/reports.md` has the table.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from labeler._verify import Report
from labeler.policy import engine
from labeler.policy.engine import RuleStatus, Verdict
from labeler.reports import base
from labeler.reports.base import Closing, Settings
from labeler.words import printable, say

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# findings that are no policy's rule, each with its level
_VERDICTS = {
    Verdict.TAMPERED: "error",
    Verdict.UNREADABLE: "error",
    Verdict.UNLABELLED: "error",
    Verdict.INCOMPLETE: "error",
    Verdict.SUSPECTED: "warning",
}
_BY_RULES = (Verdict.UNLABELLED, Verdict.INCOMPLETE)  # told by the rules that fail, where there are any


class Writer(base.Writer):
    """One run; its results stream."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.rules = [rule for name in settings.policies for rule in _policy_rules(name)]
        self.rules += [_verdict_rule(verdict) for verdict in _VERDICTS]
        self.index = {rule["id"]: i for i, rule in enumerate(self.rules)}
        self._between = "\n"

    def begin(self) -> Iterator[str]:
        tool = base.tool()
        driver = {
            "name": tool["name"],
            "version": tool["version"],
            "language": "en",
            "fullDescription": {"text": say("disclaimer", "en")},
            "rules": [_described(rule, "en", whole=True) for rule in self.rules],
        }
        translations = [
            {
                "name": tool["name"],
                "language": lang,
                "contents": ["localizedData"],
                "associatedComponent": {"name": tool["name"]},
                "rules": [_described(rule, lang, whole=False) for rule in self.rules],
            }
            for lang in ("kk", "ru")
        ]
        run = {
            "tool": {"driver": driver},
            "translations": translations,
            "language": self.settings.lang,
            "columnKind": "unicodeCodePoints",
            "automationDetails": {"id": f"{tool['name']}/{'+'.join(self.settings.policy_ids)}/"},
        }
        head = json.dumps({"$schema": SCHEMA, "version": "2.1.0"}, indent=1).removesuffix("\n}")
        yield head + ',\n "runs": [\n' + _dumped(run).removesuffix("}") + ', "results": ['

    def file(self, report: Report) -> Iterator[str]:
        for result in self._results(report):
            yield self._between + _dumped(result)
            self._between = ",\n"

    def end(self, closing: Closing) -> Iterator[str]:
        properties = {
            "summary": dict(closing.counts),
            "orphans": list(closing.orphans),
            "disclaimer": say("disclaimer", self.settings.lang),
        }
        yield "\n]"
        yield ', "invocations": ' + _dumped([{"executionSuccessful": True}])
        yield ', "properties": ' + _dumped(properties) + "}\n ]\n}\n"

    def _results(self, report: Report) -> Iterator[dict[str, Any]]:
        if report.skipped:
            return
        lang, failing = self.settings.lang, self.settings.fails(report)
        found = False
        for rule in base.open_rules(report):
            if rule.level == "must":
                found = True
                level = "error" if failing and rule.status is RuleStatus.FAILS else "warning"
            elif rule.status is RuleStatus.FAILS:
                level = "note"
            else:
                continue
            yield self._result(report, rule.id, level, rule.messages.get(lang, ""), rule.status)
        if report.verdict in _VERDICTS and not (found and report.verdict in _BY_RULES):
            level = "error" if failing else "warning"
            said = f"{base.sentence(report, lang)} {base.problem(report)} {base.next_step(report, lang)}"
            yield self._result(report, f"verdict.{report.verdict}", level, " ".join(said.split()), None)

    def _result(
        self, report: Report, rule: str, level: str, message: str, status: RuleStatus | None
    ) -> dict[str, Any]:
        lines = [message, *base.traces(report, self.settings.lang)]
        path = base.relative(report.path)
        place: dict[str, Any] = {"artifactLocation": _location(path), "region": {"startLine": 1}}
        return {
            "ruleId": rule,
            "ruleIndex": self.index[rule],
            "level": level,
            "message": {"text": _plain("\n".join(lines))},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {
                # the same file and rule; the same content and rule, whatever its name
                "primaryLocationLineHash": f"{_hash(rule, path)}:1",
                "contentAndRule/v1": _hash(rule, report.sha256 or path),
            },
            "properties": {
                "verdict": report.verdict,
                "status": status,
                "path": printable(report.path),
                "sha256": report.sha256,
                "mediaType": report.media_type,
            },
        }


def _policy_rules(policy: str) -> Iterator[dict[str, Any]]:
    data = engine.load(policy)
    for rule in data["rules"]:
        yield {
            "id": rule["id"],
            "level": "error" if rule["level"] == "must" else "note",
            "title": rule["messages"]["holds"],
            "messages": {k: m for k, m in rule["messages"].items() if k in ("fails", "unknown")},
            "properties": {k: rule[k] for k in ("level", "basis", "confidence", "citation")}
            | {"policy": data["id"], "tags": [data["id"], rule["level"], rule["basis"]]},
        }


def _verdict_rule(verdict: Verdict) -> dict[str, Any]:
    langs = ("kk", "ru", "en")
    return {
        "id": f"verdict.{verdict}",
        "level": _VERDICTS[verdict],
        "title": {lang: say(f"sentence.{verdict}", lang) for lang in langs},
        "messages": {"next": {lang: say(f"next.{verdict}", lang, default="") for lang in langs}},
        "properties": {"tags": ["verdict"]},
    }


def _described(rule: Mapping[str, Any], lang: str, *, whole: bool) -> dict[str, Any]:
    """A reporting descriptor; in a translation only what is translated."""
    title, messages = rule["title"][lang], {k: m[lang] for k, m in rule["messages"].items() if m[lang]}
    out: dict[str, Any] = {
        "id": rule["id"],
        "shortDescription": {"text": base.capital(title)},
        "messageStrings": {k: {"text": _plain(m)} for k, m in messages.items()},
        "help": {"text": "\n".join(messages.values()) or title},
    }
    if whole:
        properties = rule["properties"]
        if "citation" in properties:
            basis = say(f"basis.{properties['basis']}", lang)
            out["fullDescription"] = {"text": f"{title} {properties['citation']} ({basis})."}
        out["name"] = "".join(w.capitalize() for w in rule["id"].replace("-", ".").split("."))
        out["defaultConfiguration"] = {"level": rule["level"]}
        out["properties"] = properties
    return {k: v for k, v in out.items() if v}


def _location(path: str) -> dict[str, str]:
    """A relative URI wherever the path is relative; a name that is no UTF-8 keeps its bytes."""
    uri = quote(os.fsencode(path), safe="/")
    if PurePath(path).is_absolute():
        return {"uri": f"file://{'' if uri.startswith('/') else '/'}{uri}"}
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _plain(text: str) -> str:
    """A message without placeholders (section 3.11.5) and links (3.11.6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
