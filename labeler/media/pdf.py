"""PDF: ISO 32000-2. Labelled by one incremental update, so the source stays byte for byte; pikepdf parses."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pikepdf

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import pdf_archive
from labeler.media.base import (
    Content,
    Embedded,
    Field,
    Inside,
    Limits,
    MediumInfo,
    Part,
    Rebuilt,
    Slot,
    Stream,
    Surface,
    whole,
)
from labeler.media.pdf_bounds import inflated
from labeler.media.pdf_pages import Pages, View
from labeler.media.pdf_update import Update, changed, dictionary, end, header, opened, pages, raw, ref, stream

_MANIFEST = "/C2PA_Manifest"  # C2PA 2.4, A.4.1
_NAME = b"(manifest.c2pa)"
_TYPE = b"/application#2fc2pa"
_MAX_FIELDS = 10_000
_MAX_TEXT = 256 << 10  # bytes of text in one field
# a JPEG without any of these has nothing to tell: JUMBF, XMP, EXIF, IPTC, a comment
_MARKED = (b"jumb", b"http://ns.adobe.com/xap/", b"Exif\0", b"Photoshop 3.0", b"\xff\xfe")


class Pdf:
    """Stateless and thread-safe; ``password`` opens encrypted files."""

    def __init__(self, password: str = "") -> None:
        self.password = password

    info = MediumInfo(
        name="PDF",
        mime="application/pdf",
        suffixes=(".pdf",),
        slots=frozenset({Slot.XMP, Slot.C2PA}),
        surface="page",
        c2pa="exact",
        loss="encrypted, signed and PDF/A files (but -3 and -4f): the manifest in a sidecar; signed ones: no notice unless "
        "asked for; damaged ones are rebuilt",
        kind="document",
    )

    def accept(self, head: bytes, name: str | None) -> int:
        """100 with the header at the start, 60 with something before it."""
        at = head.find(b"%PDF-", 0, 1029)
        return 100 if at == 0 else 60 if at > 0 else 0

    def read(self, src: BinaryIO, limits: Limits, *, essence: bool = False) -> Content:
        data = whole(src, limits)
        with opened(data, self.password) as pdf:
            sealed = _signature(pdf)
            slots = _slots(pdf, limits)
            why = _apart(pdf, data, sealed, pdf_archive.claimed(slots.get(Slot.XMP, b"")))
            return Content(
                fields=tuple(_fields(pdf, limits)),
                slots=slots,
                size=_size(pdf, limits),
                essence=tuple(_essence(pdf)) if essence else (),
                trailing=len(end(data).tail),
                takes=frozenset({Slot.XMP}) if why else None,
                why=why,
                sealed=sealed,
                forbidden=_forbidden(pdf),
                captioned=bool(str(_path(pdf.trailer, "/Info", "/Subject") or "").strip()),
            )

    def splice(self, src: BinaryIO, dst: BinaryIO, puts: Mapping[Slot, bytes]) -> None:
        if unknown := puts.keys() - {Slot.XMP}:
            raise UsageError(
                f"A PDF has no such slot: {', '.join(unknown)}.", "Embed a manifest with `embed`."
            )
        data = whole(src, Limits())
        with opened(data, self.password) as pdf:
            update = Update(data, pdf)
            if Slot.XMP in puts:
                _put_xmp(update, puts[Slot.XMP])
            dst.write(update.written(finished=False))

    def embed(self, src: BinaryIO, store: bytes) -> Embedded:
        """C2PA 2.4, A.4: an embedded file, associated with the document."""
        data = whole(src, Limits())
        with opened(data, self.password) as pdf:
            update = Update(data, pdf)
            body = stream(
                {"/Type": b"/EmbeddedFile", "/Subtype": _TYPE, "/Params": b"<< /Size %d >>" % len(store)},
                store,
            )
            file = update.add(body)
            _attach(update, file)
            out = update.written(finished=True)
        start = update.places[file] + body.index(b"\nstream\n") + len(b"\nstream\n")
        return Embedded(out, start, len(store))

    def inside(self, src: BinaryIO, limits: Limits) -> Inside:
        """Text as pdfium reads it; pictures whose streams are whole files (JPEG), or have XMP; attachments."""
        data = whole(src, limits)
        surface = Pages(data, limits, self.password)
        shown = range(min(len(surface.pages), limits.max_pages))
        words = "\n".join(surface.text(page) for page in shown).encode("utf-8", "replace")
        parts = tuple(_parts(surface, shown, limits))
        unread = []
        if len(surface.pages) > len(shown):
            unread.append(f"the text and pictures of pages {len(shown) + 1} to {len(surface.pages)}")
        if _attachments(surface.pdf, limits)[1]:
            unread.append("attachments with broken names")
        return Inside(tuple(_text(words)), parts, "; ".join(unread))

    def unlocked(self, password: str) -> Pdf:
        """For files that are encrypted with a password, the user's or the owner's."""
        return Pdf(password)

    def rebuilt(self, src: BinaryIO, limits: Limits) -> Rebuilt:
        """By qpdf: a new cross-reference table over the objects that are there; encryption stays."""
        data = whole(src, limits)
        out = io.BytesIO()
        with opened(data, self.password, repair=True) as pdf:
            if _signature(pdf):
                raise UnreadableError(
                    "The PDF is damaged and signed, and rebuilding it would break the signature.",
                    "Get the whole file again.",
                )
            if not (found := pages(pdf, limits.max_parts)):
                raise UnreadableError(
                    "The PDF is damaged, and no page could be found in it.", "Get the whole file again."
                )
            try:
                pdf.trailer.Size = 1  # qpdf counts anew, but only where there is one
                pdf.save(
                    out,
                    encryption=pdf.is_encrypted,
                    compress_streams=False,
                    stream_decode_level=pikepdf.StreamDecodeLevel.none,
                    object_stream_mode=pikepdf.ObjectStreamMode.preserve,
                    deterministic_id=not pdf.is_encrypted,
                    fix_metadata_version=False,
                )
            except (pikepdf.PdfError, ValueError, RuntimeError, RecursionError) as e:
                raise UnreadableError(
                    f"The PDF cannot be rebuilt ({str(e)[:120]}).", "Get the whole file again."
                ) from e
            there = f"{len(found)} page{'s' * (len(found) > 1)}"
            if "/Info" not in pdf.trailer:
                there += " and without the document's properties"
        return Rebuilt(out.getvalue(), there)

    def surface(self, src: BinaryIO, limits: Limits) -> Surface | None:
        data = whole(src, limits)
        with opened(data, self.password) as pdf:
            found = pages(pdf, limits.max_parts)
        return Pages(data, limits, self.password) if found else None


def _put_xmp(update: Update, packet: bytes) -> None:
    root = update.pdf.Root
    body = stream({"/Type": b"/Metadata", "/Subtype": b"/XML"}, packet)
    there = root.get("/Metadata")
    if isinstance(there, pikepdf.Object) and there.is_indirect:
        update.put(there, body)
    else:
        catalog(update, {"/Metadata": ref(update.add(body))})


def catalog(update: Update, entries: Mapping[str, bytes | None]) -> None:
    """Change entries of the document's catalog."""
    update.put(update.pdf.Root, changed(update.pdf.Root, entries))


def _attach(update: Update, file: tuple[int, int]) -> None:
    root = update.pdf.Root
    spec = ref(
        update.add(
            dictionary(
                {
                    "/Type": b"/Filespec",
                    "/AFRelationship": _MANIFEST.encode(),
                    "/Subtype": _TYPE,
                    "/F": _NAME,
                    "/UF": _NAME,
                    "/Desc": b"(C2PA Manifest Store)",
                    "/EF": dictionary({"/F": ref(file), "/UF": ref(file)}),
                }
            )
        )
    )
    others = [raw(f) for f in _array(root.get("/AF")) if not _is_manifest(f)]
    names = _dictionary(root.get("/Names"))
    files = update.add(_named(update, _dictionary(names.get("/EmbeddedFiles")), spec))
    catalog(
        update,
        {
            "/AF": b"[ %s ]" % b" ".join([*others, spec]),
            "/Names": changed(names, {"/EmbeddedFiles": ref(files)}),
        },
    )


def _named(update: Update, tree: pikepdf.Object, spec: bytes) -> bytes:
    """The name tree of embedded files with our manifest instead of another."""
    if "/Kids" in tree:
        leaf = update.add(
            dictionary({"/Limits": b"[ %s %s ]" % (_NAME, _NAME), "/Names": b"[ %s %s ]" % (_NAME, spec)})
        )
        return dictionary({"/Kids": b"[ %s %s ]" % (b" ".join(map(raw, _array(tree.Kids))), ref(leaf))})
    flat = _array(tree.get("/Names"))
    pairs = [
        (bytes(k), raw(k), raw(v))
        for k, v in zip(flat[::2], flat[1::2], strict=False)
        if isinstance(k, pikepdf.String) and not _is_manifest(v)
    ]
    pairs = sorted([*pairs, (_NAME[1:-1], _NAME, spec)])
    return dictionary({"/Names": b"[ %s ]" % b" ".join(b"%s %s" % (k, v) for _, k, v in pairs)})


def _array(value: object) -> list[pikepdf.Object]:
    return list(value) if isinstance(value, pikepdf.Array) else []


def _dictionary(value: object) -> pikepdf.Object:
    """It, or an empty one where something else stands."""
    return value if isinstance(value, pikepdf.Dictionary) else pikepdf.Dictionary()


def _path(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, pikepdf.Dictionary) else None
    return value


def _is_manifest(spec: object) -> bool:
    return isinstance(spec, pikepdf.Dictionary) and spec.get("/AFRelationship") == _MANIFEST


def _slots(pdf: pikepdf.Pdf, limits: Limits) -> dict[Slot, bytes]:
    slots = {}
    if packet := pdf_archive.metadata(pdf, limits):
        slots[Slot.XMP] = packet
    for spec in _array(pdf.Root.get("/AF")):
        if _is_manifest(spec) and isinstance(file := _path(spec, "/EF", "/F"), pikepdf.Stream):
            slots[Slot.C2PA] = inflated(file, limits)
    return slots


def _fields(pdf: pikepdf.Pdf, limits: Limits) -> Iterator[Field]:
    info = pdf.trailer.get("/Info")
    for key, value in info.items() if isinstance(info, pikepdf.Dictionary) else ():
        if isinstance(value, pikepdf.String):
            name = key[1:].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            yield Field("pdf:info", name, str(value).encode("utf-8", "replace"))
    for page in pages(pdf, limits.max_parts):
        for note in _array(page.get("/Annots")):
            if isinstance(uri := _path(note, "/A", "/URI"), pikepdf.String):
                yield Field("pdf:link", "href", bytes(uri))
    for name, spec in _attachments(pdf, limits)[0].items():
        if not _is_manifest(spec.obj):
            yield Field("pdf:attachment", name, b"")


def _text(words: bytes) -> Iterator[Field]:
    """In pieces that end between lines."""
    while words.strip():
        cut = words.rfind(b"\n", 0, _MAX_TEXT) + 1 if len(words) > _MAX_TEXT else len(words)
        cut = cut or _MAX_TEXT
        yield Field("text:body", "text", words[:cut])
        words = words[cut:]


def _parts(surface: Pages, shown: range, limits: Limits) -> Iterator[Part]:
    left = limits.max_inflated
    for page in shown:
        for picture in surface.pictures(page):
            where = f"a picture on page {page + 1}"
            if isinstance(packet := picture.get("/Metadata"), pikepdf.Stream):
                yield Part(where, packet=inflated(packet, limits))
            if _filter(picture) == "/DCTDecode":
                coded = picture.read_raw_bytes()
                if any(mark in coded for mark in _MARKED):
                    yield Part(where, coded)
    for name, named in _attachments(surface.pdf, limits)[0].items():
        file = _path(named.obj, "/EF", "/F")
        if isinstance(file, pikepdf.Stream) and not _is_manifest(named.obj):
            data = inflated(file, limits)
            left -= len(data)
            if left < 0:
                raise LimitError("The PDF's attachments are too large.", "Do not trust this file.")
            yield Part(f"the attachment {name}", data)


def _attachments(pdf: pikepdf.Pdf, limits: Limits) -> tuple[dict[str, pikepdf.AttachedFileSpec], bool]:
    """By name, and whether there are more, whose names are no text or are not found again in their broken tree."""
    found: dict[str, pikepdf.AttachedFileSpec] = {}
    lost = False
    try:
        for name in itertools.islice(pdf.attachments, limits.max_parts):
            if spec := pdf.attachments.get(name):
                found[name] = spec
            else:
                lost = True
    except RuntimeError:
        lost = True
    return found, lost


def _filter(picture: pikepdf.Stream) -> str:
    """The only one of a stream, or "" where it has none or several."""
    named = picture.get("/Filter")
    if isinstance(named, pikepdf.Array):
        named = named[0] if len(named) == 1 else None
    return "" if named is None else str(named)


def _size(pdf: pikepdf.Pdf, limits: Limits) -> tuple[int, int] | None:
    if not (found := pages(pdf, limits.max_parts)):
        return None
    width, height = View(found[0]).size
    return max(1, round(width)), max(1, round(height))


def _signature(pdf: pikepdf.Pdf) -> str:
    """Why a visible change would break a signature: ISO 32000-2, 12.8."""
    fields = [*_array(_path(pdf.Root, "/AcroForm", "/Fields"))]
    for _, field in zip(range(_MAX_FIELDS), fields, strict=False):
        if not isinstance(field, pikepdf.Dictionary):
            continue
        if field.get("/FT") == "/Sig" and "/V" in field:
            return "it carries a signature that a visible change would break"
        fields += _array(field.get("/Kids"))
    return ""


def _forbidden(pdf: pikepdf.Pdf) -> str:
    """ISO 32000-2, 7.6.4.2: bit 4."""
    if pdf.is_encrypted and not pdf.owner_password_matched and not pdf.allow.modify_other:
        return "its owner has locked it against changes"
    return ""


def _apart(pdf: pikepdf.Pdf, data: bytes, sealed: str, archive: str) -> str:
    """Why a manifest must stand beside this file, or nothing."""
    if pdf.is_encrypted:
        return "it is encrypted, and validators could not read a manifest in it"
    if sealed:
        return "it is signed, and embedding a manifest would break the signature"
    if not pdf_archive.takes_files(archive):
        return f"it claims PDF/A-{archive.lower()}, which allows no embedded manifest"
    return (
        "validators disagree about places in it, since something stands before its header"
        if header(data)
        else ""
    )


def _essence(pdf: pikepdf.Pdf) -> Iterator[Stream]:
    """Every object that the catalog leads to, but for what `splice` and `embed` write."""
    root = pdf.Root
    names = root.get("/Names")
    queue: list[object] = [v for k, v in root.items() if k not in ("/Metadata", "/AF", "/Names")]
    queue += (
        [v for k, v in names.items() if k != "/EmbeddedFiles"]
        if isinstance(names, pikepdf.Dictionary)
        else []
    )
    seen: set[tuple[int, int]] = set()
    pieces: list[bytes] = []
    while queue:
        value = queue.pop()
        if not isinstance(value, pikepdf.Object):
            continue
        if value.is_indirect:
            if value.objgen in seen:
                continue
            seen.add(value.objgen)
            pieces += [b"%d %d obj" % value.objgen, value.unparse(resolved=True)]
        if isinstance(value, pikepdf.Stream):
            pieces.append(value.read_raw_bytes())
            value = value.stream_dict
        if isinstance(value, pikepdf.Dictionary):
            queue.extend(value.values())
        elif isinstance(value, pikepdf.Array):
            queue.extend(value)
    yield Stream("objects", tuple(pieces))


MEDIUM = Pdf()
