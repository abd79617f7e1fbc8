"""The command as people and pipelines use it: real processes, exit codes, streams, configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import encode, label

import labeler

SYSTEM = ["--system", "Kandinsky 5", "--provider", "Sber", "--publisher", "Qala Media"]


def run(*args: str | Path, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "labeler", *map(str, args)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, **env},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(encode("png"))
    (tmp_path / "in" / "deep" / "b.jpg").write_bytes(encode("jpeg"))
    (tmp_path / "in" / "note.log").write_text("not a picture")
    return tmp_path


def test_a_folder_is_labelled_and_verified(folder: Path) -> None:
    added = run("add", "in", *SYSTEM, "--out-dir", "out", "--jobs", "2", cwd=folder)
    assert added.returncode == 0, added.stderr
    assert b"nobody else trusts it yet" in added.stdout and b"2 labelled, 1 skipped" in added.stdout
    assert sorted(p.relative_to(folder / "out") for p in (folder / "out").rglob("*.*")) == [
        Path("a.png"),
        Path("deep/b.jpg"),
    ]
    verified = run("verify", "out", cwd=folder)
    assert verified.returncode == 0 and b"2 labelled" in verified.stdout and b"kz.notice" in verified.stdout
    assert run("verify", "in", "--assume-ai", cwd=folder).returncode == 1
    assert run("verify", "in", "--assume-ai", "--exit-zero", cwd=folder).returncode == 0
    assert run("verify", "in", cwd=folder).returncode == 0


def test_json_has_every_key_and_goes_to_a_file(folder: Path) -> None:
    run("add", "in/a.png", *SYSTEM, "-o", "a.png", cwd=folder)
    done = run("verify", "a.png", "--format", "json", "-o", "report.json", cwd=folder)
    assert done.returncode == 0 and done.stdout == b""
    document = json.loads((folder / "report.json").read_text("utf-8"))
    assert document["summary"]["labelled"] == 1 and document["files"][0]["error"] is None
    lines = run("verify", "a.png", "in/a.png", "--format", "jsonl", cwd=folder).stdout.decode().splitlines()
    assert [json.loads(x)["type"] for x in lines] == ["file", "file", "summary"]


def test_the_same_command_twice_says_unchanged(folder: Path) -> None:
    first = run("add", "in/a.png", *SYSTEM, "--in-place", "--backup", ".bak", cwd=folder)
    before = (folder / "in/a.png").read_bytes()
    again = run("add", "in/a.png", *SYSTEM, "--in-place", cwd=folder)
    assert b"labelled" in first.stdout and b"unchanged" in again.stdout
    assert (folder / "in/a.png").read_bytes() == before and (folder / "in/a.png.bak").read_bytes() == encode(
        "png"
    )
    assert run("add", "in/a.png", *SYSTEM, "--check", cwd=folder).returncode == 0
    assert run("add", "in/deep/b.jpg", *SYSTEM, "--check", cwd=folder).returncode == 1


def test_dry_run_writes_nothing(folder: Path) -> None:
    done = run("add", "in", *SYSTEM, "--out-dir", "out", "--dry-run", cwd=folder)
    assert done.returncode == 0 and b"would label" in done.stdout and not (folder / "out").exists()


def test_pipes(folder: Path) -> None:
    piped = run("add", "-", *SYSTEM, "-o", "-", cwd=folder, stdin=encode("jpeg"))
    assert piped.returncode == 0 and piped.stdout[:3] == b"\xff\xd8\xff" and b"labelled" in piped.stderr
    assert labeler.verify(piped.stdout).verdict == "labelled"
    assert run("verify", "-", cwd=folder, stdin=piped.stdout).returncode == 0
    assert run("show", "-", cwd=folder, stdin=piped.stdout).returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["add", "in/a.png", *SYSTEM], 2, "one of -o FILE, --out-dir DIR, --in-place"),
        (["add", "in/a.png", "--out-dir", "out"], 2, "--system"),
        (["add", "in", *SYSTEM, "-o", "x.png"], 2, "--out-dir"),
        (["add", "in/a.png", *SYSTEM, "-o", "in/a.png"], 2, "in place"),
        (["add", "in/a.png", *SYSTEM, "--out-dir", "out", "--backup", "x"], 2, "--in-place"),
        (["add", "in/a.png", *SYSTEM, "--out-dir", "out", "--cert", "x"], 2, "--key"),
        (["add", "in/a.png", *SYSTEM, "--out-dir", "out", "--identity", "nobody"], 2, "label identity list"),
        (["add", "in/a.png", *SYSTEM, "--out-dir", "out", "--lang", "de"], 2, "Choose from kk, ru, en"),
        (["add", "in/a.png", *SYSTEM, "--out-dir", "out", "--imitates", "soul"], 2, "not well-formed"),
        (["add", "in/none.png", *SYSTEM, "--out-dir", "out"], 3, "No such file"),
        (["add", "in/note.log", *SYSTEM, "--out-dir", "out"], 3, "no kind that"),
        (["add", "-", *SYSTEM, "--out-dir", "out"], 2, "Standard input needs"),
        (["verify", "in/none.png"], 3, "No such file"),
        (["verify", "in/note.log"], 3, "no kind that"),
        (["verify", "in/a.png", "--policy", "xx"], 2, "Choose from"),
        (["verify", "in/a.png", "--trust", "none.pem"], 2, "none.pem"),
        (["verify", "in/a.png", "--fail-on", "sadness"], 2, "no such verdict"),
        (["verify"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
        (["notice", "nonsense"], 2, "label notice"),
        (["policy", "explain", "nonsense"], 2, "label policy show"),
        (["identity", "show", "nobody"], 2, "label identity list"),
    ],
)
def test_errors_say_what_to_do_next(args: list[str], code: int, said: str, folder: Path) -> None:
    done = run(*args, cwd=folder)
    output = (done.stdout + done.stderr).decode()
    assert done.returncode == code, output
    assert said in output and "Traceback" not in output


def test_nothing_matched_is_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("verify", "empty", cwd=tmp_path).returncode == 2
    assert run("add", "empty", *SYSTEM, "--out-dir", "out", cwd=tmp_path).returncode == 2


def test_one_bad_file_does_not_stop_the_others(folder: Path) -> None:
    (folder / "in" / "bad.png").write_bytes(encode("png")[:500])
    done = run("add", "in", *SYSTEM, "--out-dir", "out", cwd=folder)
    assert (
        done.returncode == 3
        and b"bad.png" in done.stderr
        and b"2 labelled, 1 failed, 1 skipped" in done.stdout
    )
    assert not (folder / "out" / "bad.png").exists()
    assert run("verify", "in", cwd=folder).returncode == 3


def test_configuration_and_environment(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text('system = "Kandinsky 5"\npublisher = "From the file"\nout-dir = "x"\n')
    bad = run("add", "in/a.png", "-o", "a.png", cwd=folder, LABEL_CONFIG=str(config))
    assert bad.returncode == 2 and b"out-dir" in bad.stderr
    config.write_text('system = "Kandinsky 5"\npublisher = "From the file"\n')
    run("add", "in/a.png", "-o", "a.png", cwd=folder, LABEL_CONFIG=str(config))
    made = labeler.verify(folder / "a.png").label
    assert made and made.publisher == "From the file"
    run(
        "add",
        "in/a.png",
        "-o",
        "b.png",
        cwd=folder,
        LABEL_CONFIG=str(config),
        LABEL_PUBLISHER="From outside",
        LABEL_ROLE="user",
    )
    made = labeler.verify(folder / "b.png").label
    assert made and made.publisher == "From outside" and made.role == "user"
    config.write_text("system = [")
    assert run("verify", "a.png", cwd=folder, LABEL_CONFIG=str(config)).returncode == 2


def test_the_working_directory_configures_nothing(folder: Path) -> None:
    (folder / "config.toml").write_text("nonsense = 1\n")
    (folder / "label.toml").write_text("nonsense = 1\n")
    assert run("verify", "in/a.png", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("lang", "said"), [("kk", "таңбаланған"), ("ru", "промаркирован"), ("en", "labelled")]
)
def test_the_users_language(folder: Path, lang: str, said: str) -> None:
    run("add", "in/a.png", *SYSTEM, "-o", "a.png", cwd=folder)
    for args in (["verify", "a.png"], ["show", "a.png"], ["policy", "show"]):
        done = run(*args, "--ui-lang", lang, cwd=folder)
        text = done.stdout.decode()
        assert done.returncode == 0 and (said in text or args[0] == "policy")
        assert "fact." not in text and "not-checked." not in text
    assert said in run("verify", "a.png", cwd=folder, LC_ALL=f"{lang}_KZ.UTF-8").stdout.decode()


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    name = b"\x1b[31mred\n\xff.png"
    (tmp_path / os.fsdecode(name)).write_bytes(encode("png"))
    done = run("verify", ".", cwd=tmp_path)
    assert done.returncode == 0 and b"\x1b[31mred" not in done.stdout and b"red\\n" in done.stdout
    assert (
        json.loads(run("verify", ".", "--format", "json", cwd=tmp_path).stdout)["summary"]["no-evidence"] == 1
    )


def test_sidecars_are_no_inputs_and_orphans_are_told(folder: Path) -> None:
    run("add", "in/a.png", *SYSTEM, "--sidecar", "-o", "out.png", cwd=folder)
    assert (folder / "out.png.c2pa").is_file()
    (folder / "site").mkdir()
    (folder / "out.png.c2pa").rename(folder / "site" / "gone.png.c2pa")
    (folder / "site" / "b.jpg").write_bytes(encode("jpeg"))
    done = run("verify", "site", cwd=folder)
    assert b"gone.png.c2pa" in done.stdout and b"1 no evidence" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path) -> None:
    done = run("completion", shell, cwd=tmp_path)
    assert done.returncode == 0 and b"_LABEL_COMPLETE" in done.stdout


def test_identity_commands(tmp_path: Path) -> None:
    env = {"LABEL_DATA_DIR": str(tmp_path / "data")}
    assert b"first `label add`" in run("identity", "list", cwd=tmp_path, **env).stderr
    assert run("identity", "create", "qala", "--org", "Qala Media", cwd=tmp_path, **env).returncode == 0
    assert run("identity", "list", cwd=tmp_path, **env).stdout == b"qala\n"
    shown = run("identity", "show", "qala", cwd=tmp_path, **env).stdout
    assert b"O=Qala Media" in shown and b"PRIVATE" not in shown
    pem = run("identity", "export", "qala", cwd=tmp_path, **env).stdout
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----") and pem.count(b"BEGIN") == 1


def test_values_are_shown_only_on_demand(folder: Path) -> None:
    run("add", "in/a.png", *SYSTEM, "--prompt", "Aigul, flat 7", "--with-prompt", "-o", "a.png", cwd=folder)
    assert b"Aigul" not in run("show", "a.png", cwd=folder).stdout
    assert b"Aigul" not in run("verify", "a.png", "--format", "json", cwd=folder).stdout
    assert b"Aigul" in run("show", "a.png", "--show-values", cwd=folder).stdout


def test_the_library_says_the_same(folder: Path) -> None:
    receipt = labeler.add(folder / "in/a.png", folder / "a.png", label())
    assert receipt.target == str(folder / "a.png") and not receipt.unchanged
    reports = list(labeler.verify_many([folder / "a.png", folder / "in"], jobs=2))
    assert [r.verdict.value for r in reports if not r.skipped] == ["labelled", "no-evidence", "no-evidence"]


def test_what_an_earlier_run_wrote_is_no_input(folder: Path) -> None:
    for out in ("out", str(folder / "in" / "out")):
        for _ in range(2):
            done = run("add", ".", *SYSTEM, "--out-dir", out, cwd=folder / "in")
            assert b"2 labelled, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert sorted(p.name for p in (folder / "in" / "out").rglob("*.*")) == ["a.png", "b.jpg"]


def test_every_option_has_its_variable_by_its_own_name(folder: Path) -> None:
    done = run("verify", "in/a.png", cwd=folder, LABEL_FORMAT="jsonl", LABEL_UI_LANG="kk")
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "summary"
    (folder / "c.toml").write_text('format = "json"\n')
    assert json.loads(run("verify", "in/a.png", cwd=folder, LABEL_CONFIG=str(folder / "c.toml")).stdout)


def test_a_backup_is_no_input_of_the_next_run(folder: Path) -> None:
    run("add", "in", "--system", "A 1", "--in-place", "--backup", ".bak", cwd=folder)
    (folder / "in" / "c.png").write_bytes(encode("png"))
    done = run("add", "in", "--system", "B 2", "--in-place", "--backup", ".bak", cwd=folder)
    assert (folder / "in" / "a.png.bak").read_bytes() == encode("png") and b"exists already" in done.stderr
    assert b"labelled in/c.png" in done.stdout and not list((folder / "in").rglob("*.bak.bak"))


def test_collisions_are_found_before_anything_is_written(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "a.png").write_bytes(encode("png"))
    done = run("add", "in/a.png", "other/a.png", *SYSTEM, "--out-dir", "out", cwd=folder)
    assert done.returncode == 2 and not (folder / "out").exists()
    twice = run("add", "in/a.png", "in", "in", *SYSTEM, "--out-dir", "out", cwd=folder)
    assert b"2 labelled" in twice.stdout


def test_checks_make_no_identity(folder: Path) -> None:
    for flag in ("--check", "--dry-run"):
        run(
            "add",
            "in/a.png",
            *SYSTEM,
            "--out-dir",
            "out",
            flag,
            cwd=folder,
            LABEL_DATA_DIR=str(folder / "data"),
        )
    assert not (folder / "data").exists()


def test_broken_files_of_a_known_name_are_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    for name, data in {"a.png": b"", "b.jpg": os.urandom(99), "c.svg": b"<html/>", "d.log": b"text"}.items():
        (tmp_path / "site" / name).write_bytes(data)
    done = run("verify", "site", "--format", "json", cwd=tmp_path)
    assert done.returncode == 3
    assert (
        json.loads(done.stdout)["summary"] | {"unreadable": 3, "skipped": 1}
        == json.loads(done.stdout)["summary"]
    )


def test_a_device_is_written_to_and_a_fifo_does_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert (
        subprocess.run([sys.executable, "-m", "labeler", "verify", "pipe"], cwd=folder, timeout=20).returncode
        == 3
    )
    done = run("verify", "in/a.png", "--format", "json", "-o", "/dev/null", cwd=folder)
    assert done.returncode == 0 and not Path("/dev/null").is_file()
    full = subprocess.run(
        f'"{sys.executable}" -m labeler verify in/a.png > /dev/full',
        shell=True,
        cwd=folder,
        capture_output=True,
    )
    assert full.returncode == 3 and b"Traceback" not in full.stderr


def test_long_and_strange_names(tmp_path: Path) -> None:
    for name in ("ұ" * 120 + ".png", os.fsdecode(b"\xff.png")):
        (tmp_path / name).write_bytes(encode("png"))
    assert run("add", ".", *SYSTEM, "--out-dir", "out", cwd=tmp_path).returncode == 0
    assert run("verify", "out", "--format", "json", cwd=tmp_path, PYTHONIOENCODING="ascii").returncode == 0


def test_one_hostile_record_does_not_end_the_batch(folder: Path) -> None:
    made = labeler.add(encode("png"), None, label(), sidecar=True).data
    for i, (old, new) in enumerate(
        [(b'"em":20', b'"em":1e9'), (b'"rows":', b'"rows":0.5,"x":'), (b'"w":640', b'"w":1e300')]
    ):
        (folder / "in" / f"hostile{i}.svg").write_bytes(made.replace(old, new))
    done = run("verify", "in", "--format", "json", cwd=folder)
    assert done.returncode == 3 and len(json.loads(done.stdout)["files"]) == 5


def test_interrupted_ends_with_130(folder: Path) -> None:
    for i in range(300):
        (folder / "in" / f"x{i:03}.png").write_bytes(encode("png"))
    process = subprocess.Popen(
        [sys.executable, "-m", "labeler", "add", "in", *SYSTEM, "--out-dir", "out"],
        cwd=folder,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(2)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not list((folder / "out").glob(".*")) and len(list((folder / "out").iterdir())) < 300


@pytest.mark.parametrize(
    "text", ["publisher = {a = 1}", 'publisher = ["a"]', "nonsense = 1", "lang = 1.5", 'in-place = "true"']
)
def test_configuration_of_the_wrong_type(text: str, folder: Path) -> None:
    (folder / "c.toml").write_text(text)
    done = run("verify", "in/a.png", cwd=folder, LABEL_CONFIG=str(folder / "c.toml"))
    assert done.returncode == 2 and b"c.toml" in done.stderr
    assert run("completion", "bash", cwd=folder, LABEL_CONFIG=str(folder / "c.toml")).returncode == 0
    assert run("verify", "in/a.png", cwd=folder, LABEL_CONFIG=str(folder / "none.toml")).returncode == 2


def test_decoders_do_not_speak_to_the_user(tmp_path: Path) -> None:
    from variants.tiff import picture, tiff

    data = bytearray(tiff(picture("RGB", (640, 480)), rows=480, compression=8))
    data[2000:2100] = bytes(100)  # libtiff would complain of it
    (tmp_path / "a.tif").write_bytes(data)
    told = run("add", "a.tif", *SYSTEM, "-o", "b.tif", cwd=tmp_path)
    assert told.returncode == 3 and told.stderr.startswith(b"label: a.tif: The picture's pixels cannot be")
    assert len(told.stderr.splitlines()) == 1


def test_policies_of_ones_own_and_of_others(folder: Path) -> None:
    example = (Path(__file__).parent.parent / "docs" / "policies.md").read_text("utf-8")
    (folder / "qala.json").write_text(example.partition("```json\n")[2].partition("```")[0], "utf-8")
    policies = "kz,cn,./qala.json"
    options = ["--policy", policies, "--provider-code", "001191110102MACQD9K64010000"]
    added = run("add", "in/a.png", *SYSTEM, *options, "-o", "a.png", cwd=folder)
    assert added.returncode == 0 and b"(notice, xmp, exif, tc260, c2pa)" in added.stdout
    document = json.loads(run("verify", "a.png", "--policy", policies, "--format", "json", cwd=folder).stdout)
    assert document["policies"] == ["kz", "cn", "qala"]
    assert document["files"][0]["verdicts"] == {"kz": "labelled", "cn": "incomplete", "qala": "labelled"}
    shown = run("show", "a.png", cwd=folder, LC_ALL="en_GB.UTF-8").stdout.decode()
    assert "EXIF metadata: present" in shown
    assert "Chinese mark TC260: present (001191110102MACQD9K64010000)" in shown
    explained = run("policy", "explain", "qala.signed", "--policy", "./qala.json", cwd=folder)
    assert b"Style book, section 4" in explained.stdout
    (folder / "bad.json").write_text("{}")
    for args in (["verify", "a.png", "--policy", "bad.json"], ["policy", "show", "bad.json"]):
        done = run(*args, cwd=folder)
        assert (
            done.returncode == 2
            and b"bad.json is no policy" in done.stderr
            and b"Traceback" not in done.stderr
        )
    done = run("add", "in/a.png", *SYSTEM, "--publisher-code", "a b", "-o", "b.png", cwd=folder)
    assert done.returncode == 2 and b"--publisher-code" in done.stderr and not (folder / "b.png").exists()
