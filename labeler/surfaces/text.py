"""A notice in a text: its lines stand where reading begins. Media know where that is and how a line is written."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from types import MappingProxyType

from labeler import notices
from labeler.errors import NoticeError
from labeler.label import Imitates, Involvement, Label
from labeler.media.base import Painted, TextSurface
from labeler.notices import LANGS, Tier
from labeler.surfaces.layout import Layout, Mode, Seen

MODES: tuple[Mode, ...] = ("head",)


@functools.cache
def wordings() -> Mapping[str, str]:
    """Every line that a notice can have, and its language."""
    found: dict[str, str] = {}
    for involvement, imitated, reviewer in itertools.product(Involvement, (None, *Imitates), (None, "x")):
        label = Label(
            system="x", involvement=involvement, imitates=(imitated,) if imitated else (), reviewer=reviewer
        )
        for said in notices.words(label, "text", LANGS).values():
            found |= {text: lang for lang, text in said.items()}
    return MappingProxyType(found)


def draw(
    surface: TextSurface,
    words: Mapping[Tier, Mapping[str, str]],
    mode: Mode,
    old: Layout | None = None,
    *,
    letters: float = 0,
) -> tuple[Painted, Layout]:
    """Put the notice there in its longest wording, in place of one that is there.

    Raises:
        NoticeError: the text's encoding lacks letters of it. UnreadableError, LimitError: the text.
    """
    tier, said = next(iter(words.items()))
    encoding, lacking = surface.lacking("".join(said.values()))
    if lacking:
        raise NoticeError(
            f"the text is in {encoding}, which cannot write {' '.join(lacking[:8])}: no notice of ours fits.",
            "Save it in UTF-8 first (e.g. with iconv), or show the notice beside it and pass --notice none.",
        )
    return surface.insert(said, wordings()), Layout(mode, tuple(said), tier)


def recognise(surface: TextSurface, claim: Layout, words: Mapping[str, str]) -> Seen:
    """The languages whose words stand at the notice's place."""
    there = surface.shown(wordings())
    langs = tuple(lang for lang in claim.langs if there.lines.get(lang) == words[lang])
    if not langs:
        return Seen()
    return Seen(doubt=there.doubt) if there.doubt else Seen(langs, claim, 21)
