"""A small slice of what ``tools/fuzz.py`` does at length."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pictures import encode

import labeler

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(TOOLS)
    import fuzz

    return fuzz


def test_mutants_are_told_from_what_was_signed(fuzz: Any, tmp_path: Path) -> None:
    found = list(fuzz.search("tests", range(500), fuzz.Place(str(tmp_path)), jobs=2, timeout=30))
    assert [number for number, _, _ in found] == list(range(500))
    assert not [outcome for outcome in found if outcome[2]]
    verdicts = Counter(verdict for _, verdict, _ in found)
    # which kinds are drawn changes with their number
    assert verdicts["unreadable"] > 50 and verdicts["tampered"]


def test_cases_are_found_again(fuzz: Any, tmp_path: Path) -> None:
    place = fuzz.Place(str(tmp_path))
    first = fuzz.case("again", 3, place)
    fuzz.base_of.cache_clear()
    assert fuzz.case("again", 3, place) == first and first[0].data != first[1]


def test_a_false_labelled_would_be_told(fuzz: Any) -> None:
    data, other = encode("png"), encode("png", 320, 240)
    signed = fuzz.signed("a.png", data)
    report = labeler.verify(signed.data, notice_on_page=True)
    assert report.verdict == "labelled"
    assert fuzz._wrong(signed, signed.data, report) == ""
    assert fuzz._wrong(signed, other, report) == "labelled, and changed"
