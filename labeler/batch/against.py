"""An older copy of the same files: which marks it had that the new one lost on its way through a CMS or an encoder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labeler._verify import Findings
from labeler.facts import Fact, Level, Status
from labeler.likeness import Likeness

_WHOLE = frozenset({"c2pa", "sidecar"})  # a manifest is not lost when it moved into the file or out of it


@dataclass(frozen=True)
class Older:
    """A marked file of the older copy: its path below the folder, as reported, and the kinds of its marks."""

    relative: str
    path: str
    marks: tuple[str, ...]
    likeness: Likeness


class Against:
    """The marked files of the older copy, found by name, by coded streams, by name without suffix, by look."""

    def __init__(self, found: Iterable[tuple[str, str, Findings]]) -> None:
        """``found``: path below the folder, path as reported, and findings, with likeness, of each older file."""
        self._older = [
            Older(relative, path, marks, findings.likeness or Likeness())
            for relative, path, findings in found
            if (marks := _marks(findings))
        ]
        self._by_name = {o.relative: o for o in self._older}
        self._by_essence = {o.likeness.essence: o for o in reversed(self._older) if o.likeness.essence}
        stems = Counter(_stem(o.relative) for o in self._older)
        self._by_stem = {s: o for o in self._older if stems[s := _stem(o.relative)] == 1}
        self._looks = [o for o in self._older if o.likeness.look is not None]

    def lost(self, relative: str, findings: Findings) -> Iterator[Fact]:
        """One fact for each mark that the older copy of this file had and this one has not."""
        if findings.error:
            return
        older, how = self._find(relative, findings.likeness or Likeness())
        here = {m.kind for m in findings.marks if m.status is not Status.ABSENT}
        for kind in older.marks if older else ():
            if kind not in here and not (kind in _WHOLE and here & _WHOLE):
                yield Fact("marks.lost", Level.FAILURE, kind, f"{older.path if older else ''} ({how})")

    def _find(self, relative: str, likeness: Likeness) -> tuple[Older | None, str]:
        if found := self._by_name.get(relative):
            return found, "same name"
        if likeness.essence and (found := self._by_essence.get(likeness.essence)):
            return found, "same content"
        if found := self._by_stem.get(_stem(relative)):
            return found, "same name, another kind"
        alike = [o for o in self._looks if o.likeness.resembles(likeness)]
        return (alike[0], "looks the same") if alike else (None, "")


def _stem(relative: str) -> str:
    return os.path.splitext(relative)[0]


def _marks(findings: Findings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.kind for m in findings.marks if m.status is Status.PRESENT))
