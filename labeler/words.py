"""The words of the interface in Kazakh, Russian and English (`schemas/words.json`), and text made safe to show."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources

LANGS = ("kk", "ru", "en")


@functools.cache
def table() -> Mapping[str, Mapping[str, str]]:
    """Every key with its words by language."""
    data: Mapping[str, Mapping[str, str]] = json.loads(
        resources.files("labeler.schemas").joinpath("words.json").read_text("utf-8")
    )
    return data


def say(key: str, lang: str, **values: object) -> str:
    """The words for a key in a language; ``default``, else the key itself, where there are none."""
    words = table().get(key)
    return words[lang].format(**values) if words else str(values.get("default", key))


def has_words(key: str) -> bool:
    """Whether the interface can say it."""
    return key in table()


def printable(text: object) -> str:
    """A name or value from outside: control, format and bidi characters and lone surrogates are escaped."""
    if (text := str(text)).isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text
    )
