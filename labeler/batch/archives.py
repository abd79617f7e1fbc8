"""Zip and tar archives read in place: their members are files like others, and nothing is written anywhere.

PKWARE APPNOTE 6.3.10 (4.4.4 general purpose bit 0: encrypted; bit 11: UTF-8 names); POSIX.1-2017 pax (ustar). OPC,
ODF and EPUB documents are zip files too, and no archives: OPC 10.2.3, ODF 1.3 part 2 section 3.3, OCF 3.3 section 4.3.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import posixpath
import stat
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from labeler import files
from labeler.batch.listing import SEPARATOR, Bounds, named_so
from labeler.batch.walk import orphaned
from labeler.batch.worker import alive
from labeler.errors import LabelError, LimitError, UnreadableError
from labeler.files import SIDECAR

_PACKERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_CHUNK = 1 << 20
_IN_MEMORY = 32 << 20  # bytes of an unpacked archive; more of it is spooled to a file without a name
_FREE = 16 << 20  # bytes that any ratio may inflate to: a small blank picture is packed a thousandfold
_DOCUMENTS = frozenset({"[Content_Types].xml", "META-INF/container.xml"})


@dataclass
class _Left:
    """Of the bounds, for an archive and those within it."""

    bounds: Bounds
    members: int = 0
    inflated: int = 0

    def add(self, members: int, inflated: int) -> None:
        self.members += members
        self.inflated += inflated
        if self.members > self.bounds.members:
            raise LimitError(
                f"the archive has more than {self.bounds.members} members.", "Unpack it if you trust it."
            )
        if self.inflated > self.bounds.inflated:
            raise LimitError(
                f"the archive unpacks to more than {self.bounds.inflated} bytes.",
                "Unpack it if you trust it.",
            )


@dataclass(frozen=True)
class _Entry:
    """A regular file in a container; ``packed``: its bytes there, of zip files."""

    name: str
    size: int
    handle: Any
    packed: int | None = None
    locked: bool = False


class _Container(Protocol):
    def entries(self) -> Iterator[_Entry]: ...

    def open(self, entry: _Entry) -> IO[bytes]: ...


class _Zip:
    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file)
        names = self._zip.namelist()
        self.document = names[:1] == ["mimetype"] or not _DOCUMENTS.isdisjoint(names)

    def entries(self) -> Iterator[_Entry]:
        for info in self._zip.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                locked = bool(info.flag_bits & 1)
                yield _Entry(_zip_name(info), info.file_size, info, info.compress_size, locked)

    def open(self, entry: _Entry) -> IO[bytes]:
        return self._zip.open(entry.handle)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Names without the UTF-8 flag were taken for DOS's English; ours come from UTF-8 and from Russian Windows."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
        return raw.decode("cp866" if _not_utf8(raw) else "utf-8")
    except UnicodeError:
        return info.filename


def _not_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


class _Tar:
    document = False

    def __init__(self, file: IO[bytes], left: _Left) -> None:
        self._file, self._left = _unpacked(file, left), left
        self._tar = tarfile.TarFile(fileobj=self._file)

    def entries(self) -> Iterator[_Entry]:
        for count, info in enumerate(self._tar):
            if count % 1000 == 0:
                alive()
            if count > self._left.bounds.members:
                self._left.add(count, 0)
            if info.isreg():
                yield _Entry(info.name, info.size, info)
        # tarfile takes anything that is no header for the end
        self._file.seek(self._tar.offset)
        if self._file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise UnreadableError("the archive is cut or damaged.", "Copy it again.")

    def open(self, entry: _Entry) -> IO[bytes]:
        file = self._tar.extractfile(entry.handle)
        assert file is not None  # it is a regular one
        return file


def _unpacked(file: IO[bytes], left: _Left) -> IO[bytes]:
    """The tar itself: the file, or what it unpacks to."""
    head = file.read(8)
    file.seek(0)
    opener = next((o for magic, o in _PACKERS.items() if head.startswith(magic)), None)
    if opener is None:
        return file
    packed = file.seek(0, os.SEEK_END)
    file.seek(0)
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it lives as long as the archive
    with opener(file) as source:
        while chunk := source.read(_CHUNK):
            spool.write(chunk)
            left.add(0, len(chunk))
            _check_ratio(spool.tell(), packed, left.bounds)
            alive()
    spool.seek(0)
    return spool


def _check_ratio(size: int, packed: int, bounds: Bounds) -> None:
    if size > _FREE and size > bounds.ratio * packed:
        raise LimitError(
            f"it is packed to less than a {bounds.ratio}th of its size.", "Unpack it if you trust it."
        )


def _container(file: IO[bytes], left: _Left) -> _Zip | _Tar:
    """Raises whatever the bytes make the standard library raise."""
    head = file.read(4)
    file.seek(0)
    return _Zip(file) if head[:2] == b"PK" else _Tar(file, left)


@dataclass(frozen=True)
class Member:
    """A file in an archive; ``inner``: its place in the archive that ``entry`` is. ``error``: why it is not read."""

    name: str
    entry: _Entry
    sidecar: tuple[_Entry, bool] | None = None
    inner: int | None = None
    error: UnreadableError | None = None


class Archive:
    """An open archive, listed: ``members`` in the order of their names, archives in it taken apart in their place.

    ``error``: why it was not read to its end. ``document``: it is a zip file, and no archive.
    """

    def __init__(self, source: Path | IO[bytes], bounds: Bounds) -> None:
        """Never raises."""
        self._listed(source, _Left(bounds), 1)

    def _listed(self, source: Path | IO[bytes], left: _Left, depth: int) -> Archive:
        self._left, self._depth = left, depth
        self.members: list[Member] = []
        self.orphans: list[str] = []
        self.error: UnreadableError | None = None
        self.document = False
        self._inner: tuple[_Entry, Archive] | None = None
        self._lock = threading.Lock()
        try:
            file = io.BufferedReader(files.opened(source)) if isinstance(source, Path) else source
            self._container = _container(file, left)
            self.document = self._container.document
            if not self.document:
                self._list()
        except Exception as e:
            self.error = _typed(e)
        return self

    def _list(self) -> None:
        entries: list[tuple[str, _Entry]] = []
        try:
            for entry in self._container.entries():
                name = _safe(entry.name)
                if not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
                    self._left.add(1, entry.size)
                    entries.append((name, entry))
        finally:  # what was found before the damage is examined all the same
            entries.sort(key=lambda pair: pair[0])
            by_name = dict(entries)
            folders: dict[str, list[str]] = {}
            for name, _ in entries:
                folders.setdefault(posixpath.dirname(name), []).append(name)
            for name, entry in entries:
                if not name.endswith(SIDECAR):
                    self._add(name, entry, _sidecar(name, by_name, folders[posixpath.dirname(name)]))
            for names in folders.values():
                self.orphans += orphaned([n for n in names if n.endswith(SIDECAR)], names)

    def _add(self, name: str, entry: _Entry, sidecar: tuple[_Entry, bool] | None) -> None:
        if not named_so(name):
            self.members.append(Member(name, entry, sidecar))
            return
        if self._depth >= self._left.bounds.nesting:
            error = LimitError(
                f"archives more than {self._left.bounds.nesting} deep are not opened.",
                "Unpack the outer one.",
            )
            self.members.append(Member(name, entry, error=error))
            return
        try:
            inner = self._open(entry, self._left)
        except UnreadableError as e:
            self.members.append(Member(name, entry, error=e))
            return
        if inner.document:
            self.members.append(Member(name, entry, sidecar))
            return
        for i, member in enumerate(inner.members):
            self.members.append(Member(f"{name}{SEPARATOR}{member.name}", entry, inner=i))
        self.orphans += [f"{name}{SEPARATOR}{orphan}" for orphan in inner.orphans]
        if inner.error:
            self.members.append(Member(name, entry, error=inner.error))

    def _open(self, entry: _Entry, left: _Left) -> Archive:
        """The archive in this one; the last one stays open, for its members are asked for in their order."""
        if self._inner is None or self._inner[0] is not entry:
            self._inner = None
            spool: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
            for chunk in self._chunks(entry, self._left.bounds.inflated):
                spool.write(chunk)
            spool.seek(0)
            self._inner = entry, Archive.__new__(Archive)._listed(spool, left, self._depth + 1)
        return self._inner[1]

    def _chunks(self, entry: _Entry, limit: int) -> Iterator[bytes]:
        """Raises UnreadableError, LimitError."""
        if entry.locked:
            raise UnreadableError("it is encrypted.", "Unpack the archive with its password first.")
        if entry.size > limit:
            raise LimitError(
                f"it has more than {limit} bytes.",
                "If you trust it, unpack it first, and allow more: `labeler.Limits` in Python.",
            )
        if entry.packed is not None:
            _check_ratio(entry.size, entry.packed, self._left.bounds)
        try:
            with self._container.open(entry) as source:
                while chunk := source.read(_CHUNK):
                    alive()
                    yield chunk
        except Exception as e:
            raise _typed(e) from e

    def read(self, index: int, limit: int) -> tuple[bytes, tuple[bytes, bool] | None]:
        """A member's bytes, and those of its sidecar and whether that one's name can speak of no other file.

        Raises:
            UnreadableError: damaged or encrypted. LimitError: more than ``limit`` bytes, or a bound was hit.
        """
        member = self.members[index]
        if member.error:
            raise member.error
        with self._lock:
            if member.inner is not None:
                # it was counted when it was listed
                return self._open(member.entry, _Left(self._left.bounds)).read(member.inner, limit)
            data = b"".join(self._chunks(member.entry, limit))
            if member.sidecar is None:
                return data, None
            entry, exact = member.sidecar
            return data, (b"".join(self._chunks(entry, limit)), exact)


def _sidecar(name: str, entries: dict[str, _Entry], siblings: Sequence[str]) -> tuple[_Entry, bool] | None:
    """As for files: ``FILE.EXT.c2pa``, else ``FILE.c2pa`` when no other file shares it."""
    if name + SIDECAR in entries:
        return entries[name + SIDECAR], True
    stem = os.path.splitext(name)[0]
    sharing = [n for n in siblings if os.path.splitext(n)[0] == stem and not n.endswith(SIDECAR)]
    if stem + SIDECAR in entries and sharing == [name] and stem not in entries:
        return entries[stem + SIDECAR], False
    return None


def _safe(name: str) -> str:
    """Below the archive whatever it says: no leading slash, drive or ``..``; Windows' separators are ours."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/") or "_"


def _typed(e: Exception) -> UnreadableError:
    if isinstance(e, UnreadableError):
        return e
    if isinstance(e, MemoryError):
        return LimitError("it does not fit into memory.", "Allow more if you trust it.")
    return UnreadableError(
        f"the archive cannot be read ({_said(e)}).", "Check how it was made, or copy it again."
    )


def _said(e: Exception) -> str:
    return (
        str(e)[:200]
        if isinstance(e, LabelError | zipfile.BadZipFile | tarfile.TarError)
        else type(e).__name__
    )
