"""A table that spreadsheets open as it is: UTF-8 with BOM, CRLF, one row a file, no cell that is a formula.

The separator is the one that spreadsheets expect where the language is spoken: a semicolon in Kazakh and Russian, a
comma in English.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from labeler._verify import Report
from labeler.facts import Strength
from labeler.policy.engine import RuleStatus
from labeler.reports import base
from labeler.words import printable

SEPARATORS = {"kk": ";", "ru": ";", "en": ","}
COLUMNS = (
    "path",
    "verdict",
    "finding",
    "must_fail",
    "must_unknown",
    "should_fail",
    "generator",
    "strength",
    "evidence",
    "system",
    "provider",
    "publisher",
    "involvement",
    "media_type",
    "size",
    "sha256",
    "error",
    "next_step",
)
# OWASP: what begins so may be run; after a separator too, since a spreadsheet may split there
_FORMULA = re.compile(r"(?:^|(?<=[,;\t\r\n]))(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


class Writer(base.Writer):
    """Verdicts and ids are the words of the JSON report; ``finding`` and ``next_step`` are in the user's language."""

    def begin(self) -> Iterator[str]:
        yield "\ufeff" + self._row(COLUMNS)

    def file(self, report: Report) -> Iterator[str]:
        if report.skipped:
            return
        lang, label = self.settings.lang, report.label
        # what speaks of a generator before what only declares
        traces = sorted(report.evidence, key=lambda e: (not e.generator, e.strength is Strength.WEAK))
        failing = [r for r in report.rules if r.status is RuleStatus.FAILS]
        yield self._row(
            (
                printable(report.path),
                report.verdict,
                base.sentence(report, lang),
                " ".join(r.id for r in failing if r.level == "must"),
                " ".join(r.id for r in report.rules if r.status is RuleStatus.UNKNOWN and r.level == "must"),
                " ".join(r.id for r in failing if r.level == "should"),
                " | ".join(dict.fromkeys(printable(e.generator) for e in traces if e.generator)),
                " | ".join(dict.fromkeys(e.strength for e in traces)),
                " | ".join(base.trace(e, lang) for e in traces),
                label.system if label else "",
                (label and label.provider) or "",
                (label and label.publisher) or "",
                label.involvement if label else "",
                report.media_type or "",
                "" if report.size is None else str(report.size),
                report.sha256 or "",
                base.problem(report),
                base.next_step(report, lang),
            )
        )

    def _row(self, cells: Iterable[str]) -> str:
        out = io.StringIO()
        separator = SEPARATORS[self.settings.lang]
        csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(
            _FORMULA.sub("'", cell) for cell in cells
        )
        return out.getvalue()
