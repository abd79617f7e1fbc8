"""Every command of the README runs, in order, as a new user would type it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert lines and all(line.startswith("$ ") for line in lines)
    return [line[2:].split(" #")[0].strip() for line in lines]


def test_every_command_and_the_python_run(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "label").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labeler "$@"\n')
    (binaries / "label").chmod(0o755)
    env = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "LABEL_DATA_DIR": str(tmp_path / "data")}
    ran = 0
    for command in commands():
        if command.startswith(("make ", ". ")):
            assert command in (ROOT / ".ci" / "run").read_text("utf-8")
            continue
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip() or "-o " in command
        ran += 1
    assert ran >= 15
    for code in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "labelled []" in done.stdout.replace("['kz.mark.in-time']", "[]")


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
