"""Plain text for a person at a terminal: finding, evidence, rules, next step; then the count, and what was not checked."""

from __future__ import annotations

from collections.abc import Iterator

from labeler._verify import Report
from labeler.reports import base
from labeler.reports.base import Closing, Settings
from labeler.words import printable, say

_COLOURS = {
    "labelled": 32,
    "no-evidence": 34,
    "suspected": 33,
    "incomplete": 33,
    "unlabelled": 31,
    "tampered": 31,
    "unreadable": 35,
}
_SIGNS = {"holds": "+", "fails": "x", "unknown": "?"}


class Writer(base.Writer):
    """Coloured by ANSI codes: whoever prints them elsewhere than on a terminal takes them out."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.not_checked: dict[str, None] = {}  # in the order met

    def file(self, report: Report) -> Iterator[str]:
        if report.skipped or (self.settings.quiet and not self.settings.fails(report)):
            return
        lang, verdict = self.settings.lang, report.verdict.value
        self.not_checked.update(dict.fromkeys(report.not_checked))
        head = f"\x1b[{_COLOURS[verdict]};1m{say(f'verdict.{verdict}', lang)}\x1b[0m"
        yield f"{printable(report.path)}: {head}\n"
        if verdict not in ("labelled", "no-evidence"):
            yield f"    {' '.join(filter(None, (base.sentence(report, lang), base.problem(report))))}\n"
        for line in base.traces(report, lang):
            yield f"    {line}\n"
        for rule in base.rules(report):
            yield f"  {_SIGNS[rule.status]} {base.rule_line(rule, lang)}\n"
        if step := base.next_step(report, lang):
            yield f"  > {say('heading.next', lang)}: {step}\n"

    def end(self, closing: Closing) -> Iterator[str]:
        if self.settings.quiet:
            return
        lang = self.settings.lang
        for path in closing.orphans:
            yield f"{path}: {say('orphan', lang)}\n"
        found = [
            f"{n} {say(f'verdict.{v}', lang)}" for v, n in closing.counts.items() if n and v != "skipped"
        ]
        if skipped := closing.counts.get("skipped"):
            found.append(say("skipped", lang, n=skipped))
        yield f"{', '.join(found)}\n" if found else ""
        if self.not_checked:
            missing = "; ".join(say(f"not-checked.{x}", lang, default=x) for x in self.not_checked)
            yield f"{say('heading.not-checked', lang)}: {missing}\n"
        yield say("disclaimer", lang) + "\n"
