"""Evidence: what generators leave in the neutral fields that media yield, found by a data catalogue.

`schemas/generators.json` holds what is known of each generator; here is only how to look it up. `docs/evidence.md` names
the places of fields, and tells how to write plugins (entry points of the group ``tanba.evidence``): they add what they
find, never stronger than weak.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labeler.errors import PluginWarning
from labeler.evidence import catalogue
from labeler.evidence.value import Value, shown
from labeler.facts import Evidence, Strength, Tells
from labeler.media.base import Field

if TYPE_CHECKING:
    from PIL.Image import Image

GROUP = "tanba.evidence"


@dataclass(frozen=True)
class Subject:
    """One file, as a plugin sees it; nothing in it is to be changed.

    ``size``: of the picture as shown, px. ``pixels``: its first frame as stored, decoded; only where pixels are looked at.
    """

    fields: tuple[Field, ...]
    data: bytes = field(default=b"", repr=False)
    size: tuple[int, int] | None = None
    pixels: Image | None = None


Plugin = Callable[[Subject], Iterable[Evidence]]


def find(
    fields: Iterable[Field],
    *,
    size: tuple[int, int] | None = None,
    data: bytes = b"",
    pixels: Image | None = None,
) -> tuple[Evidence, ...]:
    """What these fields tell, one finding per catalogue entry, in the catalogue's order, then the plugins'.

    ``size``: of the picture, px; a graph that cannot have made a picture of that size is only weak evidence.
    ``pixels``: as stored, decoded; what generators hide in them is looked for. ``data``: the whole file, for plugins
    only. Never raises for any content; a broken plugin warns.
    """
    fields = tuple(fields)
    if pixels:
        from labeler.evidence import pixels as samples  # imports Pillow

        fields += tuple(samples.fields(pixels))
    known = catalogue.load()
    seen: dict[int, catalogue.Hit] = {}
    for one in fields:
        if not (conditions := known.by_key.get(one.key)):
            continue
        value = Value(one.value)
        for number, condition in conditions:
            before = seen.get(number)
            if (before is None or before.doubt) and one.where.startswith(condition.where):
                hit = condition.test(one, value, size)
                if hit and (before is None or not hit.doubt):
                    seen[number] = hit
    return (*known.findings(seen), *_from_plugins(Subject(fields, data, size, pixels)))


def producer(code: str) -> str | None:
    """Who a service is that labels of GB 45438-2025 name by a code, which holds its number in China's register."""
    names = catalogue.load().producers
    return names.get(code) or next((name for n, name in names.items() if len(n) > 12 and n in code), None)


def _from_plugins(subject: Subject) -> Iterator[Evidence]:
    for point, plugin in _plugins():
        try:
            for found in plugin(subject):
                name, where, excerpt = map(shown, (found.generator, found.where, found.excerpt))
                yield Evidence(point, name, Strength.WEAK, where, excerpt, Tells(found.tells))
        except MemoryError:
            raise
        except (Exception, SystemExit) as e:  # a plugin may do anything
            _warn(f"the evidence plugin {point!r} failed and was passed over: {e!r}")


@functools.cache
def _plugins() -> tuple[tuple[str, Plugin], ...]:
    from importlib import metadata  # slow to import

    found: list[tuple[str, Plugin]] = []
    path = [p for p in sys.path if os.path.isabs(p) and not _is_here(p)]
    for distribution in metadata.distributions(path=path):
        for point in distribution.entry_points.select(group=GROUP):
            try:
                found.append((shown(point.name), point.load()))
            except (Exception, SystemExit) as e:
                _warn(f"the evidence plugin {point.name!r} cannot be loaded: {e!r}")
    return tuple(found)


def _warn(text: str) -> None:
    warnings.warn(shown(text, 300), PluginWarning, stacklevel=3)


def _is_here(path: str) -> bool:
    """The working directory, which `python -m` puts on the path: nothing is loaded from there."""
    try:
        return os.path.samefile(path, os.curdir)
    except OSError:
        return False
