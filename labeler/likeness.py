"""What finds another copy of the same content: its coded streams, else how the picture looks.

The look is a difference hash (16 x 16 brightness steps, as Krawetz' dHash): it survives re-encoding and resizing,
and nothing that moves the picture within its frame.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from labeler import thumbnails
from labeler.media.base import Content

_SIDE = 16
_NEAR = 26  # bits of 256 that may differ: re-encoded copies stay below 20, other pictures begin at about 60
_LEAST = 2.0  # grey levels between neighbours on average; flatter pictures all look alike
_SHAPE = 0.03  # how far proportions may differ


@dataclass(frozen=True)
class Likeness:
    """``essence``: SHA-256 of the coded streams; ``look``: 256 bits, of pictures only; ``size`` px, as displayed."""

    essence: str | None = None
    look: int | None = None
    size: tuple[int, int] | None = None

    def resembles(self, other: Likeness) -> bool:
        """Whether both look the same and have the same proportions."""
        if self.look is None or other.look is None or self.size is None or other.size is None:
            return False
        (w, h), (width, height) = self.size, other.size
        return (
            abs(w * height - h * width) <= _SHAPE * h * width
            and (self.look ^ other.look).bit_count() <= _NEAR
        )


def of(content: Content, data: bytes) -> Likeness:
    """Of a container taken apart with its essence; ``data`` is the whole file. Never raises for what it holds."""
    digest = hashlib.sha256()
    for stream in content.essence:
        digest.update(f"{stream.name}:{sum(map(len, stream.pieces))}\n".encode())
        for piece in stream.pieces:
            digest.update(piece)
    look = _look(data) if content.size else None
    return Likeness(digest.hexdigest() if content.essence else None, look, content.size)


def _look(data: bytes) -> int | None:
    small = thumbnails.reduced(data, 8 * _SIDE)
    if small is None:
        return None
    from PIL.Image import Resampling

    from labeler.media.pixels import flat

    grey = flat(small).convert("L").resize((_SIDE + 1, _SIDE), Resampling.BOX)
    left, right = grey.crop((0, 0, _SIDE, _SIDE)), grey.crop((1, 0, _SIDE + 1, _SIDE))
    steps = [b - a for a, b in zip(left.tobytes(), right.tobytes(), strict=True)]
    if sum(map(abs, steps)) < _LEAST * len(steps):
        return None
    return sum((step > 0) << i for i, step in enumerate(steps))
