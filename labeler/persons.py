"""Persons in metadata: an AI system is no author, and prompts are personal data."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources

from labeler.media.base import Field

_SPACES = re.compile(r"[\s\-_·.]+")
_MAX_AUTHOR = 4096  # bytes; longer ones name nobody
_AUTHOR_FIELDS = frozenset({"artist", "author", "creator", "dc:creator", "2:80", "xpauthor"})
_PROMPT_KEYS = frozenset(
    {
        "aipromptinformation",
        "dream",
        "generation_data",
        "invokeai_graph",
        "invokeai_metadata",
        "iptc4xmpext:aipromptinformation",
        "parameters",
        "prompt",
        "sd-metadata",
        "workflow",
    }
)
_PROMPT_TEXT = re.compile(
    rb'Negative prompt:|\bSteps: \d+, |"prompt"\s*:|N\x00e\x00g\x00a\x00t\x00i\x00v\x00e|S\x00t\x00e\x00p\x00s\x00:'
)


@functools.cache
def _systems() -> tuple[frozenset[str], frozenset[str]]:
    data = json.loads(resources.files("labeler.schemas").joinpath("ai-systems.json").read_text("utf-8"))
    return frozenset(map(_plain, data["products"])), frozenset(data["given_names"])


def _plain(name: str) -> str:
    return _SPACES.sub(" ", name).strip().casefold()


def is_ai(author: str, system: str | None = None) -> bool:
    """Whether an author field names an AI system: a full product name, or ``system`` itself.

    A given name that people bear too (Claude, Leonardo, Алиса) alone never is.
    """
    products, given = _systems()
    name = _plain(author)
    if not name or name in given:
        return False
    unversioned = _plain(author.rstrip("0123456789.").removesuffix("v").rstrip(" -_"))
    return (
        name in products
        or (unversioned in products and unversioned not in given)
        or (system is not None and name == _plain(system))
    )


def ai_authors(fields: Iterable[Field], system: str | None) -> Iterator[tuple[str, str]]:
    """Place and value of each author field that names an AI system."""
    for field in fields:
        if field.key.casefold() in _AUTHOR_FIELDS and len(field.value) <= _MAX_AUTHOR:
            # Windows' XP fields are UTF-16
            text = field.value.decode("utf-16-le" if field.key.startswith("XP") else "utf-8", "replace")
            for part in re.split(r"[;,\x00]", text):
                if is_ai(part, system):
                    yield f"{field.where} {field.key}", part.strip()[:80]


def prompts(fields: Iterable[Field]) -> Iterator[str]:
    """Places where kept metadata seems to hold a prompt."""
    for field in fields:
        if field.key.casefold() in _PROMPT_KEYS or (
            field.key in ("UserComment", "Comment", "Description", "ImageDescription", "dc:description")
            and _PROMPT_TEXT.search(field.value)
        ):
            yield f"{field.where} {field.key}"
