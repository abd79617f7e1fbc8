"""The rooms and the arrows between them, as the architecture page says."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from labeler import capabilities
from labeler.media import MODULES, all_media

ROOT = Path(__file__).parent.parent
MARKS = ("labeler.marks", "labeler.policy", "labeler.signing", "labeler._add", "labeler._verify")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / "labeler" / folder).rglob("*.py"))


@pytest.mark.parametrize("path", modules("media"), ids=lambda p: p.stem)
def test_media_know_nothing_of_marks(path: Path) -> None:
    assert not {i for i in imports(path) if i.startswith(MARKS)}


@pytest.mark.parametrize(
    "path", [*modules("marks"), *modules("policy"), *modules("signing")], ids=lambda p: p.stem
)
def test_marks_know_no_container(path: Path) -> None:
    assert not {i for i in imports(path) if i.startswith("labeler.media")}
    assert not re.search(r"\bif .*\bmedium\b.*==", path.read_text("utf-8"))


def test_c2pa_is_imported_in_one_place() -> None:
    text = {p: p.read_text("utf-8") for p in [*modules("."), *(ROOT / "cli").glob("*.py")]}
    assert [
        p.name
        for p, t in text.items()
        if re.search(r'^\s*(import c2pa|from c2pa)|import_module\("c2pa"', t, re.M)
    ] == ["c2pa.py"]


def test_the_package_list_is_the_tree() -> None:
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    )
    there = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "labeler").rglob("__init__.py")}
    assert listed == there | {"labeler.cli", "labeler.schemas"}


def test_every_data_file_is_in_the_wheel() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    for package, folder in {
        "labeler": "labeler",
        "labeler.fonts": "labeler/fonts",
        "labeler.reports": "labeler/reports",
        "labeler.schemas": "schemas",
    }.items():
        listed = {p for pattern in tool["package-data"][package] for p in (ROOT / folder).glob(pattern)}
        there = {p for p in (ROOT / folder).rglob("*.*") if p.suffix not in (".py", ".pyc")}
        if package == "labeler":
            there = {p for p in there if p.parent.name not in ("fonts", "reports")}
        assert there == listed, package


def test_each_medium_has_its_variants() -> None:
    assert all((ROOT / "tests" / "variants" / f"{m}.py").is_file() for m in MODULES)
    assert len({m.info.name for m in all_media()}) == len(MODULES)


def test_the_capability_page_is_generated() -> None:
    assert (ROOT / "docs" / "capabilities.md").read_text("utf-8") == capabilities.matrix()


@pytest.mark.parametrize("command", [["--help"], ["add", "--help"], ["verify", "--help"], ["notice"]])
def test_start_up_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys, json\nfrom labeler.cli import main\n"
        f"try: main({command!r})\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"c2pa", "PIL", "numpy", "cryptography", "pypdf", "piexif", "asyncio"}
    assert not heavy & set(json.loads(run.stdout.splitlines()[-1]))


def test_what_media_pass_over_has_words(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from variants import jpeg, jxl, raw

    from labeler.media import Limits, identify

    words = json.loads((ROOT / "schemas" / "words.json").read_text("utf-8"))
    foreign = raw.cr3(raw.box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481")))
    files = jpeg.VARIANTS["multi"](), jxl.VARIANTS["compressed"](), jxl.lossy(), foreign
    monkeypatch.setitem(sys.modules, "brotli", None)
    for data in files:
        src = io.BytesIO(data)
        unread = identify(src).read(src, Limits()).unread
        assert unread and all(f"not-checked.{what}" in words for what in unread)


def test_the_words_of_the_interface_are_complete() -> None:
    words = json.loads((ROOT / "schemas" / "words.json").read_text("utf-8"))
    assert all(set(w) == {"kk", "ru", "en"} and all(w.values()) for w in words.values())
    source = "".join(p.read_text("utf-8") for p in modules("."))
    codes = set(re.findall(r'Fact\(\s*"([a-z0-9.-]+)"', source)) | set(
        re.findall(r'"(c2pa\.signer\.[a-z]+)"', source)
    )
    assert codes and not {c for c in codes if f"fact.{c}" not in words}
    speakers = [*(ROOT / "cli").glob("*.py"), *modules("reports")]
    said = set(re.findall(r'say\(f?"([a-z.-]+)"', "".join(p.read_text("utf-8") for p in speakers)))
    page = "".join(
        (ROOT / "labeler" / "reports" / name).read_text("utf-8") for name in ("page.html", "page.js")
    )
    said |= set(re.findall(r'(?:say|fill|section)\("([a-z.-]+)"[,)]', page))
    said |= set(re.findall(r'data-(?:w|label|hint)="([^"]+)"', page))
    assert said and said <= set(words)
