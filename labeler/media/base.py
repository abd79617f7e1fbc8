"""The contract every container keeps. Media know bytes; they know nothing of marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image


class Slot(StrEnum):
    """A legal place in a container that holds one carrier's bytes."""

    XMP = "xmp"
    EXIF = "exif"
    C2PA = "c2pa"
    NATIVE = "native"


@dataclass(frozen=True)
class Limits:
    """Bounds for untrusted input; hitting one raises `LimitError`."""

    max_bytes: int = 1 << 31
    max_pixels: int = 300_000_000
    max_parts: int = 100_000  # chunks, segments, elements
    max_inflated: int = 32 << 20  # decompressed metadata, bytes in total
    max_depth: int = 100
    max_frames: int = 2_000


@dataclass(frozen=True)
class Field:
    """One raw metadata value: all that evidence ever sees. ``where`` is the place, e.g. ``png:tEXt``."""

    where: str
    key: str
    value: bytes


@dataclass(frozen=True)
class Digest:
    """SHA-256 of one coded stream, e.g. ``("image", …)``: everything that is not metadata."""

    name: str
    sha256: bytes


@dataclass(frozen=True)
class Content:
    """A container taken apart, to its end.

    ``slots`` holds the raw payload of each carrier found (XMP packet, EXIF block without its prefix,
    JUMBF manifest store). ``trailing`` is the number of bytes after the container's end.
    """

    fields: tuple[Field, ...] = ()
    slots: Mapping[Slot, bytes] = field(default_factory=dict)
    essence: tuple[Digest, ...] = ()
    trailing: int = 0


@dataclass(frozen=True)
class MediumInfo:
    """What a medium can do; the capability matrix is generated from this."""

    name: str
    mime: str  # the one we sign as
    suffixes: tuple[str, ...]
    slots: frozenset[Slot]
    surface: Literal["raster", "vector", "none"]
    c2pa: Literal["native", "exact", "sidecar"]
    loss: str = ""  # what drawing a notice changes outside its box; "" = nothing


@dataclass(frozen=True)
class Box:
    """Pixels as displayed, after orientation: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Painted:
    """The whole new file, where the plate really went, and what was done the second-best way."""

    data: bytes
    degradations: tuple[str, ...] = ()


class Surface(Protocol):
    """Where a notice is drawn. Coordinates are those a viewer sees (EXIF orientation applied)."""

    @property
    def kind(self) -> Literal["raster", "vector"]:
        """Pixels, or paths."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed; px, or user units for vectors (rounded)."""

    def fit(self, box: Box) -> Box:
        """The smallest box the container can replace losslessly that covers ``box`` (JPEG: MCU grid)."""

    def regions(self, box: Box) -> Sequence[Image]:
        """The box cut from every frame, upright, mode RGB (alpha composed on white). Rasters only.

        Raises:
            UnreadableError: the pixels cannot be decoded. LimitError: too many pixels or frames.
        """

    def paint(self, plate: Image, box: Box, *, band: bool = False) -> Painted:
        """Replace the box by the opaque RGB ``plate`` (size of ``box``) in every frame.

        With ``band`` the canvas grows by ``box.h`` at the bottom and the plate fills the new strip.
        Nothing outside the box changes (see `MediumInfo.loss`), no metadata is lost.
        """


class VectorSurface(Surface, Protocol):
    """SVG and its like: the notice is an element, not pixels."""

    def insert(self, element: str, *, grow: int = 0) -> Painted:
        """Insert (or replace) the notice element as the last child of the root; ``grow`` adds height."""

    def inserted(self) -> str | None:
        """The notice element that is there, exactly as written, or None."""


class Medium(Protocol):
    """One kind of container. Stateless and thread-safe; never moves the caller's read position for good."""

    info: MediumInfo

    def accept(self, head: bytes, name: str | None) -> int:
        """0 = not mine; higher = surer. ``head`` is the first 4 KiB."""

    def read(self, src: BinaryIO, limits: Limits) -> Content:
        """Parse to the end.

        Raises:
            UnreadableError: truncated or malformed. LimitError: a limit was hit.
        """

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Copy ``src`` to ``dst`` with these slots replaced; all else byte for byte.

        Raises:
            UnreadableError: malformed. UsageError: the payload does not fit the slot.
        """

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        """Where a notice can be drawn, or None."""
