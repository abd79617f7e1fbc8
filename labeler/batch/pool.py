"""Worker processes with a time limit and a memory limit: what kills or hangs one costs that one step only.

`concurrent.futures.ProcessPoolExecutor` loses everything when a worker dies, and knows no limits. This one keeps its
interface. Workers are fresh interpreters (no fork of our threads and locks, no import of the caller's ``__main__``)
that talk over a pair of sockets: there are no semaphores to leak, and a worker whose parent is gone ends.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future
from multiprocessing import Pipe
from typing import Any

from labeler.batch.worker import MEMORY, TIMEOUT, LostError
from labeler.errors import LabelError, LimitError, UnreadableError

_BOOT = (
    "import sys; from multiprocessing.connection import Connection; link = Connection(int(sys.argv[1]));"
    "sys.path[:] = link.recv(); from labeler.batch.worker import serve; serve(link)"
)
_STEPS = 20_000  # after so many a worker is replaced, so that what a library leaks does not add up


class Pool(Executor):
    """Up to ``jobs`` worker processes, each started when it is first needed.

    Functions and arguments must be picklable, functions importable from a module. If a function returns an iterator,
    each of its elements is one step, and the result is the list of them; else the whole call is one.

    ``timeout``: seconds a step may take by the clock. ``memory``: bytes of address space a worker may have (where the
    system knows ``RLIMIT_AS``). A future whose step hit a limit or died raises `LostError`.
    """

    def __init__(self, jobs: int, *, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._jobs, self._timeout, self._memory = jobs, timeout, memory
        self._queue: queue.SimpleQueue[tuple[Future[Any], Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._workers: set[_Worker] = set()
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Raises RuntimeError after `shutdown`."""
        if self._closed:
            raise RuntimeError("The pool is shut down.")
        future: Future[Any] = Future()
        self._queue.put((future, (fn, args, kwargs)))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._jobs:
            thread = threading.Thread(target=self._serve, name="label-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more work is taken. With ``cancel_futures`` the workers are killed in the midst of theirs."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                for worker in self._workers:
                    worker.process.kill()
        if cancel_futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    if job := self._queue.get_nowait():
                        job[0].cancel()
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _serve(self) -> None:
        """One thread for each worker: feeds it, and replaces it."""
        worker: _Worker | None = None
        while job := self._queue.get():
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    if (
                        worker and worker.process.poll() is not None
                    ):  # somebody killed it while it had nothing to do
                        self._stop(worker)
                        worker = None
                    worker = worker or self._start()
                    future.set_result(worker.run(call))
                except BaseException as e:
                    future.set_exception(e)
                if worker and (worker.dead or worker.steps > _STEPS):
                    self._stop(worker)
                    worker = None
            self._idle.release()
        if worker:
            self._stop(worker)

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("The pool is shut down.")
            worker = _Worker(self._timeout, self._memory)
            self._workers.add(worker)
        return worker

    def _stop(self, worker: _Worker) -> None:
        worker.close()
        with self._lock:
            self._workers.discard(worker)


class _Worker:
    """One process, seen from here."""

    def __init__(self, timeout: float, memory: int) -> None:
        self._timeout = timeout
        self.steps, self.dead = 0, False
        self._link, theirs = Pipe()
        quiet = ["-W", "ignore"] if _hushed() else []
        with theirs:
            try:
                self.process = subprocess.Popen(
                    # -P: nothing is imported from the working directory that this process would not import from there
                    [sys.executable, "-P", *quiet, "-c", _BOOT, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C and Ctrl-Z in the terminal are for this process to see to
                )
            except OSError as e:
                raise _no_start(str(e.strerror)) from e
        try:
            self._link.send(sys.path)
            self._link.send((timeout, memory))
            self._link.recv()
        except (EOFError, OSError) as e:
            raise _no_start(f"it ended with code {self.process.wait()}") from e

    def run(self, call: Any) -> Any:
        """Raises LostError, or what the function raised."""
        done: list[Any] = []
        self._link.send(call)
        while True:
            try:
                kind, value = self._link.recv()
            except (EOFError, OSError) as e:
                self.dead = True
                raise LostError(done, self._reason(self.process.wait())) from e
            self.steps += 1
            match kind:
                case "step":
                    done.append(value)
                case "error":
                    raise value
                case _:
                    return done if kind == "end" else value

    def _reason(self, code: int) -> UnreadableError:
        if code == -signal.SIGALRM:
            return LimitError(
                f"examining it took longer than {self._timeout:g} seconds.",
                "Allow more time if you trust it.",
            )
        with contextlib.suppress(ValueError):
            return UnreadableError(
                f"examining it killed its process ({signal.Signals(-code).name}).",
                "Try it again alone; if that fails too, please report this with the file.",
            )
        return UnreadableError(
            f"examining it ended its process (code {code}).", "Please report this with the file."
        )

    def close(self) -> None:
        """It ends when it has nothing to do; it is never left behind."""
        self._link.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _no_start(why: str) -> LabelError:
    return LabelError(
        f"A worker process could not be started ({why}).",
        "Allow more memory, or run with --jobs 0 to work without one.",
    )


def _hushed() -> bool:
    """Whether this process shows no warnings: its workers then show none either."""
    return bool(warnings.filters) and warnings.filters[0][:3] == ("ignore", None, Warning)
