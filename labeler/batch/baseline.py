"""A baseline: findings that somebody has looked at and accepted, by the content of the file.

JSON that people read and keep under version control: sorted, without dates. The path is a reminder only; what counts
is the SHA-256, so that a file that changes has to be looked at again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler import files
from labeler._verify import Report
from labeler.errors import ConfigError, LabelError
from labeler.policy.engine import RuleStatus

_VERSION = 1
_LARGEST = 256 << 20  # bytes
_OPEN = (RuleStatus.FAILS, RuleStatus.UNKNOWN)


@dataclass(frozen=True, order=True)
class Accepted:
    """What was accepted in one file: its verdicts, and the rules that must hold and do not."""

    path: str
    sha256: str
    verdicts: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]

    @classmethod
    def of(cls, report: Report) -> Accepted:
        """Everything that this report finds."""
        return cls(
            "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in report.path),
            report.sha256 or "",
            tuple(sorted((policy, verdict.value) for policy, verdict in report.verdicts.items())),
            tuple(sorted({r.id for r in report.rules if r.level == "must" and r.status in _OPEN})),
        )

    def covers(self, other: Accepted) -> bool:
        """Whether the other finds nothing that was not accepted."""
        return set(other.verdicts) <= set(self.verdicts) and set(other.rules) <= set(self.rules)


@dataclass(frozen=True)
class Baseline:
    """Accepted findings by SHA-256."""

    accepted: tuple[Accepted, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_hash", {a.sha256: a for a in self.accepted})

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Raises ConfigError: it cannot be read, or is no baseline."""
        try:
            data = json.loads(files.read(path, _LARGEST))
            if data["version"] != _VERSION:
                raise ValueError(f"version {data['version']!r} is not known")
            return cls(tuple(_entry(item) for item in data["accepted"]))
        except (LabelError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise ConfigError(
                f"The baseline {path} cannot be used ({e}).", "Make it with --update-baseline."
            ) from e

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Baseline:
        """The findings of these reports; where the file could not be read at all there is nothing to go by."""
        return cls(tuple(sorted({r.sha256: Accepted.of(r) for r in reports if r.sha256}.values())))

    def accepts(self, report: Report) -> bool:
        """Whether everything found was accepted for this very content."""
        known: Accepted | None = self._by_hash.get(report.sha256)  # type: ignore[attr-defined]
        return known is not None and known.covers(Accepted.of(report))

    def save(self, path: Path) -> None:
        """Raises WriteError."""
        data = {
            "version": _VERSION,
            "accepted": [
                {"path": a.path, "sha256": a.sha256, "verdicts": dict(a.verdicts), "rules": list(a.rules)}
                for a in self.accepted
            ],
        }
        files.write(path, (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode())


def _entry(item: dict[str, Any]) -> Accepted:
    return Accepted(
        str(item["path"]), str(item["sha256"]), tuple(sorted(item["verdicts"].items())), tuple(item["rules"])
    )
