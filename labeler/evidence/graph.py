"""Whether a picture can be what a graph of nodes makes: screenshots of a graph editor carry the graph too.

How a graph is written, and which kinds of nodes do what, is data (``graphs`` in `schemas/generators.json`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

_OUTPUTS, _STEPS = 64, 100
SHAPE = 50  # an enlarged picture's proportions may differ by one part in so many
_NAME = 200  # characters of a node's kind that are looked at


class _Made(NamedTuple):
    """What an output can be: sides before enlarging (px; None: any), how many times enlarged, sides on the grid."""

    sides: tuple[int, int] | None
    times: int
    on_grid: bool


@dataclass(frozen=True)
class Graph:
    """Keys of a node, and patterns for kinds of nodes; ``links`` are the inputs that carry the picture."""

    kind: str
    inputs: str
    links: tuple[str, ...]
    sides: tuple[str, str]
    output: re.Pattern[str]
    decoder: re.Pattern[str]
    sized: re.Pattern[str]
    enlarging: re.Pattern[str]
    opaque: re.Pattern[str]
    times: int
    slack: int
    grid: int
    least: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Graph:
        """From the catalogue."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        for name in ("output", "decoder", "sized", "enlarging", "opaque"):
            values[name] = re.compile(data[name])
        return cls(**values)

    def denies(self, nodes: Any, size: tuple[int, int]) -> bool:
        """Whether the graph has outputs, and none of them can be a picture of this size (px)."""
        if not isinstance(nodes, dict):
            return False
        outputs = islice((n for n in nodes.values() if self.output.search(self._kind(n))), _OUTPUTS)
        made = [m for node in outputs if (m := self._trace(nodes, node))]
        return bool(made) and not any(self._fits(m, size) for m in made)

    def _fits(self, made: _Made, size: tuple[int, int]) -> bool:
        if not made.sides:
            off = made.on_grid and any(side % self.grid for side in size)
            return not off or max(size) < self.least
        if max(size) <= max(made.sides) + self.slack:  # or a part of it, or a thumbnail
            return True
        (width, height), (w, h) = size, made.sides
        return (
            max(size) <= max(made.sides) * made.times + self.slack
            and abs(width * h - height * w) * SHAPE <= width * h
        )

    def _kind(self, node: Any) -> str:
        kind = _dict(node).get(self.kind)
        return kind[:_NAME] if isinstance(kind, str) else ""

    def _trace(self, nodes: Mapping[str, Any], node: Any) -> _Made | None:
        """From an output back to where its size is set; None: it shows something that no decoder made."""
        times, decoded, on_grid = 1, False, False
        for _ in range(_STEPS):
            inputs = _dict(node.get(self.inputs))
            link = next((v for k in self.links if _is_link(v := inputs.get(k))), None)
            node = nodes.get(str(link[0])) if link else None
            if not isinstance(node, dict):
                return _Made(None, times, on_grid) if decoded else None
            kind = self._kind(node)
            if self.decoder.search(kind):
                decoded, on_grid = True, times == 1
            elif self.sized.search(kind):
                inputs = _dict(node.get(self.inputs))
                width, height = (inputs.get(side) for side in self.sides)
                if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
                    return _Made((width, height), times, on_grid)
                return _Made(None, times, on_grid)
            elif self.enlarging.search(kind):
                times *= self.times
            elif self.opaque.search(kind):
                return _Made(None, times, on_grid)
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str | int)
