"""The action and the pipelines of docs/ci.md: they fit the schemas of GitHub and GitLab, and their commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from found import PARAMETERS, png
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)


def parsed(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with a published picture that has no label, and a `label` where the steps look for it."""
    (tmp_path / "public" / "images").mkdir(parents=True)
    (tmp_path / "public" / "images" / "trace.png").write_bytes(png(parameters=PARAMETERS))
    binaries = tmp_path / "tanba" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "label").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labeler "$@"\n')
    (binaries / "label").chmod(0o755)
    return tmp_path


def run(script: str, place: Path, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{place / 'tanba' / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=place,
        env={**os.environ, "PATH": path, "RUNNER_TEMP": str(place), **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("github-actions", (ROOT / "action.yml").read_text("utf-8")),
        ("github-workflows", BLOCKS[0]),
        ("gitlab-ci", BLOCKS[1]),
    ],
)
def test_they_fit_the_schema(schema: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "file.yml").write_text(text, "utf-8")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*check, str(tmp_path / "file.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_foreign_is_pinned_to_a_commit() -> None:
    uses = re.findall(r"uses: (\S+)", (ROOT / "action.yml").read_text("utf-8") + BLOCKS[0])
    assert len(uses) == 5
    assert all(re.search(r"@[0-9a-f]{40}$", u) for u in uses if u != "OWNER/tanba@COMMIT")


def test_the_action_runs(place: Path) -> None:
    action = parsed((ROOT / "action.yml").read_text("utf-8"))
    install, verify = action["runs"]["steps"][1:]
    for file in re.findall(r"GITHUB_ACTION_PATH/([\w.]+)", install["run"]):
        assert (ROOT / file).is_file()
    assert not re.search(r"\$\{\{", install["run"] + verify["run"])  # inputs never become script text

    def env(**given: str) -> dict[str, str]:
        inputs = {
            key: given.get(key.replace("-", "_"), value["default"]) for key, value in action["inputs"].items()
        }
        return {
            k: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], v)
            for k, v in verify["env"].items()
        }

    summary = place / "summary.md"
    done = run(verify["run"], place, **env(paths="public\n", ui_lang="kk"), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1 and done.stdout.startswith("::error file=public/images/trace.png,"), (
        done.stderr
    )
    assert (place / "label-report.html").is_file() and (place / "label-report.sarif").is_file()
    assert "таңбаланбаған" in summary.read_text("utf-8")
    assert run(verify["run"], place, **env(fail_on="tampered")).returncode == 0
    evil = run(verify["run"], place, **env(paths='"; touch hacked; "\n$(touch hacked)\n--exit-zero'))
    assert evil.returncode == 3 and not (place / "hacked").exists()
    words = env(assume_ai="true", notice_on_page="true")
    assert words["LABEL_ASSUME_AI"] == words["LABEL_NOTICE_ON_PAGE"] == "true"
    (place / "public" / "images" / "trace.png").write_bytes(png())
    assert run(verify["run"], place, **env()).returncode == 0
    assert run(verify["run"], place, **env(assume_ai="true")).returncode == 1


def test_the_gitlab_job_runs(place: Path) -> None:
    job = parsed(BLOCKS[1])["ai-labels"]
    done = run(next(line for line in job["script"] if line.startswith("label ")), place)
    assert done.returncode == 1 and "не промаркирован" in done.stdout
    written = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    assert all((place / path).is_file() for path in written)


@pytest.mark.parametrize("name", ["ci.md", "reports.md"])
def test_the_commands_and_the_python_of_the_pages_run(name: str, place: Path) -> None:
    (place / "site").symlink_to(place / "public")
    (place / "samples").symlink_to(ROOT / "samples")
    text = (ROOT / "docs" / name).read_text("utf-8")
    commands = [
        line[2:] for b in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S) for line in b.splitlines()
    ]
    assert commands
    for command in commands:
        done = run(command, place)
        assert done.returncode == 1 and not done.stderr, command
    for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("<!doctype html>"), done.stderr
