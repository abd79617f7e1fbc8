"""What ``label verify`` takes for batches, and the bar that shows how far one is."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import option, size, together

if TYPE_CHECKING:
    from labeler.batch.run import Progress

_FILE = click.Path(path_type=Path, dir_okay=False)
_EVERY = 0.2  # seconds between two looks of the bar


# who does the work, within which limits
workers = together(
    option(
        "--jobs",
        "-j",
        type=click.IntRange(0, 256),
        help="Worker processes; 0: none.  [default: one a core; none for a few files]",
    ),
    option(
        "--timeout",
        type=click.FloatRange(0.1, 86_400),
        metavar="SECONDS",
        help="What a file may take in a worker.  [default: 60]",
    ),
    option(
        "--memory", callback=size, metavar="SIZE", help="What a worker may use, e.g. 512M.  [default: 2G]"
    ),
)
# what is known from elsewhere, or from before
known = together(
    option(
        "--inventory",
        type=_FILE,
        metavar="FILE",
        help="CSV or JSON with path or sha256 (and system) of what you know to be AI content.",
    ),
    option(
        "--against",
        type=click.Path(path_type=Path, exists=True),
        metavar="DIR",
        help="An older copy of the files: say which marks were lost since.",
    ),
    option(
        "--state", type=_FILE, metavar="FILE", help="Remember what was found; do not read the same again."
    ),
    option("--baseline", type=_FILE, metavar="FILE", help="Findings that are accepted, by content."),
    option("--update-baseline", is_flag=True, help="Write all findings of this run to --baseline."),
)


class ProgressBar:
    """On standard error, where that is a terminal and the results do not scroll by on it."""

    def __init__(self, options: dict[str, Any]) -> None:
        scrolling = not options["out"] and sys.stdout.isatty()
        self.wanted = bool(sys.stderr and sys.stderr.isatty()) and not options["quiet"] and not scrolling
        self.findings = 0
        self._bar: Any = None
        self._start = self._last = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Called after each file; drawn now and then."""
        now = time.monotonic()
        if now - self._last < _EVERY and progress.done < progress.total:
            return
        self._last = now
        if self._bar is None:
            self._bar = click.progressbar(
                length=progress.total, file=sys.stderr, show_pos=True, item_show_func=self._say, width=20
            )
            self._bar.__enter__()
        self._bar.length = max(progress.total, progress.done)
        self._bar.update(progress.done - self._bar.pos, progress)

    def _say(self, progress: Progress | None) -> str:
        if progress is None:
            return ""
        rate = progress.done / max(0.001, time.monotonic() - self._start)
        return f"{self.findings} findings, {rate:.0f}/s"

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
