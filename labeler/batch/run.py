"""Verify many files: walk -> known from the state, else examined by workers -> facts from outside -> judged -> reports.

Files are taken up as they are needed and reported in their order; what is held at a time does not grow with their
number. Few files without archives are examined in this process: starting workers takes longer than reading them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from labeler._verify import Depth, Findings, Report, check, judge, unexamined
from labeler.batch.hands import Hands, hire
from labeler.batch.listing import SEPARATOR, Bounds, named_so
from labeler.batch.pipeline import Pipeline
from labeler.batch.tasks import How, Item
from labeler.batch.walk import Globs, Walk
from labeler.errors import MissingError
from labeler.facts import Fact, Level
from labeler.media.base import Limits
from labeler.signing import trust as lists

if TYPE_CHECKING:
    from labeler.batch.against import Against
    from labeler.batch.inventory import Row
    from labeler.batch.state import State

FEW = 8  # files up to which no worker is started unless asked for


@dataclass(frozen=True)
class Progress:
    """How far a run is; ``total`` grows when an archive is opened."""

    done: int
    total: int


class Run(Iterator[Report]):
    """The reports of `verify_many`; ``orphans`` are the sidecars without a file that were met so far.

    Closing it ends the workers in the midst of their work; ``waiting``: they work, and this process only waits.
    """

    def __init__(self, start: Callable[[Run], Iterator[Report]]) -> None:
        self.orphans: list[str] = []
        self.waiting = False
        self._reports = start(self)

    def __next__(self) -> Report:
        return next(self._reports)

    def close(self) -> None:
        self._reports.close()  # type: ignore[attr-defined]

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def verify_many(
    paths: Iterable[str | Path],
    *,
    policies: Sequence[str] = ("kz",),
    depth: Depth = "default",
    assume_ai: bool = False,
    notice_on_page: bool = False,
    trust: Sequence[str | Path] = (),
    trust_tsa: Sequence[str | Path] = (),
    trust_identity: Sequence[str | Path] = (),
    thumbnail: bool = False,
    password: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    executor: Executor | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    state: str | Path | None = None,
    inventory: str | Path | None = None,
    baseline: str | Path | None = None,
    against: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """`verify` over files, folders, and zip and tar archives, in a stable order.

    ``password`` opens encrypted content. ``include`` and ``exclude`` are patterns for names in folders and archives (see `Globs`). ``bounds``: of archives.

    The work is done by ``executor``, of any kind, or by ``jobs`` worker processes of our own (default: one for each
    core; 0: in this process), in each of which a file may take ``timeout`` seconds (60) and ``memory`` bytes (2 GiB).
    A file that takes more, or kills its worker, is a report with an error. When none of these four is given, up to
    eight files are examined in this process, without limits of time and memory.

    ``state``: a file that remembers what was found, so that the same bytes are not examined again. ``inventory``: a
    file that lists AI content; what it lists and nobody finds is a report with the error ``unreadable.missing``.
    ``baseline``: a file of accepted findings; their reports are ``accepted``. ``against``: an older copy of the files;
    marks that it had and these have not are facts ``marks.lost``. ``progress`` is called after each file.

    Raises:
        ConfigError: an unknown policy, or one of the files that say how to verify cannot be used.
    """
    check(policies)
    anchors = lists.chosen(trust, trust_tsa, trust_identity)
    how = How(
        depth, limits, anchors, bounds, likeness=against is not None, thumbnail=thumbnail, password=password
    )
    globs = Globs(tuple(include), tuple(exclude))
    listed, accepted, known = None, None, None
    if inventory:
        from labeler.batch.inventory import Inventory

        listed = Inventory.load(Path(inventory))
    if baseline:
        from labeler.batch.baseline import Baseline

        accepted = Baseline.load(Path(baseline))
    if state:
        from labeler.batch.state import State

        known = State(Path(state))
    paths = list(paths) if progress else paths

    def reports(run: Run) -> Iterator[Report]:
        found = iter(Walk(paths, globs, run.orphans))
        first = list(islice(found, FEW + 1))
        asked = any(x is not None for x in (executor, jobs, timeout, memory, against))
        few = len(first) <= FEW and not any(named_so(f.name) for f in first)
        with (
            hire(0 if few and not asked else jobs, executor, timeout, memory) as hands,
            known or nullcontext(),
        ):
            run.waiting = hands.jobs > 0
            older = _older(against, how, hands, known) if against else None
            total = sum(1 for _ in Walk(paths, globs)) if progress else 0
            pipeline = Pipeline(how, hands, known, globs, run.orphans, total)
            for done, (item, findings) in enumerate(pipeline.findings(chain(first, found)), 1):
                row = listed.find(_names(item), findings.sha256) if listed else None
                told = _told(row, findings) if row else ()
                if older:
                    told = (*told, *older.lost(_relative(item), findings))
                report = judge(
                    item.path,
                    findings,
                    policies,
                    assume_ai=assume_ai,
                    notice_on_page=notice_on_page,
                    told=told,
                    named=item.named,
                )
                if accepted and accepted.accepts(report):
                    fact = Fact("baseline.accepted", Level.INFORMATIONAL, None, str(baseline))
                    report = replace(report, facts=(*report.facts, fact))
                yield report
                if progress:
                    progress(Progress(done, pipeline.total))
            for row in listed.missing() if listed else ():
                missing = MissingError(
                    "it is listed in the inventory and was not found.", "Look for it, or unlist it."
                )
                yield judge(row.name, unexamined(missing, row.sha256), policies)

    return Run(reports)


def _older(folder: str | Path, how: How, hands: Hands, known: State | None) -> Against:
    """The marks of the other copy: its containers tell them."""
    from labeler.batch.against import Against

    pipeline = Pipeline(replace(how, depth="fast", thumbnail=False), hands, known, Globs(), [])
    found = pipeline.findings(Walk([folder]))
    return Against((_relative(item), item.path, findings) for item, findings in found)


def _names(item: Item) -> tuple[str, ...]:
    """What an inventory may call it."""
    if item.member is None:
        return (item.path, item.relative)
    return (item.path, f"{item.relative}{SEPARATOR}{item.member[1]}", item.member[1])


def _relative(item: Item) -> str:
    """Below the folder, or in the archive: what two copies have in common."""
    return item.member[1] if item.member else item.relative


def _told(row: Row, found: Findings) -> tuple[Fact, ...]:
    facts = [Fact("caller.ai", Level.INFORMATIONAL, None, f"inventory: {row.system or row.name}")]
    if row.sha256 and found.sha256 and row.sha256 != found.sha256:
        facts.append(
            Fact("inventory.changed", Level.INFORMATIONAL, None, f"listed with SHA-256 {row.sha256}")
        )
    if row.system and found.label and row.system != found.label.system:
        facts.append(
            Fact("inventory.system", Level.FAILURE, None, f"{row.system}, label: {found.label.system}")
        )
    return tuple(facts)
