"""The notice: words a person reads, from a fixed and versioned catalogue. Never translated at run time."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from labeler.errors import UsageError
from labeler.label import Imitates, Label

LANGS = ("kk", "ru", "en")
MANDATORY = ("kk", "ru")
Tier = Literal["reviewed", "sentence", "phrase", "short"]
TIERS: tuple[Tier, ...] = ("reviewed", "sentence", "phrase", "short")  # from the longest
Kind = Literal["image", "video", "audio", "text", "document"]


@dataclass(frozen=True)
class Wording:
    """One catalogue entry in one language; ``origin`` says whether a native reader is still wanted."""

    id: str
    lang: str
    text: str
    origin: str


@functools.cache
def _catalogue() -> dict[str, object]:
    text = resources.files("labeler.schemas").joinpath("notices.json").read_text("utf-8")
    data: dict[str, object] = json.loads(text)
    return data


def version() -> int:
    """Of the catalogue; stands in every record."""
    return int(str(_catalogue()["version"]))


def catalogue() -> tuple[Wording, ...]:
    """Every entry in every language, in catalogue order."""
    entries = _catalogue()["notices"]
    assert isinstance(entries, dict)
    return tuple(
        Wording(id, lang, words["text"], words["origin"])
        for id, langs in entries.items()
        for lang, words in langs.items()
    )


def origins() -> Mapping[str, str]:
    """What the origins of wordings mean."""
    meanings = _catalogue()["origins"]
    assert isinstance(meanings, dict)
    return meanings


@functools.cache
def _texts() -> dict[tuple[str, str], str]:
    return {(w.id, w.lang): w.text for w in catalogue()}


def check_langs(langs: Iterable[str]) -> tuple[str, ...]:
    """In their fixed order, Kazakh first (Law on Languages Art. 21).

    Raises:
        UsageError: a language without a catalogue, or none.
    """
    wanted = set(langs)
    unknown = wanted - set(LANGS)
    if unknown or not wanted:
        raise UsageError(
            f"The catalogue has no notices in {', '.join(sorted(unknown)) or 'no language'}.",
            f"Choose from {', '.join(LANGS)}.",
        )
    return tuple(lang for lang in LANGS if lang in wanted)


def ids(label: Label, kind: Kind) -> dict[Tier, tuple[str, ...]]:
    """The catalogue entries of each tier for this label: involvement x what is imitated x kind of medium."""
    rows = _catalogue()["tiers"]
    assert isinstance(rows, list)
    # what imitates a person outranks an event, as the statute names it first
    imitated = next((i for i in Imitates if i in label.imitates), None)
    for row in rows:
        if (
            row["involvement"] == label.involvement
            and row["imitates"] == imitated
            and row["medium"] in ("*", kind)
        ):
            found: dict[Tier, tuple[str, ...]] = {tier: tuple(row[tier]) for tier in TIERS[1:]}
            return {"reviewed": (*found["sentence"], "reviewed"), **found} if label.reviewer else found
    raise AssertionError(f"the catalogue has no row for {label.involvement}, {imitated}, {kind}")


def words(label: Label, kind: Kind, langs: Sequence[str]) -> dict[Tier, dict[str, str]]:
    """For each tier the text per language, from the longest; the first tells of a reviewer, if one is named."""
    out: dict[Tier, dict[str, str]] = {}
    for tier, entries in ids(label, kind).items():
        out[tier] = {
            lang: " ".join(_sentence(_texts()[i, lang], len(entries)) for i in entries) for lang in langs
        }
    return out


def _sentence(text: str, parts: int) -> str:
    return text if parts == 1 or text.endswith(".") else f"{text}."
