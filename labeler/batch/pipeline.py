"""From files to findings: archives are opened, what is known is looked up, the rest is examined and remembered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from labeler._verify import Findings, unexamined
from labeler.batch.hands import Hands
from labeler.batch.hashes import Hashes
from labeler.batch.listing import SEPARATOR, Listing, named_so
from labeler.batch.order import ordered
from labeler.batch.tasks import How, Item
from labeler.batch.walk import Found, Globs

if TYPE_CHECKING:
    from labeler.batch.state import State

Result = TypeVar("Result")
_TASK, _FIRST = 32, 4  # small files in a task; in the first ones, so that every worker has something to do
_TASK_BYTES = 16 << 20
_WINDOW = 4  # tasks under way for each worker


@dataclass(frozen=True)
class _Todo:
    """An item, what is known of it already, and for members of archives their key in the state."""

    item: Item
    known: Findings | None = None
    key: bytes | None = None

    @property
    def hashed(self) -> bool:
        """Whether its bytes have to be hashed to be looked up."""
        return self.item.member is None and self.known is None


class Pipeline:
    """``total`` and ``orphans`` grow with the archives that are opened."""

    def __init__(
        self, how: How, hands: Hands, state: State | None, globs: Globs, orphans: list[str], total: int = 0
    ) -> None:
        self._how, self._hands, self._state, self._globs = how, hands, state, globs
        self.orphans, self.total = orphans, total

    def findings(self, found: Iterable[Found]) -> Iterator[tuple[Item, Findings]]:
        """In the order of the files."""
        hands, state = self._hands, self._state
        tasks = self._tasks(self._expanded(found))
        if state and not state.empty:
            tasks = self._looked_up(tasks, state)

        def submit(task: list[_Todo]) -> Future[list[Findings]]:
            return hands.examine([t.item for t in task if not t.known], self._how)

        for task, future in self._ordered(submit, tasks):
            new = [t for t in task if not t.known]
            results = list(hands.results([t.item for t in new], self._how, future))
            if state:
                state.keep((self._key(state, t, f), f) for t, f in zip(new, results, strict=True) if f.sha256)
            fresh = iter(results)
            for t in task:
                yield t.item, t.known or next(fresh)

    def _ordered(
        self, submit: Callable[[list[_Todo]], Future[Result]], tasks: Iterable[list[_Todo]]
    ) -> Iterator[tuple[list[_Todo], Future[Result]]]:
        return ordered(submit, tasks, max(1, _WINDOW * self._hands.jobs))

    def _expanded(self, found: Iterable[Found]) -> Iterator[_Todo]:
        for f in found:
            item = Item(f.name, f.named, f.relative, f.size)
            listing = None
            if named_so(f.name):
                listing, content = self._listing(f.name)
            if listing is None:
                yield _Todo(item)
                continue
            self.orphans += [f"{f.name}{SEPARATOR}{name}" for name in listing.orphans]
            members = [
                replace(item, named=False, size=size, member=(place, name))
                for place, (name, size) in enumerate(listing.members)
                if self._globs.take(name)
            ]
            self.total += len(members) - (listing.error is None)
            for member in members:
                yield _Todo(member, key=self._key_of(content, member.member))
            if listing.error:
                yield _Todo(item, unexamined(listing.error))

    def _listing(self, path: str) -> tuple[Listing | None, str | None]:
        """What an archive holds, and its SHA-256 where there is a state to be asked."""
        state = self._state
        content = None
        if state and (hashes := self._hands.hashed(self._hands.hashes([path], self._how))):
            content = hashes[0] and hashes[0][0]
        key = self._key_of(content, "listing")
        listing = state.listing(key) if state and key else None
        if listing is None and (listing := self._hands.listing(path, self._how.bounds)) and state and key:
            state.keep([(key, listing)])
        return listing, content

    def _key_of(self, content: str | None, what: object) -> bytes | None:
        """Of something in an archive of that content."""
        return self._state.key(self._how, content, repr(what)) if self._state and content else None

    def _key(self, state: State, todo: _Todo, found: Findings) -> bytes:
        return todo.key or state.key(self._how, found.sha256, found.sidecar, _suffix(todo.item.file))

    def _tasks(self, todo: Iterable[_Todo]) -> Iterator[list[_Todo]]:
        """Small files together, few at first."""
        count, task, size = 0, list[_Todo](), 0
        for t in todo:
            task.append(t)
            size += t.item.size
            most = min(_TASK, _FIRST * (1 + count // self._hands.jobs)) if self._hands.jobs else 1
            if len(task) >= most or size >= _TASK_BYTES:
                yield task
                count, task, size = count + 1, [], 0
        if task:
            yield task

    def _looked_up(self, tasks: Iterable[list[_Todo]], state: State) -> Iterator[list[_Todo]]:
        """With what the state knows of them, by the hashes of their bytes."""

        def submit(task: list[_Todo]) -> Future[list[Hashes | None]]:
            return self._hands.hashes([t.item.file for t in task if t.hashed], self._how)

        for task, future in self._ordered(submit, tasks):
            hashes = iter(self._hands.hashed(future))
            keys = []
            for t in task:
                found = next(hashes, None) if t.hashed else None
                keys.append(state.key(self._how, *found, _suffix(t.item.file)) if found else t.key)
            known = state.known([key for key in keys if key])
            yield [
                replace(t, known=known[key]) if key in known else t for t, key in zip(task, keys, strict=True)
            ]


def _suffix(path: str) -> str:
    """All of the name that findings may depend on."""
    return os.path.splitext(path)[1].lower()
