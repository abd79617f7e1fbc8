"""Where a notice is shown: one module a kind of surface (``MediumInfo.surface``), imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from labeler.errors import NoticeError
from labeler.media.base import Painted
from labeler.notices import Tier
from labeler.surfaces.layout import Layout, Mode, Seen

__all__ = ["Kind", "Layout", "Mode", "Seen", "load"]


class Kind(Protocol):
    """What each module of this package offers for surfaces of its kind."""

    MODES: Sequence[Mode]  # the first is what ``auto`` chooses

    def draw(
        self,
        surface: Any,
        words: Mapping[Tier, Mapping[str, str]],
        mode: Mode,
        old: Layout | None = None,
        *,
        letters: float = 0,
    ) -> tuple[Painted, Layout]:
        """Show the notice; ``old`` is one of ours that is there and vanishes under the new one.

        ``letters``, asked of pictures only: the least height of capital letters, as a share of the short side.

        Raises:
            NoticeError: nothing fits. UnreadableError, LimitError: the content.
        """

    def recognise(self, surface: Any, claim: Layout, words: Mapping[str, str]) -> Seen:
        """The languages whose words really stand there; the claim only says where to look."""


def load(kind: str) -> Kind:
    """The module of that kind."""
    return cast(Kind, importlib.import_module(f"labeler.surfaces.{kind}"))


def mode(kind: str, wanted: str) -> Mode:
    """The mode that was asked for on this kind of surface; ``auto`` is its first.

    Raises:
        NoticeError: the kind has no such mode.
    """
    modes = load(kind).MODES
    if wanted == "auto":
        return modes[0]
    if wanted not in modes:
        raise NoticeError(
            f"this kind of content takes no notice of mode {wanted!r}.", f"Choose from: {', '.join(modes)}."
        )
    return cast(Mode, wanted)
