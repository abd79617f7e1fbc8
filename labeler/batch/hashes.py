"""What the bytes of files amount to; a module of its own, for a worker that only hashes loads no more than this."""

from __future__ import annotations

from collections.abc import Sequence

from labeler import files
from labeler.batch.worker import alive
from labeler.errors import UnreadableError

Hashes = tuple[str, str | None]  # SHA-256 of a file, and the key of its sidecar


def of(paths: Sequence[str], limit: int) -> list[Hashes | None]:
    """For each file; None where it, or its sidecar of at most ``limit`` bytes, cannot be read."""
    return [_of(path, limit) for path in paths]


def _of(path: str, limit: int) -> Hashes | None:
    alive()
    try:
        beside = files.Sidecar.beside(path, limit)
        return files.digest(path), beside.key if beside else None
    except UnreadableError:
        return None
