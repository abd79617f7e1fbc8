"""The contract every container keeps. Media know bytes; they know nothing of marks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol, runtime_checkable

from labeler.errors import LimitError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image


class Slot(StrEnum):
    """A legal place in a container that holds one carrier's bytes."""

    XMP = "xmp"
    EXIF = "exif"
    C2PA = "c2pa"
    NATIVE = "native"
    AIGC = "aigc"  # the field of that name, which China's TC260 gives to formats of many kinds


@dataclass(frozen=True)
class Limits:
    """Bounds for untrusted input; hitting one raises `LimitError`."""

    max_bytes: int = 1 << 31
    max_pixels: int = 178_000_000  # where Pillow too refuses; over all frames: ten times as many
    max_parts: int = 100_000  # chunks, segments, elements
    max_inflated: int = 32 << 20  # decompressed metadata, bytes in total
    max_depth: int = 100
    max_frames: int = 2_000
    max_pages: int = 200  # of a document, rendered and read; what comes after is told to be not checked


@dataclass(frozen=True)
class Field:
    """One raw metadata value: all that evidence ever sees. ``where`` is the place, e.g. ``png:tEXt``."""

    where: str
    key: str
    value: bytes


@dataclass(frozen=True, eq=False)
class Stream:
    """One coded stream, e.g. ``("image", …)``, in pieces: everything that is not metadata. Equal = the same bytes."""

    name: str
    pieces: tuple[bytes | memoryview, ...] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        # comparing whole bytes is five times as fast as memoryviews, and three times as fast as hashing both
        return (
            isinstance(other, Stream)
            and self.name == other.name
            and sum(map(len, self.pieces)) == sum(map(len, other.pieces))
            and b"".join(self.pieces) == b"".join(other.pieces)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Part:
    """Something in a document that can carry marks of its own, e.g. a picture; ``where``: its place, for people.

    ``data``: a file, whole; or ``packet``: the XMP that the document keeps for it.
    """

    where: str
    data: bytes = b""
    packet: bytes = b""


@dataclass(frozen=True)
class Inside:
    """What stands in a document: its text as fields, its parts, and what was not looked at."""

    fields: tuple[Field, ...] = ()
    parts: tuple[Part, ...] = ()
    unread: str = ""


class Hole(NamedTuple):
    """The bytes that a manifest's hash leaves out; ``nfc``: it is taken over the Unicode form NFC of the others."""

    start: int
    length: int
    nfc: bool = False


@dataclass(frozen=True)
class Content:
    """A container taken apart, to its end.

    ``mime`` where it is more than the medium's. ``takes``: the slots that can be written into this one, where they are
    not all of the medium's, and ``why`` they are not. ``remark``: what writing into it changes besides. ``unread``: what
    was passed over, and why. ``measured``: its own length stands in it, which c2pa leaves as it was: see `ExactMedium`.
    ``sealed``: why a visible change would break somebody's seal on it; ``forbidden``: why its owner does not want it
    changed. ``captioned``: a field of the container's own holds a description.

    ``slots`` holds the raw payload of each carrier found (XMP packet, EXIF block from its TIFF header
    on, JUMBF manifest store). ``hole``: where a manifest store stands that c2pa itself would not find; ``defect``: why
    the one that stands there cannot be read; ``remote``: where else one is. ``size`` is what a viewer shows, after orientation: px, or user units for
    vectors. ``essence`` is empty unless asked for. ``trailing`` counts the bytes after the container's end.
    """

    fields: tuple[Field, ...] = ()
    slots: Mapping[Slot, bytes] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    essence: tuple[Stream, ...] = ()
    trailing: int = 0
    mime: str | None = None
    takes: frozenset[Slot] | None = None
    why: str = ""
    remark: str = ""
    unread: tuple[str, ...] = ()
    measured: bool = False
    sealed: str = ""
    forbidden: str = ""
    captioned: bool = False
    hole: Hole | None = None
    defect: str = ""
    remote: str = ""


@dataclass(frozen=True)
class MediumInfo:
    """What a medium can do; the capability matrix is generated from this."""

    name: str
    mime: str  # the one we sign as
    suffixes: tuple[str, ...]
    slots: frozenset[Slot]
    surface: Literal[
        "raster", "vector", "page", "text", "none"
    ]  # the module of `labeler.surfaces` that draws on it
    c2pa: Literal[
        "native", "exact", "sidecar"
    ]  # by c2pa itself, by our own `ExactMedium.embed`, or beside the file
    loss: str = ""  # when drawing a notice changes more than its box; "" = never
    kind: Literal["image", "document", "text"] = "image"  # what the notice calls it
    room: Mapping[Slot, int] = field(
        default_factory=dict
    )  # bytes that a slot takes at most, where that is little
    detached: bool = False  # unless asked, the signature goes into a sidecar
    programs: tuple[str, ...] = ()  # patterns of names with these suffixes that programs read, not people

    def names(self, name: str | None) -> bool:
        """Whether a file of this name should be one."""
        base = (name or "").replace("\\", "/").rpartition("/")[2].lower()
        return base.endswith(self.suffixes) and not any(fnmatchcase(base, p) for p in self.programs)


@dataclass(frozen=True)
class Box:
    """A rectangle as displayed, after orientation: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom, as Pillow crops."""
        return self.x, self.y, self.x + self.w, self.y + self.h

    def common(self, other: Box) -> Box | None:
        """Where they overlap."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        w, h = min(self.x + self.w, other.x + other.w) - x, min(self.y + self.h, other.y + other.h) - y
        return Box(x, y, w, h) if w > 0 and h > 0 else None

    def within(self, outer: Box) -> Box:
        """The same rectangle, told from the other's corner."""
        return Box(self.x - outer.x, self.y - outer.y, self.w, self.h)


@dataclass(frozen=True)
class Painted:
    """The whole new file, and what was done the second-best way; ``exact``: no pixel outside the box changed.

    ``disputed``: why other decoders may show the source otherwise, so that they cannot tell.
    """

    data: bytes
    degradations: tuple[str, ...] = ()
    exact: bool = True
    disputed: str = ""


@runtime_checkable
class RasterSurface(Protocol):
    """Pixels where a notice is drawn. Coordinates are those a viewer sees (EXIF orientation applied)."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed, px."""

    def fit(self, box: Box, *, band: bool = False) -> Box:
        """The smallest box the container can replace without touching its neighbours that covers ``box``.

        JPEG: the MCU grid. With ``band`` the box is the new strip under the picture: it may move down.
        """

    def regions(self, box: Box) -> Sequence[Image]:
        """The box cut from every frame, upright, mode RGB (alpha composed on a middle grey).

        Raises:
            UnreadableError: the pixels cannot be decoded. LimitError: too many pixels or frames.
        """

    def paint(self, plate: Image, box: Box, *, band: bool = False) -> Painted:
        """Replace ``box`` (as `fit` returned it) by the opaque RGB ``plate`` of its size, in every frame.

        With ``band`` the canvas grows down to the box's lower edge. Nothing outside the box changes
        (see `MediumInfo.loss`); metadata, profiles, timing and trailing bytes stay.

        Raises:
            UnreadableError: the pixels cannot be decoded. LimitError: too many pixels or frames.
        """


@dataclass(frozen=True)
class Inserted:
    """An element exactly as written; ``last``: nothing is painted after it; ``doubt``: why it may look otherwise."""

    element: str
    last: bool
    doubt: str = ""


@runtime_checkable
class VectorSurface(Protocol):
    """SVG and its like: the notice is an element, not pixels."""

    @property
    def view(self) -> tuple[float, float, float, float]:
        """What a viewer shows, in user units: left, top, width, height."""

    @property
    def scale(self) -> float | None:
        """CSS px per user unit, or None where the page decides."""

    def insert(self, element: str, *, grow: float = 0) -> Painted:
        """Put the notice element last in the root (replacing the one that is there); ``grow`` adds height."""

    def inserted(self) -> Inserted | None:
        """The notice element that is there, or None."""


@dataclass(frozen=True)
class Line:
    """One line of a notice: its left end and its baseline in pt from its box's upper left corner."""

    lang: str
    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Stamp:
    """A notice for one page: its place as displayed, in pt from the upper left corner, its type size and its lines.

    ``grow``: the height that the page gains at its foot, pt; the place is meant with it.
    """

    box: Box
    em: float
    lines: tuple[Line, ...]
    grow: float = 0


@runtime_checkable
class PageSurface(Protocol):
    """A document of pages. Sizes and places are those a viewer sees (crop, rotation and unit applied), in pt."""

    @property
    def pages(self) -> Sequence[tuple[float, float]]:
        """Width and height of each page, pt."""

    @property
    def most(self) -> int:
        """How many pages may be rendered to look for a notice."""

    @property
    def bare(self) -> PageSurface:
        """The same pages without any notice of ours."""

    def stamp(self, stamps: Mapping[int, Stamp]) -> Painted:
        """Put a notice on these pages, by their number from 0, and take away any of ours that is there.

        Raises:
            UnreadableError: the pages cannot be parsed. LimitError: too many of them.
        """

    def rendered(self, page: int, box: Box, size: tuple[int, int]) -> Image:
        """That part of a page as a viewer shows it, mode RGB, in so many px.

        Raises:
            UnreadableError: the page cannot be rendered.
        """


@runtime_checkable
class KeepsPixels(Protocol):
    """A surface that decodes a whole frame for `RasterSurface.regions`, and keeps the first: nobody decodes it again."""

    def first_frame(self) -> Image:
        """As it is stored: not turned, nothing composed. Not to be changed.

        Raises:
            UnreadableError: the pixels cannot be decoded. LimitError: too many pixels or frames.
        """


@dataclass(frozen=True)
class Shown:
    """The notice that stands in a text, by language; ``doubt``: why a reader may not see it."""

    lines: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""


@runtime_checkable
class TextSurface(Protocol):
    """A text that begins with its notice.

    ``wordings`` tells of a line whether it is one of a notice, and in which language: what stands at the notice's
    place and is none stays.
    """

    def lacking(self, text: str) -> tuple[str, str]:
        """The text's encoding, and the letters of ``text`` that it cannot write."""

    def shown(self, wordings: Mapping[str, str]) -> Shown:
        """The notice that is there, read as a reader would."""

    def insert(self, lines: Mapping[str, str], wordings: Mapping[str, str]) -> Painted:
        """Put a notice there, by language, in place of one that is there."""


Surface = RasterSurface | VectorSurface | PageSurface | TextSurface


class Embedded(NamedTuple):
    """A file with a manifest store in it; ``start`` and ``length`` (bytes) are what its hash leaves out."""

    data: bytes
    start: int
    length: int


class Medium(Protocol):
    """One kind of container. Stateless and thread-safe; leaves ``src`` at the position it found it."""

    info: MediumInfo

    def accept(self, head: bytes, name: str | None) -> int:
        """0 = not mine; higher = surer, 100 = certain. ``head`` is the first 4 KiB."""

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        """Parse to the end.

        Raises:
            UnreadableError: truncated or malformed. LimitError: a limit was hit.
        """

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Copy ``src`` to ``dst`` with these slots replaced; all else byte for byte.

        The same payload twice gives the same bytes. Raises:
            UnreadableError: malformed. UsageError: the payload does not fit the slot.
        """

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        """Where a notice can be drawn, or None. Pixels are decoded only when asked for.

        Raises:
            UnreadableError: malformed. NoticeError: not on this file, or not here, for a reason worth telling.
        """


@runtime_checkable
class ExactMedium(Medium, Protocol):
    """One that embeds manifests itself, since c2pa knows it not or spoils it: all (``info.c2pa`` is ``exact``) or some."""

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """The file with this manifest store, which replaces one that is there.

        For stores with the same ``start`` and ``length`` all other bytes are the same: only then can a hash that was
        taken with a placeholder hold. Raises: UnreadableError: malformed.
        """


@runtime_checkable
class LockableMedium(Medium, Protocol):
    """One whose files can be encrypted. Without a password it reads those that everybody may open."""

    def unlocked(self, password: str) -> Medium:
        """The same medium, bound to this password; files that are not encrypted it reads as ever."""


@runtime_checkable
class DocumentMedium(Medium, Protocol):
    """One whose text and pictures are known only when its pages are laid out, which takes longer than `read`."""

    def inside(self, src: BinaryIO, limits: Limits) -> Inside:
        """Of the first ``limits.max_pages`` pages. Raises: UnreadableError: malformed. LimitError: a limit was hit."""


class Rebuilt(NamedTuple):
    """A file made anew of what could be found in a damaged one, and what that is, e.g. ``3 pages``."""

    data: bytes
    found: str


@runtime_checkable
class RepairableMedium(Medium, Protocol):
    """One whose damaged files can be made whole, at the price of their bytes."""

    def rebuilt(self, src: BinaryIO, limits: Limits) -> Rebuilt:
        """What other software shows of a file that `read` cannot parse.

        Raises:
            UnreadableError: nothing could be found, or the file would lose more than its bytes. LimitError.
        """


class ReadOnly:
    """What media have in common that nothing is written into: a label stands beside their files."""

    info: MediumInfo

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        """Copies. Raises UsageError: something is to be put."""
        if puts:
            raise UsageError(
                f"Nothing is written into files of this kind ({self.info.name}).", "Use a sidecar."
            )
        at = src.tell()
        shutil.copyfileobj(src, dst)
        src.seek(at)

    def surface(self, src: BinaryIO, limits: Limits) -> None:
        """Nothing is drawn on them."""
        return None


def text_packet(payload: bytes, kind: str) -> bytes:
    """An XMP packet for a container that takes it as text; ``kind``: "a PNG".

    Raises:
        UsageError: not UTF-8, or with a zero byte.
    """
    try:
        payload.decode()
    except UnicodeDecodeError as e:
        raise UsageError(f"An XMP packet in {kind} must be UTF-8.", "Encode it so.") from e
    if b"\0" in payload:
        raise UsageError(f"An XMP packet in {kind} cannot hold a zero byte.", "Remove it.")
    return payload


def whole(src: BinaryIO, limits: Limits) -> bytes:
    """Everything from the current position on; the position is restored.

    Raises:
        LimitError: more than ``limits.max_bytes``.
    """
    at = src.tell()
    try:
        size = src.seek(0, os.SEEK_END) - at  # asked for 2 GiB, a file would make room for them first
    except (OSError, ValueError):  # a stream that is unpacked does not know its end
        size = limits.max_bytes + 1
    src.seek(at)
    data = src.read(min(max(0, size), limits.max_bytes + 1))
    src.seek(at)
    if len(data) > limits.max_bytes:
        raise LimitError(
            f"The input has more than {limits.max_bytes} bytes.",
            "If you trust it, allow more: `labeler.Limits` in Python.",
        )
    return data
