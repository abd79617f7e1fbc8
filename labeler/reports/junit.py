"""JUnit XML for CI servers: a test case per file; findings are failures, unreadable files errors, unknown kinds skipped.

Keeps to the Ant schema, the strictest of those in use: its counts come first, so the cases wait in a temporary file.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import PurePath
from xml.sax.saxutils import escape

from labeler._verify import Report
from labeler.reports import base
from labeler.reports.base import Closing, Settings
from labeler.words import printable

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEMORY = 1 << 20  # from this size on, bytes, the cases wait on disk


class Writer(base.Writer):
    """One suite; its time is the run's, without an offset as the schema wants it (UTC)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.cases = tempfile.SpooledTemporaryFile(_MEMORY, "w+", encoding="utf-8", newline="")  # noqa: SIM115
        self.tests = self.failures = self.errors = self.skipped = 0

    def file(self, report: Report) -> Iterator[str]:
        lang = self.settings.lang
        path = PurePath(report.path)
        # CI servers group by class: the folder
        group = ".".join((base.TOOL, *(p for p in path.parts[:-1] if p not in ("/", ".", ".."))))
        name = _attributes(name=printable(path.name or report.path), classname=printable(group), time="0")
        self.tests += 1
        if report.skipped:
            self.skipped += 1
            inner = "<skipped/>"
        elif self.settings.fails(report):
            tag = "error" if report.error else "failure"
            self.errors += tag == "error"
            self.failures += tag == "failure"
            said = base.sentence(report, lang)
            if report.error:
                said = f"{said} {base.problem(report)}"
            lines = [
                printable(report.path),
                *base.traces(report, lang),
                *(f"{r.status}: {base.rule_line(r, lang)}" for r in base.open_rules(report)),
                base.next_step(report, lang),
            ]
            told = _text("\n".join(filter(None, lines)))
            inner = f"<{tag}{_attributes(message=said, type=report.verdict)}>{told}</{tag}>"
        else:
            inner = ""
        self.cases.write(f"    <testcase{name}>{inner}</testcase>\n")
        yield from ()

    def end(self, closing: Closing) -> Iterator[str]:
        counts = {
            "tests": str(self.tests),
            "failures": str(self.failures),
            "errors": str(self.errors),
            "skipped": str(self.skipped),
        }
        at = self.settings.time.astimezone(UTC)
        suite = _attributes(
            name=base.TOOL,
            package=base.TOOL,
            id="0",
            hostname="localhost",
            timestamp=at.strftime("%Y-%m-%dT%H:%M:%S"),
            time="0",
            **counts,
        )
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite{suite}>\n    <properties>\n'
        for key, value in {**base.tool(), "policies": ",".join(self.settings.policy_ids)}.items():
            yield f"      <property{_attributes(name=key, value=value)}/>\n"
        yield "    </properties>\n"
        self.cases.seek(0)
        with self.cases:
            while piece := self.cases.read(1 << 16):
                yield piece
        told = "\n".join(f"{verdict}: {n}" for verdict, n in closing.counts.items() if n)
        orphans = "\n".join(closing.orphans)
        yield f"    <system-out>{_text(told)}</system-out>\n    <system-err>{_text(orphans)}</system-err>\n"
        yield "  </testsuite>\n</testsuites>\n"


def _text(text: str) -> str:
    """What XML 1.0 allows of it, escaped; the rest as a replacement character."""
    return escape(_ILLEGAL.sub("\ufffd", text))


def _attributes(**values: str) -> str:
    """Escaped; white space as references, which parsers would otherwise normalise."""
    marks = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    return "".join(f' {k}="{escape(_ILLEGAL.sub(chr(0xFFFD), v), marks)}"' for k, v in values.items())
