"""Batches that survive anything: real workers that die, runs that are killed, names that are no text."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import steps
from batches import install_plugin, tarred, zipped
from labeler.cli import main
from pictures import encode, label

import labeler
from labeler import Report, evidence
from labeler.batch.baseline import Baseline
from labeler.batch.inventory import Inventory
from labeler.batch.run import Progress
from labeler.batch.walk import Globs, Walk, listed
from labeler.errors import ConfigError, UsageError

PNG = encode("png", 64, 48)
MADE = encode("png", 320, 240)


def run(*paths: Path, **options: Any) -> list[Report]:
    return list(labeler.verify_many(paths, **options))


def plain(reports: list[Report]) -> list[dict[str, Any]]:
    return [r.to_dict() for r in reports]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Pictures with and without label, one that is broken, one of another kind, and an archive."""
    site = tmp_path / "site"
    (site / "b").mkdir(parents=True)
    for i in range(12):
        (site / f"{i:02}.png").write_bytes(PNG + b"%d" % i)
    (site / "b" / "labelled.png").write_bytes(labeler.add(MADE, None, label()).data)
    (site / "b" / "cut.png").write_bytes(PNG[:-20])
    (site / "note.bin").write_bytes(b"\0\1\2\3")
    (site / "x.zip").write_bytes(
        zipped({"in/1.png": PNG, "in/2.jpg": encode("jpeg", 64, 48), "a.tar": tarred({"3.png": PNG})})
    )
    return site


# ---- who works


class Broken(Executor):
    """As one that lost its processes."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise RuntimeError("broken")


@pytest.mark.parametrize("who", ["pool", "threads", "processes"])
def test_every_executor_gives_the_same_reports_in_the_same_order(who: str, site: Path) -> None:
    here = run(site, jobs=0)
    assert len(here) == 18 and [r.path for r in here] == [r.path for r in run(site, jobs=0)]
    if who == "pool":
        assert plain(run(site, jobs=2)) == plain(here)
        return
    kinds = {"threads": ThreadPoolExecutor(3), "processes": ProcessPoolExecutor(2, get_context("spawn"))}
    with kinds[who] as executor:
        assert plain(run(site, executor=executor)) == plain(here)
        assert executor.submit(len, "abc").result() == 3  # it is the caller's, and stays open


def test_a_broken_executor_is_told_file_by_file(site: Path) -> None:
    reports = run(site / "00.png", site / "01.png", executor=Broken())
    assert all(r.error and "RuntimeError" in r.error.message and r.verdict == "unreadable" for r in reports)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its log: a letter for each file that was examined."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    install_plugin(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("STEPS_LOG", str(folder / "log"))
    evidence._plugins.cache_clear()
    yield folder / "log"
    evidence._plugins.cache_clear()  # this process labels too, and would go on asking the plugin


def test_what_kills_hangs_or_eats_costs_itself_only(plugin: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    bad = {3: b"#kill####", 4: b"#kill####", 10: b"#hang####", 20: b"#eat#####", 39: b"#kill####"}
    for i in range(40):
        (site / f"{i:02}.png").write_bytes(PNG + bad.get(i, b""))
    (site / "z.zip").write_bytes(zipped({f"{i}.png": PNG + bad.get(i, b"") for i in range(6)}))
    options: dict[str, Any] = {"jobs": 2, "timeout": 5, "memory": 512 << 20}
    reports = run(site, **options)
    errors = {r.path.removeprefix(f"{site}/"): r.error.message for r in reports if r.error}
    assert list(errors) == ["03.png", "04.png", "10.png", "20.png", "39.png", "z.zip!/3.png", "z.zip!/4.png"]
    assert "SIGKILL" in errors["03.png"] and "longer than 5 seconds" in errors["10.png"]
    assert "memory" in errors["20.png"] and "SIGKILL" in errors["z.zip!/3.png"]
    assert all(r.error and r.error.hint for r in reports if r.error) and len(reports) == 46


def test_few_files_start_no_worker_and_many_do(site: Path) -> None:
    few = labeler.verify_many([site / "00.png"])
    assert next(few).verdict == "no-evidence" and not few.waiting
    asked = labeler.verify_many([site / "00.png"], timeout=30)
    assert next(asked).verdict == "no-evidence" and asked.waiting
    with labeler.verify_many([site]) as many:
        assert next(many).verdict == "no-evidence" and many.waiting


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_run_that_is_left_early_leaves_nobody_behind(site: Path) -> None:
    before = set(steps.children(os.getpid()))
    with labeler.verify_many([site], jobs=2) as some:
        next(some)
        workers = set(steps.children(os.getpid())) - before
    assert workers and not any(map(steps.alive, workers))
    assert list(some) == []


def test_reports_cross_processes(site: Path) -> None:
    import pickle

    for report in run(site, jobs=0):
        assert pickle.loads(pickle.dumps(report)) == report


# ---- which files


def names(walk: Walk, base: Path) -> list[str]:
    return [f.name.removeprefix(f"{base}/") for f in walk]


def test_a_walk_is_stable_and_passes_over_what_is_hidden_or_beside(tmp_path: Path) -> None:
    for name in (
        "b/2.png",
        "b/1.png",
        "a.png",
        "b.png",
        ".h/x.png",
        ".x.png",
        "a.png.c2pa",
        "c.jpg.c2pa",
        "e/.y",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to("nowhere")
    walk = Walk([tmp_path, tmp_path / "a.png"])
    assert names(walk, tmp_path) == ["a.png", "b.png", "b/1.png", "b/2.png", "a.png"]
    assert walk.orphans == [f"{tmp_path}/c.jpg.c2pa"]
    assert [f.named for f in walk][-2:] == [False, True]


def test_a_walk_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert [(f.name, f.relative) for f in Walk(["."])] == [("d/a.png", "d/a.png")]
    assert [(f.name, f.relative) for f in Walk(["./d/"])] == [("d/a.png", "a.png")]
    assert [(f.name, f.relative) for f in Walk(["d\\a.png"])] == [("d/a.png", "a.png")]
    (tmp_path / "d\\a.png").write_bytes(b"")
    assert [f.name for f in Walk(["d\\a.png"])] == ["d\\a.png"]


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), (), ["a.png", "b/c.jpg", "b/thumbs/d.png", "thumbs/e.png"]),
        (("*.png",), (), ["a.png", "b/thumbs/d.png", "thumbs/e.png"]),
        (("*.png", "*.jpg"), ("thumbs",), ["a.png", "b/c.jpg"]),
        ((), ("thumbs/",), ["a.png", "b/c.jpg"]),
        ((), ("thumbs/*",), ["a.png", "b/c.jpg", "b/thumbs/d.png"]),
        (("b",), (), ["b/c.jpg", "b/thumbs/d.png"]),
        (("b/*.png",), (), ["b/thumbs/d.png"]),
        ((), ("[ab]*",), ["thumbs/e.png"]),
    ],
)
def test_globs(include: tuple[str, ...], exclude: tuple[str, ...], taken: list[str], tmp_path: Path) -> None:
    files = ["a.png", "b/c.jpg", "b/thumbs/d.png", "thumbs/e.png"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    globs = Globs(include, exclude)
    assert names(Walk([tmp_path], globs), tmp_path) == taken
    (tmp_path / "all.zip").write_bytes(zipped(dict.fromkeys(files, PNG)))
    inside = run(tmp_path / "all.zip", jobs=0, include=include, exclude=exclude)
    assert [r.path.rpartition("!/")[2] for r in inside] == taken


def test_lists_of_files() -> None:
    assert list(listed(BytesIO(b"a.png\r\nb c.png\n\n\xff.png"))) == ["a.png", "b c.png", "\udcff.png"]
    assert list(listed(BytesIO(b"a\nb\0c\0\0"), null=True)) == ["a\nb", "c"]
    with pytest.raises(UsageError):
        list(listed(BytesIO(bytes(200_000).replace(b"\0", b"x"))))


def test_names_that_are_no_text(tmp_path: Path) -> None:
    odd = [os.fsdecode(b"\xff\xfe.png"), "a\nb.png", "\x1b[31m.png", "-x.png", " .png"]
    for name in odd:
        (tmp_path / name).write_bytes(PNG)
    reports = run(tmp_path, jobs=2, state=tmp_path.parent / "odd.state")
    assert sorted(Path(r.path).name for r in reports) == sorted(odd)
    assert plain(run(tmp_path, state=tmp_path.parent / "odd.state")) == plain(reports)


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "in" / "closed").mkdir(parents=True)
    (tmp_path / "in" / "z.png").write_bytes(PNG)
    for parent in (*tmp_path.parents[:3], tmp_path):
        parent.chmod(0o755)
    (tmp_path / "in" / "closed").chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root could read it all the same
    try:
        reports = run(tmp_path / "in", jobs=0)
    finally:
        os.seteuid(user)
    assert {Path(r.path).name: bool(r.error) for r in reports} == {"z.png": False, "closed": True}


# ---- what is remembered


def test_unchanged_files_are_not_examined_again(plugin: Path, site: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"jobs": 2, "state": tmp_path / "s"}
    plugin.write_text("")  # making the site examined files, too
    first = run(site, **options)
    examined = len(plugin.read_text())
    assert examined == 16  # all but the broken one and the one of no known kind
    assert plain(run(site, **options)) == plain(first) and len(plugin.read_text()) == examined
    (site / "05.png").rename(site / "moved.png")
    (site / "06.png").write_bytes(PNG + b"changed")
    assert len(run(site, **options)) == len(first) and len(plugin.read_text()) == examined + 1
    run(site, **options, policies=["kz"], assume_ai=True)  # policies are applied anew
    assert len(plugin.read_text()) == examined + 1
    run(site, **options, depth="fast")
    assert len(plugin.read_text()) == 2 * examined + 1


def test_a_sidecar_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    made = labeler.add(MADE, None, label(), sidecar=True)
    assert made.sidecar_data
    site, state = tmp_path / "site", tmp_path / "s"
    site.mkdir()
    (site / "a.png").write_bytes(made.data)

    def marks() -> set[str]:
        (report,) = run(site, state=state)
        return {m.kind for m in report.marks if m.status == "present"}

    assert "sidecar" not in marks()
    (site / "a.c2pa").write_bytes(made.sidecar_data)
    assert "sidecar" in marks() and "sidecar" in marks()
    (site / "a.jpg").write_bytes(b"")  # now the name could speak of either
    assert "sidecar" not in {m.kind for m in run(site, state=state)[1].marks if m.status == "present"}


def test_what_depends_on_time_or_limits_is_not_remembered(plugin: Path, tmp_path: Path) -> None:
    site, state = tmp_path / "site", tmp_path / "s"
    site.mkdir()
    (site / "a.png").write_bytes(PNG + b"#slow####")
    (report,) = run(site, state=state, timeout=0.25)
    assert report.error and "longer than" in report.error.message
    (report,) = run(site, state=state, timeout=60)
    assert report.error is None


def test_findings_come_back_as_they_were(site: Path, tmp_path: Path) -> None:
    from labeler.batch.state import State
    from labeler.batch.tasks import How, examine

    items = [i for i, _ in _items(site)]
    found = list(examine(items, How(likeness=True)))
    assert any(f.likeness and f.likeness.look for f in found) and any(f.label for f in found)
    for name in ("s", "s"):  # also when opened anew
        with State(tmp_path / name) as state:
            keys = [state.key(How(), str(i)) for i in range(len(found))]
            state.keep(zip(keys, found, strict=True))
            assert state.known(keys) == dict(zip(keys, found, strict=True))


def _items(site: Path) -> Iterator[tuple[Any, Any]]:
    from labeler.batch.tasks import Item

    for found in Walk([site], Globs(exclude=["*.zip"])):
        yield Item(found.name, False, found.relative), found


@pytest.mark.parametrize("content", [b"{}", b"SQLite format 3\0" + bytes(200), None])
def test_a_state_file_of_somebody_else_is_left_alone(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "s"
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t (x)")
        db.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cannot be used"):
        labeler.verify_many([tmp_path], state=path)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 != 0o777


def test_a_state_file_is_for_its_owner_only(site: Path, tmp_path: Path) -> None:
    run(site / "00.png", state=tmp_path / "s")
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_after_kill_9_the_next_run_ends_with_the_same_report(
    plugin: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPS_SLOW", "0.05")
    for i in range(40):
        (site / f"slow{i:02}.png").write_bytes(PNG + b"%02d" % i + b"#slow####")
    script = (
        "import sys; sys.path.insert(0, sys.argv[3]); import labeler\n"
        "for r in labeler.verify_many([sys.argv[1]], state=sys.argv[2], jobs=2): print(r.path, flush=True)"
    )
    command = [sys.executable, "-c", script, str(site), str(tmp_path / "s"), str(plugin.parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    for _ in range(24):
        process.stdout.readline()
    workers = steps.children(process.pid)
    process.kill()
    process.wait()
    done = len(plugin.read_text())
    assert 10 < done < 50 and workers
    resumed = run(site, state=tmp_path / "s", jobs=2)
    again = len(plugin.read_text()) - done
    assert again <= 56 - 20, "what was finished is not done again"
    assert plain(resumed) == plain(run(site, jobs=2))
    assert not any(steps.alive(pid) for pid in workers)


# ---- what is known from elsewhere


def test_an_inventory_says_what_is_ai(site: Path, tmp_path: Path) -> None:
    labelled = labeler.verify(site / "b" / "labelled.png")
    rows = {
        "00.png": ("00.png", "", "Model 1"),
        "01.png": (str(site / "01.png"), "", ""),
        "02.png": ("", labeler.verify(site / "02.png").sha256, ""),
        "in/1.png": ("x.zip!/in/1.png", "", ""),
        "labelled.png": ("b\\labelled.png", labelled.sha256, "Another 1"),
        "gone.png": ("gone.png", "", ""),
        "nobody": ("", "ab" * 32, ""),
    }
    csv = tmp_path / "i.csv"
    csv.write_text(
        "\ufeffPath;SHA256;System\r\n" + "".join(f"{';'.join(map(str, r))}\r\n" for r in rows.values())
    )
    reports = {r.path.rpartition("/")[2]: r for r in run(site, jobs=0, inventory=csv)}
    for name in ("00.png", "01.png", "02.png"):
        assert reports[name].verdict == "unlabelled", name
    assert [r.verdict for r in reports.values() if r.path.endswith("in/1.png")] == ["unlabelled"]
    assert reports["03.png"].verdict == "no-evidence" and reports["labelled.png"].verdict == "labelled"
    facts = {f.code: f.where for f in reports["labelled.png"].facts}
    assert (
        facts["caller.ai"] == "inventory: Another 1"
        and "Another 1" in facts["inventory.system"]
        and "inventory.changed" not in facts
    )
    missing = [r for r in reports.values() if r.error and r.error.code == "unreadable.missing"]
    assert [r.path for r in missing] == ["gone.png", "sha256:" + "ab" * 32]


def test_an_inventory_in_json_and_one_whose_file_changed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text(json.dumps({"files": [{"path": "./00.png", "sha256": "AB" * 32}]}))
    report = run(site, jobs=0, inventory=tmp_path / "i.json")[0]
    assert report.verdict == "unlabelled" and any(f.code == "inventory.changed" for f in report.facts)
    decomposed = "и\u0306.png"
    (site / "й.png").write_bytes(PNG)
    (tmp_path / "j.json").write_text(json.dumps([{"path": decomposed, "system": None}]))
    assert {
        r.path for r in run(site, jobs=0, inventory=tmp_path / "j.json") if r.verdict == "unlabelled"
    } == {f"{site}/й.png"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,size\na,b\n",
        "[1]",
        "{}",
        "[" * 99_999,
        '[{"path": 5}]',
        "path,sha256\na.png,zz\n",
        "[{}]",
        "\0",
    ],
)
def test_what_is_no_inventory_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "i").write_text(text)
    with pytest.raises(ConfigError, match="inventory"):
        Inventory.load(tmp_path / "i")


def test_a_baseline_accepts_this_content_and_these_findings(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    reports = run(site, jobs=0, assume_ai=True)
    Baseline.of(r for r in reports if r.verdict == "unlabelled").save(path)
    again = run(site, jobs=0, assume_ai=True, baseline=path)
    assert {r.accepted for r in again if r.verdict == "unlabelled"} == {True}
    assert not any(r.accepted for r in again if r.verdict != "unlabelled")
    assert not any(r.accepted for r in run(site, jobs=0, baseline=path))  # another verdict was not accepted
    (site / "00.png").write_bytes(PNG + b"new")
    (site / "01.png").rename(site / "other.png")
    changed = {Path(r.path).name: r.accepted for r in run(site, jobs=0, assume_ai=True, baseline=path)}
    assert not changed["00.png"] and changed["other.png"]
    text = path.read_text()
    data = json.loads(text)
    assert [a["path"] for a in data["accepted"]] == sorted(a["path"] for a in data["accepted"])
    Baseline.load(path).save(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "accepted": []}', '{"version": 1, "accepted": [1]}']
)
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(ConfigError, match="baseline"):
        Baseline.load(tmp_path / "b")


def test_marks_that_were_lost_are_told(tmp_path: Path) -> None:
    from PIL import Image

    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old / "in", new / "in"):
        folder.mkdir(parents=True)
    marked = labeler.add(encode("jpeg"), None, label()).data
    (old / "in" / "a.jpg").write_bytes(marked)
    (old / "kept.jpg").write_bytes(marked)
    (old / "plain.png").write_bytes(PNG)
    with Image.open(BytesIO(marked)) as image:
        image.save(new / "in" / "a.jpg", quality=70)  # same name
        image.save(new / "in" / "a.webp", quality=60)  # same name, another kind
        image.resize((320, 240)).save(new / "thumb-7.png")  # looks the same
        image.transpose(Image.Transpose.ROTATE_90).save(new / "turned.png")
    (new / "kept.jpg").write_bytes(marked)
    (new / "plain.png").write_bytes(PNG)
    (new / "renamed.jpg").write_bytes(b"".join(_without_marks(marked)))  # same content
    lost: dict[str, set[tuple[str | None, str]]] = {}
    for report in run(new, against=old, jobs=0):
        lost[report.path.removeprefix(f"{new}/")] = {
            (f.mark, f.where.rpartition("(")[2].rstrip(")")) for f in report.facts if f.code == "marks.lost"
        }
    marks = {m.kind for m in labeler.verify(marked, depth="fast").marks if m.status == "present"}
    assert {"c2pa", "xmp"} <= marks
    assert lost["in/a.jpg"] == {(mark, "same name") for mark in marks}
    assert lost["in/a.webp"] == {(mark, "same name, another kind") for mark in marks}
    assert lost["thumb-7.png"] == {(mark, "looks the same") for mark in marks}
    assert lost["renamed.jpg"] == {(mark, "same content") for mark in marks}
    assert not lost["kept.jpg"] and not lost["plain.png"] and not lost["turned.png"]


def _without_marks(data: bytes) -> Iterator[bytes]:
    from labeler.media.base import Limits
    from labeler.media.jpeg import APP1, APP11, parse

    parsed = parse(data, Limits())
    yield b"\xff\xd8"
    yield from (bytes(s.tile) for s in parsed.segments if s.marker not in (APP1, APP11))
    yield bytes(parsed.tail)


def test_progress_counts_what_archives_hold(site: Path) -> None:
    seen: list[Progress] = []
    reports = run(site, jobs=0, progress=seen.append)
    assert [p.done for p in seen] == list(range(1, len(reports) + 1))
    assert seen[-1].total == len(reports)


# ---- the command


def command(*args: str | Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "labeler", "verify", *map(str, args)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **env},
    )


def code(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, args)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_command_takes_lists_and_globs(site: Path) -> None:
    given = f"{site}/00.png\0{site}/b/labelled.png\0".encode()
    done = command("--files-from", "-", "-0", "--format", "jsonl", stdin=given)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3, done.stderr
    (site / "list").write_bytes(given.replace(b"\0", b"\r\n"))
    done = command(site, "--files-from", site / "list", "--include", "*9.png", "--format", "jsonl")
    assert [json.loads(x)["path"][-6:] for x in done.stdout.splitlines()[:-1]] == [
        "09.png",
        "00.png",
        "ed.png",
    ]
    assert code("--files-from", site / "none") == code("-", "--files-from", "-") == code() == 2


def test_label_add_walks_the_same_way(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "list").write_text(f"{site}/b\n")
    which = f"--include 0[12].png --include labelled.png --exclude 02* --files-from {tmp_path / 'list'}"
    with pytest.raises(SystemExit) as ended:
        main(["add", str(site), *which.split(), "--system", "A 1", "--notice", "none", "--out-dir", str(out)])
    assert ended.value.code == 0
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.png")) == ["01.png", "b/labelled.png"]


def test_exit_codes_of_batches(site: Path, tmp_path: Path) -> None:
    good, base = site / "00.png", tmp_path / "base.json"
    (tmp_path / "i.csv").write_text("path\n00.png\n")
    assert code(good, "--inventory", tmp_path / "i.csv") == 1
    assert code(site / "01.png", "--inventory", tmp_path / "i.csv") == 3  # listed and missing
    assert code(site, "--assume-ai", "--baseline", base, "--update-baseline") == 0
    assert code(site, "--assume-ai", "--baseline", base) == 0
    (site / "new.png").write_bytes(PNG + b"new")
    assert code(site, "--assume-ai", "--baseline", base) == 1
    assert code(good, "--update-baseline") == 2
    assert code(good, "--memory", "much") == 2
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "00.png").write_bytes((site / "b" / "labelled.png").read_bytes())
    assert code(good, "--against", tmp_path / "old") == 1


def test_ctrl_c_ends_at_once_and_leaves_nobody(plugin: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for i in range(4):
        (site / f"{i}.png").write_bytes(PNG + (b"#hang####" if i == 2 else b""))
    process = subprocess.Popen(
        [sys.executable, "-m", "labeler", "verify", site, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(plugin.parent)},
    )
    while len(plugin.read_text()) < 3:
        time.sleep(0.02)
    workers = steps.children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and b"Traceback" not in err, err
    assert workers and not any(steps.alive(pid) for pid in workers)


def test_the_bar_is_for_terminals_only(site: Path) -> None:
    import pty

    def err(*more: str) -> bytes:
        ours, theirs = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "labeler", "verify", site / "b", "--format", "json", *more],
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                os.close(ours)
                return seen

    assert b"findings" in err() and not err("--quiet")
    assert not command(site / "b", "--format", "json").stderr
