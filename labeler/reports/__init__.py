"""Reports, one module a format, imported on first use. A new format is one file and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeler._verify import Report
    from labeler.reports.base import Closing, Settings, Writer

# each with the suffix by which people know it
FORMATS = {
    "text": ".txt",
    "json": ".json",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "junit": ".xml",
    "sarif": ".sarif",
    "github": "",
    "html": ".html",
}


def writer(style: str, settings: Settings) -> Writer:
    """The writer of a format; each module has one ``Writer``."""
    made: Writer = importlib.import_module(f"labeler.reports.{style}").Writer(settings)
    return made


def by_suffix(name: str) -> str | None:
    """The format that a file of this name would hold, or None."""
    return next(
        (style for style, suffix in FORMATS.items() if suffix and name.lower().endswith(suffix)), None
    )


def stream(
    reports: Iterable[Report],
    targets: Sequence[tuple[Writer, Callable[[str], object]]],
    closing: Callable[[], Closing],
) -> None:
    """Give every report to every writer, and what it says to its target, piece by piece; hold none of it.

    ``closing`` is asked once, when the last report has passed.
    """

    for made, target in targets:
        _pour(made.begin(), target)
    for report in reports:
        for made, target in targets:
            _pour(made.file(report), target)
    last = closing()
    for made, target in targets:
        _pour(made.end(last), target)


def _pour(pieces: Iterator[str], target: Callable[[str], object]) -> None:
    for piece in pieces:
        target(piece)
