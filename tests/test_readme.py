"""Every command of the README and of the page on signing runs, in order, as a new user would type it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pki
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.serialization import pkcs12

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def commands(page: str = README) -> list[str]:
    lines = [line for block in blocks("console", page) for line in block.splitlines()]
    assert lines and all(line.startswith("$ ") for line in lines)
    return [line[2:].split(" #")[0].strip() for line in lines]


def prepared(folder: Path) -> dict[str, str]:
    """The samples in a folder, and the environment of a user who has the command ``label``."""
    shutil.copytree(ROOT / "samples", folder / "samples")
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "label").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m labeler "$@"\n')
    (binaries / "label").chmod(0o755)
    return {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "LABEL_DATA_DIR": str(folder / "data")}


def test_every_command_and_the_python_run(tmp_path: Path) -> None:
    env = prepared(tmp_path)
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


def test_signing_as_the_page_says(tmp_path: Path) -> None:
    env, page = prepared(tmp_path), (ROOT / "docs" / "signing.md").read_text("utf-8")
    chain, key = pki.write(tmp_path)
    chain.rename(tmp_path / "firm.pem")
    key.rename(tmp_path / "firm.key")
    secret = ser.BestAvailableEncryption(b"secret")
    p12 = pkcs12.serialize_key_and_certificates(b"x", pki.key(), pki.leaf(), [pki.ca().certificate], secret)
    (tmp_path / "firm.p12").write_bytes(p12)
    (tmp_path / "password.txt").write_text("secret\n")
    said = []
    for command in commands(page):
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said.append(done.stdout)
        if (request := tmp_path / "qala.csr").exists() and not (tmp_path / "issued.pem").exists():
            asked = x509.load_pem_x509_csr(request.read_bytes())
            issued = pki.certificate(asked.public_key(), pki.ca().by, asked.subject, purposes=(pki.CLAIMS,))
            (tmp_path / "issued.pem").write_bytes(pki.pem(issued, pki.ca().certificate))
    assert any("+ kz.mark.trusted" in text for text in said) and len(said) >= 10
    (code,) = blocks("python", page)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and "[]\n" in done.stdout, done.stderr


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
