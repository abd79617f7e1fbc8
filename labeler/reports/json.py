"""One JSON document (`schemas/report.schema.json`); its array of files grows as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator

from labeler._verify import SCHEMA_VERSION, Report
from labeler.reports import base
from labeler.reports.base import Closing


class Writer(base.Writer):
    """Indented by two; every key is always there."""

    def begin(self) -> Iterator[str]:
        head = {
            "schema_version": SCHEMA_VERSION,
            "tool": base.tool(),
            "policies": list(self.settings.policy_ids),
        }
        yield json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "files": ['
        self._between = "\n"

    def file(self, report: Report) -> Iterator[str]:
        if not report.skipped:
            text = json.dumps(base.as_dict(report, self.settings), ensure_ascii=False, indent=2)
            yield self._between + "    " + text.replace("\n", "\n    ")
            self._between = ",\n"

    def end(self, closing: Closing) -> Iterator[str]:
        tail = {"summary": dict(closing.counts), "orphans": list(closing.orphans)}
        yield "\n  ],\n" + json.dumps(tail, ensure_ascii=False, indent=2).removeprefix("{\n") + "\n"
