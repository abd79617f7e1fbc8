"""Worker processes that really die, hang and eat memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import steps

from labeler.batch.pool import Pool
from labeler.batch.worker import LostError

ROOT = Path(__file__).parent


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, timeout=1.0, memory=1 << 30) as pool:
        yield pool


def test_it_is_an_executor(pool: Pool) -> None:
    assert list(pool.map(steps.square, range(50))) == [x * x for x in range(50)]
    assert pool.submit(steps.steps, ["a", "b"]).result() == ["a", "b"]


def test_what_a_function_raises_is_raised_here(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="no such thing"):
        pool.submit(steps.fail, "no such thing").result()
    with pytest.raises(RuntimeError, match="cannot be sent"):
        pool.submit(steps.unpicklable).result()
    module = types.ModuleType("only_here")
    module.function = lambda: None  # type: ignore[attr-defined]
    module.function.__module__, module.function.__qualname__ = "only_here", "function"
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(ModuleNotFoundError, match="only_here"):
        pool.submit(module.function).result()
    assert pool.submit(steps.square, 3).result() == 9


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("kill", "SIGKILL"),
        ("crash", "SIGSEGV"),
        ("exit", "code 7"),
        ("hang", "longer than"),
        ("sleep", "longer than"),
    ],
)
def test_a_step_that_loses_its_worker_is_the_only_loss(pool: Pool, kind: str, said: str) -> None:
    futures = [pool.submit(steps.steps, ["a", "b", kind, "c"]), pool.submit(steps.steps, ["d"])]
    with pytest.raises(LostError, match=said) as caught:
        futures[0].result()
    assert caught.value.done == ["a", "b"] and caught.value.reason.hint
    assert futures[1].result() == ["d"]
    assert pool.submit(steps.square, 4).result() == 16


@pytest.mark.parametrize("kind", ["eat", "eat slowly"])
def test_memory_ends_where_the_limit_is(kind: str) -> None:
    with Pool(1, memory=1 << 30) as pool:
        with pytest.raises(MemoryError):
            pool.submit(steps.steps, ["a", kind]).result()
        assert pool.submit(steps.square, 5).result() == 25


def test_the_time_limit_is_that_of_a_step_not_of_the_task() -> None:
    with Pool(1, timeout=2.5) as pool:
        assert len(pool.submit(steps.steps, ["a"] * 4, slow=0.7).result()) == 4


def test_workers_are_fresh_and_few() -> None:
    with Pool(3) as pool:
        seen = [pool.submit(steps.where).result() for _ in range(4)]
        assert len({pid for pid, _, _ in seen}) == 1  # one after the other: one is enough
        assert not any(main for _, main, _ in seen)
        assert str(ROOT) in seen[0][2]
    assert not steps.alive(seen[0][0])
    with pytest.raises(RuntimeError):
        pool.submit(steps.square, 1)


def test_shutting_down_ends_what_is_under_way() -> None:
    pool = Pool(2)
    pid = pool.submit(steps.where).result()[0]
    running = [pool.submit(steps.steps, ["sleep"]) for _ in range(6)]
    time.sleep(0.1)
    pool.shutdown(cancel_futures=True)
    assert all(f.cancelled() or isinstance(f.exception(), LostError | RuntimeError) for f in running)
    assert not steps.alive(pid)


def test_a_worker_that_was_killed_while_idle_is_replaced() -> None:
    with Pool(1) as pool:
        pid = pool.submit(steps.where).result()[0]
        os.kill(pid, signal.SIGKILL)
        while steps.alive(pid):
            time.sleep(0.01)
        assert pool.submit(steps.where).result()[0] != pid


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_nobody_is_left_behind_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"  # without an if __name__ == "__main__": it is not imported again
    script.write_text(
        "import sys; sys.path.append(sys.argv[1])\n"
        "import steps; from labeler.batch.pool import Pool\n"
        "pool = Pool(1, timeout=1.0)\n"
        "print(pool.submit(steps.where).result()[0], flush=True)\n"
        "pool.submit(steps.steps, ['hang']).result()\n"
    )
    parent = subprocess.Popen([sys.executable, script, ROOT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    worker = int(parent.stdout.readline())
    assert steps.alive(worker)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while steps.alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not steps.alive(worker)
