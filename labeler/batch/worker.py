"""What runs in a worker process of `labeler.batch.pool`."""

from __future__ import annotations

import contextlib
import pickle
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labeler.errors import UnreadableError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TIMEOUT = 60.0  # seconds a step may take
MEMORY = 2 << 30  # bytes a worker may map
_limit = 0.0  # seconds for a step; 0: this is no worker


class LostError(Exception):
    """The worker did not survive a step: ``done`` are the results of those before it, ``reason`` says what happened."""

    def __init__(self, done: list[Any], reason: UnreadableError) -> None:
        super().__init__(reason.message)
        self.done, self.reason = done, reason


def alive() -> None:
    """Work goes on within limits of its own: the time limit begins anew."""
    if _limit:
        signal.setitimer(signal.ITIMER_REAL, _limit)


def serve(link: Connection) -> None:
    """Do what is sent until the other side is gone."""
    import resource

    global _limit
    _limit, memory = link.recv()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends this process then, whatever it is doing
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        link.send("ready")
        while True:
            call = link.recv_bytes()
            try:
                _do(link, *pickle.loads(call))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as e:
                _send(link, "error", e)


def _do(link: Connection, function: Any, args: Any, kwargs: Any) -> None:
    alive()
    result = function(*args, **kwargs)
    if isinstance(result, Iterator):
        for step in result:
            _send(link, "step", step)
            alive()
        _send(link, "end", None)
    else:
        _send(link, "result", result)


def _send(link: Connection, kind: str, value: Any) -> None:
    # how long the other side takes to listen is not this step's fault
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        link.send((kind, value))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as e:  # it cannot be pickled
        link.send(("error", RuntimeError(f"{type(value).__name__} cannot be sent: {e}")))
