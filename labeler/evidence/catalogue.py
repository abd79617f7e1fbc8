"""The catalogue of generators' traces: data (`schemas/generators.json`), read on first use."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from typing import Any, NamedTuple

from labeler.evidence import message
from labeler.evidence.graph import SHAPE, Graph
from labeler.evidence.value import Value, shown
from labeler.facts import Evidence, Strength, Tells
from labeler.media.base import Field

_WIDTH = 10_000  # nodes of a JSON value that one step of a path looks at
_SCALAR = 1_000  # characters of a scalar in JSON that a pattern sees
_VALUE = 4_096  # characters of a value that are kept for those who ask for values


_compiled = functools.cache(re.compile)  # when first needed: most files have few of the keys


class Hit(NamedTuple):
    """A condition that a field meets; ``doubt`` says that the picture is not what the field describes.

    ``chance``: of a message. Messages can look alike: only the surest counts.
    """

    where: str
    excerpt: str
    value: str
    doubt: bool = False
    chance: float = 0


@dataclass(frozen=True)
class Condition:
    """One test of one value: ``equals``, a ``pattern``, ``json`` (a pattern, or None, for each path), a ``message``."""

    where: tuple[str, ...]
    equals: frozenset[str]
    after: str
    pattern: str
    json: tuple[tuple[tuple[str, ...], str | None], ...]
    graph: Graph | None
    nodes: tuple[str, ...]
    message: str
    shape: str

    def test(self, field: Field, value: Value, size: tuple[int, int] | None) -> Hit | None:
        """Whether the value meets it; the excerpt is the key and what matched, never what stands around it."""
        if self.json:
            return self._test_json(field, value, size)
        if self.message:
            chance = message.fits(value.text, self.message)
            if chance is None:
                return None
            token = f"{len(self.message)} bits, chance < {chance:.0e}"
            return Hit(field.where, token, token, chance=chance)
        if not self.pattern:
            return _hit(field, value, value.text) if value.text in self.equals else None
        if not (found := _compiled(self.pattern).search(value.text)):
            return None
        doubt = bool(self.shape and size and _other_shape(_compiled(self.shape).search(value.text), size))
        return _hit(field, value, _token(found), found.start(), doubt)

    def _test_json(self, field: Field, value: Value, size: tuple[int, int] | None) -> Hit | None:
        start = 0
        if self.after:
            if not (found := _compiled(self.after).match(value.text)):
                return None
            start = found.end()
        if (root := value.json(start)) is None:
            return None
        tokens = [_first(root, path, pattern) for path, pattern in self.json]
        if not all(tokens):
            return None
        doubt = False
        if self.graph and size:
            doubt = any(self.graph.denies(nodes, size) for nodes in _reach(root, self.nodes))
        return _hit(field, value, ", ".join(filter(None, tokens)), doubt=doubt)


def _hit(field: Field, value: Value, token: str, at: int = 0, doubt: bool = False) -> Hit:
    excerpt = f"{field.key}: {token}"
    start = 0 if at < _VALUE // 2 else at - _VALUE // 2  # so that what matched is among what is kept
    return Hit(
        field.where,
        shown(f"not this picture? {excerpt}" if doubt else excerpt),
        shown(f"{field.key}: {value.text[start : start + _VALUE]}", _VALUE),
        doubt,
    )


def _other_shape(sides: re.Match[str] | None, size: tuple[int, int]) -> bool:
    """Whether the sides that a text tells are not in the proportions of the picture, however it was scaled or turned."""
    if not sides:
        return False
    shape = sorted((int(sides[1]), int(sides[2])))
    short, long = sorted(size)
    return abs(short * shape[1] - long * shape[0]) * SHAPE > long * shape[0]


def _token(found: re.Match[str]) -> str:
    return ", ".join(filter(None, found.groups())) or found[0]


def _first(root: Any, path: tuple[str, ...], pattern: str | None) -> str | None:
    """The name, and what matched, of the first value at that path which fits."""
    name = next((step for step in reversed(path) if step != "*"), "*")
    for value in _reach(root, path):
        if pattern is None:
            return name
        text = str(value) if isinstance(value, str | int | float) else ""
        if found := _compiled(pattern).search(text[:_SCALAR]):
            return f"{name}={_token(found)}"
    return None


def _reach(root: Any, path: Sequence[str]) -> list[Any]:
    values = [root]
    for step in path:
        values = list(islice((child for v in values for child in _children(v, step)), _WIDTH))
    return values


def _children(value: Any, step: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if step == "*":
            yield from value.values()
        elif step in value:
            yield value[step]
    elif isinstance(value, list) and step == "*":
        yield from value


@dataclass(frozen=True)
class Entry:
    """One trace of one generator: all of ``all`` and one of ``any`` (numbers of conditions) must be met."""

    id: str
    source: str
    name: str
    strength: Strength
    tells: Tells
    all: tuple[int, ...]
    any: tuple[int, ...]
    unless: frozenset[str]

    def hits(self, seen: Mapping[int, Hit]) -> list[Hit]:
        """Those that make it so; empty: it is not so."""
        chosen = [seen[n] for n in self.all if n in seen]
        choice = sorted((seen[n] for n in self.any if n in seen), key=lambda hit: hit.doubt)
        if len(chosen) < len(self.all) or (self.any and not choice):
            return []
        return chosen + choice[:1]


@dataclass(frozen=True)
class Catalogue:
    """Entries in order, and their conditions by the key of the field they speak of."""

    version: str
    producers: Mapping[str, str]
    entries: tuple[Entry, ...]
    by_key: Mapping[str, Sequence[tuple[int, Condition]]]

    def findings(self, seen: Mapping[int, Hit]) -> Iterator[Evidence]:
        """What the met conditions amount to; an entry says nothing where one of its ``unless`` has spoken."""
        found: set[str] = set()
        surest = min((hit.chance for hit in seen.values() if hit.chance), default=1)
        seen = {number: hit for number, hit in seen.items() if hit.chance <= surest}
        for entry in self.entries if seen else ():
            if not entry.unless & found and (hits := entry.hits(seen)):
                found.add(entry.id)
                strength = Strength.WEAK if any(h.doubt for h in hits) else entry.strength
                excerpt = shown("; ".join(h.excerpt for h in hits))
                value = shown("; ".join(h.value for h in hits), _VALUE)
                yield Evidence(entry.source, entry.name, strength, hits[0].where, excerpt, entry.tells, value)


@functools.cache
def load() -> Catalogue:
    """The catalogue that ships; its schema is ``schemas/generators.schema.json``."""
    data = json.loads(resources.files("labeler.schemas").joinpath("generators.json").read_text("utf-8"))
    graphs = {name: Graph.from_dict(graph) for name, graph in data["graphs"].items()}
    by_key: dict[str, list[tuple[int, Condition]]] = {}
    number = 0

    def conditions(items: Sequence[Mapping[str, Any]]) -> Iterator[int]:
        nonlocal number
        for item in items:
            number += 1
            for key in item["key"]:
                by_key.setdefault(key, []).append((number, _condition(item, graphs)))
            yield number

    entries = tuple(
        Entry(
            entry["id"],
            entry.get("mark", entry["id"]),
            entry["name"],
            Strength(entry["strength"]),
            Tells(entry.get("tells", "made")),
            tuple(conditions(entry.get("all", ()))),
            tuple(conditions(entry.get("any", ()))),
            frozenset(entry.get("unless", ())),
        )
        for entry in data["entries"]
    )
    return Catalogue(data["version"], data["producers"], entries, by_key)


def _condition(item: Mapping[str, Any], graphs: Mapping[str, Graph]) -> Condition:
    return Condition(
        where=tuple(item["where"]),
        equals=frozenset(item.get("equals", ())),
        after=item.get("after", ""),
        pattern=item.get("pattern", ""),
        json=tuple((tuple(path.split("/")), p) for path, p in item.get("json", {}).items()),
        graph=graphs[item["graph"]] if "graph" in item else None,
        nodes=tuple(filter(None, item.get("nodes", "").split("/"))),
        message=item.get("message", ""),
        shape=item.get("shape", ""),
    )
