"""Changes to a PDF as one incremental update: the source stays byte for byte, new objects and a new xref follow it.

ISO 32000-2, 7.5.6. While a file is being labelled in steps, each step amends the update that the last one began, so
that there is one in the end; the trailer says where it begins.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pikepdf

from labeler.errors import LimitError, LockedError, UnreadableError
from labeler.media.pdf_crypt import Cipher

Ref = tuple[int, int]
_BEGUN = (
    "/TanbaUpdate"  # in the trailer of an unfinished update: the source's length, and the next free number
)
_HEADER = re.compile(rb"%PDF-\d\.\d")
_END = re.compile(rb"startxref\s+(\d{1,19})\s+%%EOF")
_PART = re.compile(rb"\b(obj|xref)\b")
_SPECIAL = re.compile(rb"[^!-~]|[#/()<>\[\]{}%]")  # what a name cannot hold as it is
_JUNK = 1 << 10  # bytes after the end that every reader passes over
_MAX_DEPTH = 100
_UNNAMED = re.compile(r"stream <_io\.BytesIO[^>]*>:? ?")  # what qpdf calls a file in memory
MEND = "It is damaged: `label add` writes a rebuilt copy; or open and save it in a program that shows it."


class End(NamedTuple):
    """Where the last cross-reference section begins, in bytes from the header on, and the line end after %%EOF."""

    xref: int
    tail: bytes


def end(data: bytes) -> End:
    """The end of a PDF; what stands behind it is passed over, as readers do.

    Raises:
        UnreadableError: the file has none, or more than 1 KiB or a part of a PDF follows it.
    """
    found = _END.match(data, max(0, data.rfind(b"startxref")))
    rest = data[found.end() :] if found else b""
    if not found or len(rest) > _JUNK or _PART.search(rest):
        raise UnreadableError(
            "The PDF does not end where it should (startxref, %%EOF).", f"Get the whole file again. {MEND}"
        )
    return End(int(found[1]), rest if rest in (b"\n", b"\r\n", b"\r") else b"")


def header(data: bytes) -> int:
    """Where the PDF begins: what stands before its header does not count in its offsets.

    Raises:
        UnreadableError: there is no header in the first 1,024 bytes.
    """
    found = _HEADER.search(data, 0, 1032)
    if not found:
        raise UnreadableError(
            "There is no PDF header in the first 1,024 bytes.", "Check what kind of file it is."
        )
    return found.start()


class Update:
    """Objects that are added to or replaced in ``pdf``, which was opened from ``data``."""

    def __init__(self, data: bytes, pdf: pikepdf.Pdf) -> None:
        self.pdf = pdf
        self.origin = header(data)
        self.base, (self.prev, self.tail) = data, end(data)
        self.stream_kind = not data[self.origin + self.prev :][:32].lstrip().startswith(b"xref")
        self.objects: dict[Ref, bytes] = {}
        self.places: dict[Ref, int] = {}  # of the bodies, once they are written
        self.kept: dict[Ref, bytes] = {}  # of the update begun before, as they are written
        # a /Size too small would make us overwrite objects; qpdf has counted them
        self.next = max(int(pdf.trailer.get("/Size", 0)), pdf.make_indirect(pikepdf.Dictionary()).objgen[0])
        self._resume()

    def _resume(self) -> None:
        noted = self.pdf.trailer.get(_BEGUN)
        if (
            not isinstance(noted, pikepdf.Array)
            or len(noted) != 2
            or not all(isinstance(n, int) for n in noted)
        ):
            return
        begun, after = (int(n) for n in noted)
        if not 0 < begun < self.origin + self.prev:
            return
        base = self.base[:begun]
        try:
            prev = end(base).xref
            offsets = dict(_entries(self.base, self.origin, self.prev, self.stream_kind))
        except (UnreadableError, struct.error, ValueError):
            return
        if not offsets:
            return
        order = sorted(offsets, key=offsets.__getitem__)
        stops = [offsets[ref] for ref in order[1:]] + [self.prev]
        objects = {}
        for ref, stop in zip(order, stops, strict=True):
            head, foot = b"%d %d obj\n" % ref, b"\nendobj\n"
            whole = self.base[self.origin + offsets[ref] : self.origin + stop]
            if not whole.startswith(head) or not whole.endswith(foot):
                return  # not as we write it
            objects[ref] = whole[len(head) : -len(foot)]
        self.base, self.prev, self.kept, self.next = base, prev, objects, after

    def add(self, body: bytes) -> Ref:
        """A new object."""
        ref = (self.next, 0)
        self.next += 1
        self.objects[ref] = body
        return ref

    def put(self, obj: pikepdf.Object | Ref, body: bytes) -> Ref:
        """Another body for an indirect object."""
        ref = obj if isinstance(obj, tuple) else obj.objgen
        self.objects[ref] = body
        return ref

    def written(self, *, finished: bool) -> bytes:
        """The source with the update, in the kind of cross-reference that the source has; ``finished`` closes it."""
        bodies = self.kept | self.objects
        if self.pdf.is_encrypted:
            cipher = Cipher(self.pdf)
            bodies |= {ref: cipher.encrypted(*ref, body) for ref, body in self.objects.items()}
        if not bodies:
            return self.base
        out = bytearray(b"" if self.base.endswith((b"\n", b"\r")) else b"\n")
        origin = self.origin - len(self.base)
        offsets: dict[Ref, int] = {}
        for ref, body in sorted(bodies.items()):
            offsets[ref] = len(out) - origin
            out += b"%d %d obj\n" % ref
            self.places[ref] = len(self.base) + len(out)
            out += b"%s\nendobj\n" % body
        at = len(out) - origin
        entries = {"/Root": raw(self.pdf.trailer.Root), "/Prev": b"%d" % self.prev}
        for key in ("/Info", "/Encrypt"):
            if key in self.pdf.trailer:
                entries[key] = raw(self.pdf.trailer[key])
        first = self.pdf.trailer.get("/ID")
        if isinstance(first, pikepdf.Array) and len(first) and isinstance(first[0], pikepdf.String):
            # of where things are, not of what they say: a manifest's bytes come after their place was hashed
            now = hashlib.md5(self.base[-4096:] + repr(offsets).encode(), usedforsecurity=False).digest()
            entries["/ID"] = b"[ <%s> <%s> ]" % (
                bytes(first[0]).hex().encode(),
                now.hex().encode(),
            )
        if not finished:
            entries[_BEGUN] = b"[ %d %d ]" % (len(self.base), self.next)
        if self.stream_kind:
            ref = (self.next, 0)
            offsets[ref] = at
            index = b" ".join(b"%d %d" % (run[0][0], len(run)) for run in _runs(offsets))
            rows = b"".join(struct.pack(">BQH", 1, offsets[r], r[1]) for run in _runs(offsets) for r in run)
            entries |= {
                "/Type": b"/XRef",
                "/Size": b"%d" % (self.next + 1),
                "/W": b"[ 1 8 2 ]",
                "/Index": b"[ %s ]" % index,
            }
            out += b"%d 0 obj\n%s\nendobj\n" % (self.next, stream(entries, rows))
        else:
            out += b"xref\n"
            for run in _runs(offsets):
                out += b"%d %d\n" % (run[0][0], len(run))
                out += b"".join(b"%010d %05d n \n" % (offsets[r], r[1]) for r in run)
            entries["/Size"] = b"%d" % self.next
            out += b"trailer\n%s\n" % dictionary(entries)
        out += b"startxref\n%d\n%%%%EOF%s" % (at, self.tail)
        return b"".join((self.base, out))


def _runs(refs: Mapping[Ref, int]) -> Iterator[list[Ref]]:
    run: list[Ref] = []
    for ref in sorted(refs):
        if run and ref[0] != run[-1][0] + 1:
            yield run
            run = []
        run.append(ref)
    if run:
        yield run


def _entries(data: bytes, origin: int, at: int, stream_kind: bool) -> Iterator[tuple[Ref, int]]:
    """The entries of a cross-reference section as `Update.written` writes it."""
    section = data[origin + at :]
    if not stream_kind:
        lines = iter(section.split(b"trailer", 1)[0].split(b"\n")[1:])
        for line in lines:
            if not line:
                return
            first, count = map(int, line.split())
            for number in range(first, first + count):
                offset, generation, _ = next(lines, b"").split()
                yield (number, int(generation)), int(offset)
        return
    head, _, rest = section.partition(b"stream\n")
    index = re.search(rb"/Index \[ ([\d ]+) \]", head)
    length = re.search(rb"/Length (\d+)", head)
    if not index or not length or b"/W [ 1 8 2 ]" not in head:
        raise ValueError("not ours")
    rows = struct.iter_unpack(">BQH", rest[: int(length[1])])
    numbers = [int(n) for n in index[1].split()]
    for first, count in zip(numbers[::2], numbers[1::2], strict=True):
        for number in range(first, first + count):
            _, offset, generation = next(rows)
            if offset != at:
                yield (number, generation), offset


def raw(value: Any, depth: int = 0) -> bytes:
    """A value as it stands in a file; what is indirect stays a reference.

    Raises:
        LimitError: nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise LimitError("The PDF's objects are nested too deeply.", "Do not trust this file.")
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int | float | Decimal):
        return f"{value:f}".encode() if not isinstance(value, int) else b"%d" % value
    if not isinstance(value, pikepdf.Object):
        raise TypeError(f"no PDF value: {type(value).__name__}")
    if value.is_indirect:
        return b"%d %d R" % value.objgen
    if isinstance(value, pikepdf.Array):
        return b"[ %s ]" % b" ".join(raw(v, depth + 1) for v in value)
    if isinstance(value, pikepdf.Dictionary):
        return dictionary({k: raw(v, depth + 1) for k, v in value.items()})
    return bytes(value.unparse())


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    """Of names (with their slash, as pikepdf gives them) to written values."""
    return b"<< %s >>" % b" ".join(_name(k) + b" " + v for k, v in entries.items())


def _name(name: str) -> bytes:
    """ISO 32000-2, 7.3.5; bytes that are no UTF-8 came as surrogates."""
    written = name.encode("utf-8", "surrogateescape")[1:]
    return b"/" + _SPECIAL.sub(lambda found: b"#%02x" % found[0][0], written)


def changed(old: pikepdf.Object, entries: Mapping[str, bytes | None]) -> bytes:
    """A dictionary with these entries replaced (None: left out)."""
    kept = {k: raw(v) for k, v in old.items() if k not in entries}
    return dictionary(kept | {k: v for k, v in entries.items() if v is not None})


def stream(entries: Mapping[str, bytes], data: bytes) -> bytes:
    """A stream object's body."""
    return b"%s\nstream\n%s\nendstream" % (dictionary({**entries, "/Length": b"%d" % len(data)}), data)


def ref(of: Ref | pikepdf.Object) -> bytes:
    """A reference to an indirect object."""
    return b"%d %d R" % (of if isinstance(of, tuple) else of.objgen)


def opened(data: bytes, password: str = "", *, repair: bool = False) -> pikepdf.Pdf:
    """Parsed by qpdf; only to ``repair`` it with guesses at what is damaged.

    Raises:
        LockedError: encrypted with another password. UnreadableError: it does not parse.
    """
    # a password that was given for a whole folder does not lock the files that need none
    pdf = _open(data, "", repair)
    if password and (pdf is None or pdf.is_encrypted):
        pdf = _open(data, password, repair) or pdf
    if pdf is None:
        raise LockedError(
            "The PDF is encrypted, and the password does not open it."
            if password
            else "The PDF is encrypted with a password.",
            "Give its password: --password-file FILE, or LABEL_PASSWORD.",
        )
    return pdf


def _open(data: bytes, password: str, repair: bool) -> pikepdf.Pdf | None:
    """None: the password is another one."""
    try:
        return pikepdf.open(
            io.BytesIO(data),
            password=password,
            attempt_recovery=repair,
            suppress_warnings=True,
            inherit_page_attributes=False,  # it would move them into objects that no file has
        )
    except pikepdf.PasswordError:
        return None
    except (pikepdf.PdfError, ValueError, RuntimeError, RecursionError) as e:
        why = _UNNAMED.sub("", str(e))[:120]
        next_step = "Get the whole file again." if repair else MEND
        raise UnreadableError(f"The PDF cannot be parsed ({why}).", next_step) from e


def pages(pdf: pikepdf.Pdf, most: int) -> list[pikepdf.Object]:
    """The page dictionaries in order. (`Pdf.pages` may rewrite the tree.)

    Raises:
        LimitError: more than ``most`` nodes.
    """
    out: list[pikepdf.Object] = []
    queue, seen = [pdf.Root.get("/Pages")], set()
    while queue:
        node = queue.pop()
        if not isinstance(node, pikepdf.Dictionary) or (node.is_indirect and node.objgen in seen):
            continue
        seen.add(node.objgen)
        if len(seen) > most:
            raise LimitError(
                f"The PDF has more than {most} pages.",
                "If you trust it, allow more: `labeler.Limits` in Python.",
            )
        kids = node.get("/Kids")
        if isinstance(kids, pikepdf.Array):
            queue += reversed(list(kids))
        elif node.is_indirect:
            out.append(node)
    return out
