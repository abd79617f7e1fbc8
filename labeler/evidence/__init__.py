"""Evidence: what generators leave in the neutral fields that media yield, found by a data catalogue.

`schemas/generators.json` holds what is known of each generator; here is only how to look it up. Plugins
(entry points of the group ``tanba.evidence``) add what they find, never stronger than weak.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator

from labeler.evidence import catalogue
from labeler.evidence.value import Value, shown
from labeler.facts import Evidence, Strength
from labeler.media.base import Field

Plugin = Callable[[tuple[Field, ...], bytes], Iterable[Evidence]]
GROUP = "tanba.evidence"


def find(
    fields: Iterable[Field], *, size: tuple[int, int] | None = None, data: bytes = b""
) -> tuple[Evidence, ...]:
    """What these fields tell, one finding per catalogue entry, in the catalogue's order, then the plugins'.

    ``size``: of the picture, px; a graph that cannot have made a picture of that size is only weak evidence.
    ``data``: the whole file, for plugins only. Never raises for any content; a broken plugin warns.
    """
    fields = tuple(fields)
    known = catalogue.load()
    seen: dict[int, catalogue.Hit] = {}
    for field in fields:
        if not (conditions := known.by_key.get(field.key)):
            continue
        value = Value(field.value)
        for number, condition in conditions:
            before = seen.get(number)
            if (before is None or before.doubt) and field.where.startswith(condition.where):
                hit = condition.test(field, value, size)
                if hit and (before is None or not hit.doubt):
                    seen[number] = hit
    return (*known.findings(seen), *_from_plugins(fields, data))


def _from_plugins(fields: tuple[Field, ...], data: bytes) -> Iterator[Evidence]:
    for point, plugin in _plugins():
        try:
            for found in plugin(fields, data):
                source, name, where, excerpt = map(
                    shown, (found.source, found.generator, found.where, found.excerpt)
                )
                yield Evidence(source, name, Strength.WEAK, where, excerpt)
        except MemoryError:
            raise
        except Exception as e:  # a plugin may do anything
            warnings.warn(f"The evidence plugin {point!r} failed and was passed over: {e!r}", stacklevel=2)


@functools.cache
def _plugins() -> tuple[tuple[str, Plugin], ...]:
    from importlib import metadata  # slow to import

    found: list[tuple[str, Plugin]] = []
    path = [p for p in sys.path if os.path.isabs(p) and not _is_here(p)]
    for distribution in metadata.distributions(path=path):
        for point in distribution.entry_points.select(group=GROUP):
            try:
                found.append((point.name, point.load()))
            except Exception as e:
                warnings.warn(f"The evidence plugin {point.name!r} cannot be loaded: {e!r}", stacklevel=2)
    return tuple(found)


def _is_here(path: str) -> bool:
    """The working directory, which `python -m` puts on the path: nothing is loaded from there."""
    try:
        return os.path.samefile(path, os.curdir)
    except OSError:
        return False
