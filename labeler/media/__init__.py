"""Containers, found by content and imported on first use. A new format is one file and one line here."""

from __future__ import annotations

import functools
import importlib
from typing import BinaryIO

from labeler.errors import UnsupportedError
from labeler.media.base import (
    Box,
    Content,
    DocumentMedium,
    Embedded,
    ExactMedium,
    Field,
    Hole,
    Inside,
    Limits,
    LockableMedium,
    Medium,
    MediumInfo,
    PageSurface,
    Painted,
    Part,
    RasterSurface,
    Rebuilt,
    RepairableMedium,
    Slot,
    Stream,
    Surface,
    TextSurface,
    VectorSurface,
    whole,
)

__all__ = [
    "HEAD",
    "MODULES",
    "Box",
    "Content",
    "DocumentMedium",
    "Embedded",
    "ExactMedium",
    "Field",
    "Hole",
    "Inside",
    "Limits",
    "LockableMedium",
    "Medium",
    "MediumInfo",
    "PageSurface",
    "Painted",
    "Part",
    "RasterSurface",
    "Rebuilt",
    "RepairableMedium",
    "Slot",
    "Stream",
    "Surface",
    "TextSurface",
    "VectorSurface",
    "all_media",
    "claims",
    "identify",
    "load",
    "unlocked",
    "whole",
]

HEAD = 4096
MODULES = (
    "png",
    "jpeg",
    "webp",
    "svg",
    "gif",
    "raw",
    "tiff",
    "avif",
    "heif",
    "jxl",
    "jp2",
    "psd",
    "pdf",
    "picture",
    "html",
    "plain",
    "markdown",
)


@functools.cache
def load(name: str) -> Medium:
    """The medium of that module; each module has one ``MEDIUM``."""
    medium: Medium = importlib.import_module(f"labeler.media.{name}").MEDIUM
    return medium


def all_media() -> tuple[Medium, ...]:
    """Every medium, in registry order."""
    return tuple(load(name) for name in MODULES)


def claims(name: str) -> bool:
    """Whether a medium claims the suffix of this name: its content is then expected to be readable."""
    return any(medium.info.names(name) for medium in all_media())


def unlocked(medium: Medium, password: str | None) -> Medium:
    """The medium, bound to the password if its files can be encrypted."""
    return medium.unlocked(password) if password and isinstance(medium, LockableMedium) else medium


def identify(src: BinaryIO, name: str | None = None) -> Medium:
    """The medium of these bytes, by content; the name only breaks ties of kinds without magic.

    Raises:
        UnsupportedError: no medium accepts them.
    """
    at = src.tell()
    head = src.read(HEAD)
    src.seek(at)
    if not head:
        raise UnsupportedError("The file is empty.", "Check how the file was made.")
    best, medium = 0, None
    for module in MODULES:
        score = load(module).accept(head, name)
        if score > best:
            best, medium = score, load(module)
        if best >= 100:
            break
    if medium is None:
        raise UnsupportedError(
            "The file is of no kind that Tañba knows.",
            "See `label capabilities` for the kinds it does.",
        )
    return medium
