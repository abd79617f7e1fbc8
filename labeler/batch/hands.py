"""Who does the work of a batch: this process, worker processes of ours, or any executor of the caller's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from labeler._verify import Findings, unexamined
from labeler.batch import hashes, tasks
from labeler.batch.hashes import Hashes
from labeler.batch.listing import Bounds, Listing
from labeler.batch.tasks import How, Item
from labeler.batch.worker import MEMORY, TIMEOUT, LostError
from labeler.errors import LabelError, UnreadableError


class _Here(Executor):
    """This process: done when submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return _done(fn(*args, **kwargs))


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def hire(jobs: int | None, executor: Executor | None, timeout: float | None, memory: int | None) -> Hands:
    """``executor``, else ``jobs`` workers of our own (None: one for each core; 0: this process)."""
    if executor:
        return Hands(executor, cores(), tasks.examine_all)
    if jobs == 0:
        return Hands(_Here(), 0, tasks.examine_all)
    from labeler.batch.pool import Pool

    jobs = jobs or cores()
    return Hands(
        Pool(jobs, timeout=timeout or TIMEOUT, memory=memory or MEMORY), jobs, tasks.examine, own=True
    )


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Hands:
    """Those who work, and what is said where they did not survive it. ``jobs``: how many; 0: this process."""

    def __init__(self, executor: Executor, jobs: int, work: Callable[..., Any], own: bool = False) -> None:
        self._executor, self.jobs, self._work, self._own = executor, jobs, work, own

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._executor.shutdown(cancel_futures=True)

    def _submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        try:
            return self._executor.submit(fn, *args)
        except RuntimeError as e:  # it is broken, or shut down
            future: Future[Any] = Future()
            future.set_exception(e)
            return future

    def examine(self, items: Sequence[Item], how: How) -> Future[list[Findings]]:
        return self._submit(self._work, items, how) if items else _done([])

    def results(self, items: Sequence[Item], how: How, future: Future[list[Findings]]) -> Iterator[Findings]:
        """One for each item, whatever becomes of the workers."""
        while items:
            try:
                yield from future.result()
                return
            except LabelError:
                raise
            except LostError as e:
                done, reason = e.done, e.reason
            except Exception as e:
                if len(items) > 1:  # whose fault was it?
                    for item in items:
                        yield from self.results([item], how, self.examine([item], how))
                    return
                done, reason = [], _lost(e)
            yield from done
            yield unexamined(reason)
            items = items[len(done) + 1 :]
            future = self.examine(items, how)

    def hashes(self, paths: Sequence[str], how: How) -> Future[list[Hashes | None]]:
        return self._submit(hashes.of, paths, how.limits.max_inflated) if paths else _done([])

    def hashed(self, future: Future[list[Hashes | None]]) -> list[Hashes | None]:
        """Empty where that failed: examining the files says why."""
        try:
            return future.result()
        except LabelError:
            raise
        except Exception:
            return []

    def listing(self, path: str, bounds: Bounds) -> Listing | None:
        """Of an archive; None: it is none."""
        try:
            listing: Listing | None = self._submit(tasks.listing, path, bounds).result()
            return listing
        except LabelError:
            raise
        except LostError as e:
            return Listing(error=e.reason)
        except Exception as e:
            return Listing(error=_lost(e))


def _lost(e: Exception) -> UnreadableError:
    return UnreadableError(
        f"examining it failed in its worker ({type(e).__name__}).",
        "Try it again alone with workers of our own.",
    )
