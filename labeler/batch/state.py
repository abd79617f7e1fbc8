"""What earlier runs found, in an SQLite file: the same bytes examined in the same way are not examined again.

Rows are keyed by everything that findings depend on, and hold findings, to which policies are applied anew: they
outlive a change of policy, of the inventory and of the baseline. Another version of Tañba, of its data or of the
libraries that read files makes them useless, and empties the file. A run that is killed loses what was under way.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import labeler
from labeler import evidence
from labeler._verify import Findings, Problem
from labeler.batch.listing import Listing
from labeler.batch.tasks import How
from labeler.errors import ConfigError, UnreadableError, UnsupportedError
from labeler.facts import Evidence, Fact, Level, Mark, Status, Strength, Tells
from labeler.label import Label
from labeler.likeness import Likeness
from labeler.signing import trust

_APPLICATION = 0x54616E62  # "Tanb" in the file's head
_SIGNED_FOR = 30  # days that findings about a signed file are used: certificates run out
_LIBRARIES = ("c2pa-python", "cryptography", "pillow")
_SETTLED = (
    UnreadableError.code,
    UnsupportedError.code,
)  # the bytes are so; limits and time may be others next time


class State:
    """Findings by key; not for several threads at once, but several runs may share the file."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError: the file cannot be used."""
        self._own = trust.own_anchors()
        self._today = int(time.time() // 86400)
        try:
            # what is in it may be personal, e.g. a prompt in a label
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._open()
        except (OSError, sqlite3.Error) as e:
            raise ConfigError(
                f"The state file {path} cannot be used ({e}).", "Name another with --state."
            ) from e

    def _open(self) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION and tables:
            raise sqlite3.DatabaseError("it belongs to another program")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # never corrupt; a power cut may lose the last rows
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._db.execute("CREATE TABLE IF NOT EXISTS version (digest BLOB)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, until INTEGER, value BLOB) WITHOUT ROWID"
        )
        if self._db.execute("SELECT digest FROM version").fetchall() != [(_version(),)]:
            self._db.execute("DELETE FROM known")
            self._db.execute("DELETE FROM version")
            self._db.execute("INSERT INTO version VALUES (?)", (_version(),))
        self._db.execute("DELETE FROM known WHERE until < ?", (self._today,))
        self._db.execute("COMMIT")

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be known."""
        return self._db.execute("SELECT 1 FROM known LIMIT 1").fetchone() is None

    def key(self, how: How, *content: str | None) -> bytes:
        """Of what these words tell: findings depend on nothing else."""
        return hashlib.sha256(self._circumstances(how) + json.dumps(content).encode()).digest()

    @functools.lru_cache(4)  # noqa: B019 - it lives as long as the run
    def _circumstances(self, how: How) -> bytes:
        word = (how.password or "").encode()
        # slow, so that nobody guesses a password from the file; a salt of its own would make it forget
        slow = hashlib.pbkdf2_hmac("sha256", word, b"tanba state", 300_000) if word else b""
        return hashlib.sha256(repr((how, slow, self._own)).encode()).digest()

    def known(self, keys: Sequence[bytes]) -> dict[bytes, Findings]:
        """What is known of these keys."""
        return {key: _findings(value) for key, value in self._rows(keys)}

    def listing(self, key: bytes) -> Listing | None:
        """Of an archive."""
        return next((_listing(value) for _, value in self._rows([key])), None)

    def _rows(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
        marks = ",".join("?" * len(keys))
        for key, value in self._db.execute(f"SELECT key, value FROM known WHERE key IN ({marks})", keys):
            yield key, json.loads(zlib.decompress(value))

    def keep(self, found: Iterable[tuple[bytes, Findings | Listing]]) -> None:
        """Remember what will be found again; one transaction."""
        rows: list[tuple[bytes, int | None, dict[str, Any]]] = []
        for key, value in found:
            if isinstance(value, Listing):
                if value.error is None:
                    rows.append((key, None, {"members": value.members, "orphans": value.orphans}))
            elif value.error is None or value.error.code in _SETTLED:
                signed = any(
                    m.kind in ("c2pa", "sidecar") and m.status is not Status.ABSENT for m in value.marks
                )
                rows.append((key, self._today + _SIGNED_FOR if signed else None, _dict(value)))
        if not rows:
            return
        packed = [(key, until, zlib.compress(json.dumps(value).encode(), 1)) for key, until, value in rows]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", packed)
        self._db.execute("COMMIT")

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()


def _version() -> bytes:
    """Of everything that reads files: ours, our data, libraries, plugins."""
    digest = hashlib.sha256(labeler.__version__.encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {metadata.version(name)}\n".encode())
    for point in sorted(metadata.entry_points(group=evidence.GROUP)):
        digest.update(f"{point.value} {point.dist.version if point.dist else ''}\n".encode())
    for data in _data(resources.files("labeler.schemas")):
        digest.update(data)
    return digest.digest()


def _data(folder: Traversable) -> Iterator[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from _data(entry)
        elif entry.name.endswith(".json"):
            yield entry.read_bytes()


def _dict(f: Findings) -> dict[str, Any]:
    """``same`` is what many files have in common, so that it is read once."""
    same = [
        f.media_type,
        [[m.kind, m.status, m.details] for m in f.marks],
        [[e.source, e.generator, e.strength, e.where, e.excerpt, e.tells, e.value] for e in f.evidence],
        [[x.code, x.level, x.mark, x.where] for x in f.facts],
        f.error and list(vars(f.error).values()),
        f.not_checked,
    ]
    return {
        "sha256": f.sha256,
        "size": f.size,
        "sidecar": f.sidecar,
        "label": f.label and f.label.to_dict(),
        "likeness": f.likeness and list(vars(f.likeness).values()),
        "thumbnail": f.thumbnail and base64.b64encode(f.thumbnail).decode(),
        "same": json.dumps(same),
    }


def _findings(data: Mapping[str, Any]) -> Findings:
    label, likeness, thumbnail = data["label"], data["likeness"], data["thumbnail"]
    return replace(
        _same(data["same"]),
        sha256=data["sha256"],
        size=data["size"],
        sidecar=data["sidecar"],
        label=Label.from_dict(label) if label else None,
        likeness=Likeness(likeness[0], likeness[1], likeness[2] and tuple(likeness[2])) if likeness else None,
        thumbnail=base64.b64decode(thumbnail) if thumbnail else None,
    )


@functools.lru_cache(1024)
def _same(text: str) -> Findings:
    media_type, marks, found, facts, error, not_checked = json.loads(text)
    return Findings(
        media_type=media_type,
        marks=tuple(Mark(kind, Status(status), details) for kind, status, details in marks),
        evidence=tuple(
            Evidence(source, name, Strength(strength), where, excerpt, Tells(tells), value)
            for source, name, strength, where, excerpt, tells, value in found
        ),
        facts=tuple(Fact(code, Level(level), mark, where) for code, level, mark, where in facts),
        error=Problem(*error) if error else None,
        not_checked=tuple(not_checked),
    )


def _listing(data: Mapping[str, Any]) -> Listing:
    return Listing(tuple((name, size) for name, size in data["members"]), tuple(data["orphans"]))
