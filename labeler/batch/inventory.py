"""An inventory: the files that the caller knows to be AI content, and what made them.

CSV with a head line (columns ``path``, ``sha256``, ``system``; separated by comma, semicolon or tab), or JSON: a list
of objects with these keys, or an object whose ``files`` is that list. ``path`` or ``sha256`` must be there.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeler import files
from labeler.errors import ConfigError, LabelError

_LARGEST = 256 << 20  # bytes
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Row:
    """A listed file; ``path`` with ``/`` between its parts."""

    path: str | None = None
    sha256: str | None = None
    system: str | None = None

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return self.path or f"sha256:{self.sha256}"


@dataclass
class Inventory:
    """Its rows; which of them have been found is remembered."""

    rows: tuple[Row, ...]
    _found: set[Row] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._by_path = {row.path: row for row in self.rows if row.path}
        self._by_hash = {row.sha256: row for row in self.rows if row.sha256}

    @classmethod
    def load(cls, path: Path) -> Inventory:
        """Raises ConfigError: it cannot be read, or is no inventory."""
        try:
            text = files.read(path, _LARGEST).decode("utf-8-sig")
            return cls(tuple(_row(item) for item in _items(text)))
        except (LabelError, ValueError, RecursionError, csv.Error) as e:
            raise ConfigError(
                f"The inventory {path} cannot be used ({e}).",
                "Give CSV with the columns path, sha256, system, or JSON with these keys.",
            ) from e

    def find(self, names: tuple[str, ...], sha256: str | None) -> Row | None:
        """The row of a file that goes by these names: by name first, then by content."""
        by_name = next((row for name in names if (row := self._by_path.get(_plain(name)))), None)
        by_hash = self._by_hash.get(sha256) if sha256 else None
        self._found |= {row for row in (by_name, by_hash) if row}
        return by_name or by_hash

    def missing(self) -> Iterator[Row]:
        """The rows that no file was found for, in their order."""
        return (row for row in dict.fromkeys(self.rows) if row not in self._found)


def _plain(name: str) -> str:
    """As it would be written here: macOS decomposes letters, Windows turns slashes."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    while name.startswith("./"):
        name = name[2:]
    return name


def _items(text: str) -> Iterator[Mapping[str, Any]]:
    if text.lstrip()[:1] in ("[", "{"):
        data = json.loads(text)
        items = data.get("files") if isinstance(data, dict) else data
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError("it is no list of objects")
        yield from items
        return
    head = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=separator)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    if not {"path", "sha256"} & set(rows.fieldnames):
        raise ValueError("it has neither a column path nor a column sha256")
    yield from (row for row in rows if any(row.values()))


def _row(item: Mapping[str, Any]) -> Row:
    values = {}
    for key in ("path", "sha256", "system"):
        value = item.get(key)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"a {key} is no text")
        values[key] = (value or "").strip() or None
    if values["sha256"] and not _SHA256.fullmatch(values["sha256"].lower()):
        raise ValueError(f"{values['sha256'][:80]!r} is no SHA-256 in hexadecimal digits")
    if not values["path"] and not values["sha256"]:
        raise ValueError("a row names neither a path nor a sha256")
    path = _plain(values["path"]) if values["path"] else None
    return Row(path, values["sha256"].lower() if values["sha256"] else None, values["system"])
