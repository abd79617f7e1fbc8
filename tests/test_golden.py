"""Other vendors' signed files get the verdicts that are written down; a new c2pa shows here what it changed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parent.parent / "tools" / "golden.py"


@pytest.fixture(scope="module")
def tool_() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_changed_for_the_files_of_others(
    corpus: Path, tool_: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path))
    old = json.loads(tool_.GOLDEN.read_text("utf-8"))
    new = dict(tool_.golden(corpus, old))
    changes = list(tool_.differences(old, new))
    assert not changes, "\n".join([*changes, "if that is meant: python tools/golden.py"])
    assert len(old) >= 80


def test_signers_and_time_alone_never_make_a_verdict_of_tampering() -> None:
    for name, entry in json.loads((PATH.parent.parent / "tests" / "golden.json").read_text("utf-8")).items():
        assert entry["with"]["verdict"] == entry["without"]["verdict"], name
        for judged in entry.values():
            assert (judged["verdict"] == "tampered") <= ("c2pa.tampered" in judged["facts"]), name


def test_a_change_is_seen(tool_: ModuleType) -> None:
    old = {
        "a": {
            "with": {"verdict": "labelled", "facts": ["x"]},
            "without": {"verdict": "unsupported", "facts": []},
        }
    }
    assert not list(tool_.differences(old, old))
    new = {
        "a": {
            "with": {"verdict": "tampered", "facts": ["y"]},
            "without": {"verdict": "labelled", "facts": []},
        }
    }
    assert list(tool_.differences(old, new)) == [
        "a (with lists): labelled -> tampered",
        "a (with lists): - x",
        "a (with lists): + y",
    ]
    assert list(tool_.differences(old, {}))
