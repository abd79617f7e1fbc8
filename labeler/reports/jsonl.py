"""JSON Lines: one file a line, the summary last (`schemas/report-line.schema.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from labeler._verify import SCHEMA_VERSION, Report
from labeler.reports import base
from labeler.reports.base import Closing


class Writer(base.Writer):
    """For pipelines: each line is whole."""

    def file(self, report: Report) -> Iterator[str]:
        if not report.skipped:
            data = {"type": "file", **base.as_dict(report, self.settings)}
            yield json.dumps(data, ensure_ascii=False) + "\n"

    def end(self, closing: Closing) -> Iterator[str]:
        data = {
            "type": "summary",
            "schema_version": SCHEMA_VERSION,
            "tool": base.tool(),
            "policies": list(self.settings.policy_ids),
            "summary": dict(closing.counts),
            "orphans": list(closing.orphans),
        }
        yield json.dumps(data, ensure_ascii=False) + "\n"
