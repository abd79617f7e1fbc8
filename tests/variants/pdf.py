"""PDFs, one for each way they can differ; pikepdf writes them, what it would not write is put in by hand."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdf:Producer="us"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
TEXT = b"BT /F1 24 Tf 72 700 Td (Hello) Tj ET"


def document(pages: int = 1, content: bytes = TEXT, **page: object) -> pikepdf.Pdf:
    """A4 pages with a word on each; ``page`` changes their entries."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for _ in range(pages):
        pdf.add_blank_page(page_size=(595, 842))
        entry = pdf.pages[-1].obj
        entry.Contents = Stream(pdf, content)
        entry.Resources = Dictionary(Font=Dictionary(F1=font))
        for key, value in page.items():
            entry[f"/{key}"] = value
    with pdf.open_metadata(set_pikepdf_as_editor=False):
        pass
    del pdf.Root.Metadata
    pdf.trailer.Info = pdf.make_indirect(Dictionary(Title="Құжат", Producer="us"))
    return pdf


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    options = {"object_stream_mode": pikepdf.ObjectStreamMode.disable, "static_id": True} | options
    pdf.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def with_xmp() -> bytes:
    pdf = document()
    pdf.Root.Metadata = pdf.make_stream(PACKET, Type=Name.Metadata, Subtype=Name.XML)
    return saved(pdf)


def with_attachments(kids: bool) -> bytes:
    pdf = document()
    for name in ("a.txt", "ж.txt"):
        pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, name.encode(), filename=name)
    if kids:
        tree = pdf.Root.Names.EmbeddedFiles
        names = list(tree.Names)
        leaf = pdf.make_indirect(Dictionary(Names=Array(names), Limits=Array([names[0], names[-2]])))
        pdf.Root.Names.EmbeddedFiles = pdf.make_indirect(Dictionary(Kids=Array([leaf])))
    pdf.Root.Names.JavaScript = Dictionary(Names=Array())
    return saved(pdf)


def inherited() -> bytes:
    pdf = document(2)
    for page in pdf.pages:
        del page.obj.MediaBox
        del page.obj.Resources
    pdf.Root.Pages.MediaBox = Array([0, 0, 595, 842])
    pdf.Root.Pages.Rotate = 90
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    pdf.Root.Pages.Resources = Dictionary(Font=Dictionary(F1=pdf.make_indirect(font)))
    return saved(pdf)


def without(*keys: bytes) -> bytes:
    """Entries of the trailer written over with spaces, so that all offsets stay."""
    data = saved(document())
    head, _, trailer = data.rpartition(b"trailer")
    for key in keys:
        trailer = re.sub(key, lambda m: b" " * len(m[0]), trailer)
    return head + b"trailer" + trailer


def updated() -> bytes:
    """Two revisions."""
    from labeler.media.pdf_update import Update, changed

    data = saved(document())
    with pikepdf.open(io.BytesIO(data)) as pdf:
        update = Update(data, pdf)
        update.put(pdf.Root, changed(pdf.Root, {"/PageLayout": b"/SinglePage"}))
        return update.written(finished=True)


def tagged() -> bytes:
    pdf = document(content=b"/P << /MCID 0 >> BDC " + TEXT + b" EMC")
    page = pdf.pages[0].obj
    page.StructParents = 0
    root = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    paragraph = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.P, Pg=page, K=0))
    body = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Document, P=root, K=Array([paragraph])))
    paragraph.P = body
    root.K = body
    root.ParentTree = pdf.make_indirect(Dictionary(Nums=Array([0, Array([paragraph])])))
    root.ParentTreeNextKey = 1
    pdf.Root.StructTreeRoot = root
    pdf.Root.MarkInfo = Dictionary(Marked=True)
    return saved(pdf)


def encrypted(R: int, user: str = "", allow: pikepdf.Permissions | None = None, **options: object) -> bytes:
    allow = allow or pikepdf.Permissions(modify_assembly=True, modify_form=True)
    locks = pikepdf.Encryption(owner="o", user=user, R=R, allow=allow, **options)  # type: ignore[arg-type]
    return saved(document(), encryption=locks, static_id=False)


CROP = Array([50, 60, 545, 800])
VARIANTS: dict[str, Callable[[], bytes]] = {
    "table": lambda: saved(document()),
    "xref-stream": lambda: saved(document(3), object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "linearized": lambda: saved(document(3), linearize=True),
    "header-late": lambda: b"junk before\n" + saved(document()),
    "no-line-end": lambda: saved(document()).rstrip(),
    "crlf-at-end": lambda: saved(document()).rstrip() + b"\r\n",
    "two-revisions": updated,
    "xmp": with_xmp,
    "attachments": lambda: with_attachments(False),
    "attachments-kids": lambda: with_attachments(True),
    "inherited": inherited,
    "no-info": lambda: without(rb"/Info \d+ 0 R"),
    "no-id": lambda: without(rb"/ID \[[^]]*\]"),
    "tagged": tagged,
    "many-pages": lambda: saved(document(40)),
    "no-contents": lambda: saved(document(content=b"")),
    "cropped": lambda: saved(document(CropBox=CROP)),
    "unit-2": lambda: saved(document(UserUnit=2)),
    "origin-elsewhere": lambda: saved(document(MediaBox=Array([-100, 200, 495, 1042]))),
    **{
        f"rotated-{turn}": lambda turn=turn: saved(document(Rotate=turn, CropBox=CROP))
        for turn in (90, 180, 270)
    },
    "state-left": lambda: saved(document(content=b"q 2 0 0 2 0 0 cm q " + TEXT)),
    "state-lost": lambda: saved(document(content=b"Q Q " + TEXT)),
    "contents-split": lambda: saved(_split()),
    "names-in-no-unicode": lambda: saved(document(content=TEXT.replace(b"/F1", b"/\xd0!"))).replace(
        b"/F1 ", b"/\xd0! "
    ),
    "rc4-40": lambda: encrypted(2, aes=False, metadata=False),
    "rc4-128": lambda: encrypted(3, aes=False, metadata=False),
    "aes-128": lambda: encrypted(4, aes=True),
    "aes-256": lambda: encrypted(6, aes=True),
    "aes-256-clear-metadata": lambda: encrypted(6, aes=True, metadata=False),
}


def _split() -> pikepdf.Pdf:
    pdf = document()
    pdf.pages[0].obj.Contents = Array(
        [Stream(pdf, b"q 0.5 0 0 0.5 0 0 cm"), Stream(pdf, TEXT), Stream(pdf, b"Q")]
    )
    return pdf


def archive(level: str, more: str = "", *, intent: bool = False) -> bytes:
    """One that claims PDF/A, e.g. ``2B``; ``more``: further RDF; ``intent``: with an output intent."""
    pdf = document()
    conformance = f"<pdfaid:conformance>{level[1:]}</pdfaid:conformance>" if level[1:] else ""
    packet = (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><pdfaid:part>{level[0]}</pdfaid:part>{conformance}'
        f'</rdf:Description>{more}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    pdf.Root.Metadata = pdf.make_stream(packet.encode(), Type=Name.Metadata, Subtype=Name.XML)
    if intent:
        pdf.Root.OutputIntents = Array([Dictionary(Type=Name.OutputIntent, S=Name.GTS_PDFA1)])
    out = io.BytesIO()
    pdf.save(out, fix_metadata_version=False, static_id=True)
    return out.getvalue()
