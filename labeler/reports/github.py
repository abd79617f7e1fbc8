"""Annotations for GitHub Actions, and a summary of the step in Markdown where ``GITHUB_STEP_SUMMARY`` names a file.

GitHub shows ten errors and ten warnings a step: the worst are kept, the summary says how many there are in all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from labeler._verify import Report
from labeler.policy.engine import Verdict
from labeler.reports import base
from labeler.reports.base import Closing, Settings
from labeler.words import printable, say

SHOWN = 10  # annotations of a level in a step that GitHub shows
_ROWS = 200  # in the summary, which may have 1 MiB
_ORDER = list(Verdict)
_MARKUP = re.compile(r"[&\\`*_\[\]<>|~!#$@:]")


class Writer(base.Writer):
    """Holds what it will show, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.worst: dict[str, list[tuple[int, int, str]]] = {"error": [], "warning": []}
        self.rows: list[str] = []
        self.seen = dict.fromkeys(self.worst, 0)

    def file(self, report: Report) -> Iterator[str]:
        failing = self.settings.fails(report)
        if not report.skipped and (failing or report.verdict is Verdict.SUSPECTED):
            self._keep(report, "error" if failing else "warning")
        yield from ()

    def end(self, closing: Closing) -> Iterator[str]:
        for level, kept in self.worst.items():
            for _, _, line in kept:
                yield line
            if more := self.seen[level] - len(kept):
                yield f"::notice::{_data(say('github.more', self.settings.lang, n=more))}\n"
        lang = self.settings.lang
        counts = ", ".join(
            f"{n} {say(f'verdict.{v}', lang)}" for v, n in closing.counts.items() if n and v != "skipped"
        )
        yield f"{counts}\n"
        if path := os.environ.get("GITHUB_STEP_SUMMARY"):
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as f:
                f.write(self._summary(closing))

    def _keep(self, report: Report, level: str) -> None:
        lang = self.settings.lang
        self.seen[level] += 1
        place = (_ORDER.index(report.verdict), self.seen[level])
        kept = self.worst[level]
        if len(kept) < SHOWN or place < kept[-1][:2]:
            told = [base.sentence(report, lang), base.problem(report)]
            told += [*base.traces(report, lang), *(base.rule_line(r, lang) for r in base.open_rules(report))]
            told.append(base.next_step(report, lang))
            title = _value(f"Tañba: {say(f'verdict.{report.verdict}', lang)}")
            message = _data("\n".join(filter(None, told)))
            file = _value(printable(base.relative(report.path)))
            kept.append((*place, f"::{level} file={file},line=1,title={title}::{message}\n"))
            kept.sort()
            del kept[SHOWN:]
        if len(self.rows) < _ROWS:
            why = [base.problem(report), *base.traces(report, lang)]
            why += [r.messages.get(lang, "") for r in base.open_rules(report) if r.level == "must"]
            verdict = say(f"verdict.{report.verdict}", lang)
            cells = (
                printable(report.path),
                verdict,
                "\n".join(filter(None, why)),
                base.next_step(report, lang),
            )
            self.rows.append("| " + " | ".join(map(_cell, cells)) + " |\n")

    def _summary(self, closing: Closing) -> str:
        lang = self.settings.lang
        out = f"### Tañba\n\n| {say('html.verdict', lang)} | {say('html.files', lang)} |\n|---|--:|\n"
        for verdict, n in closing.counts.items():
            if n:
                name = say(f"verdict.{verdict}", lang) if verdict != "skipped" else say("html.skipped", lang)
                out += f"| {name} | {n} |\n"
        if self.rows:
            head = ("html.file", "html.verdict", "html.why", "heading.next")
            out += (
                "\n| "
                + " | ".join(say(k, lang) for k in head)
                + " |\n|---|---|---|---|\n"
                + "".join(self.rows)
            )
            if more := sum(self.seen.values()) - len(self.rows):
                out += f"\n{say('github.more', lang, n=more)}\n"
        return out + f"\n{say('disclaimer', lang)}\n"


def _data(text: str) -> str:
    """Escaped as GitHub's own toolkit does it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    """Text in a Markdown table: no HTML, no link, no cell of its own."""
    return _MARKUP.sub(lambda m: f"&#{ord(m[0])};", text).replace("\n", "<br>")
