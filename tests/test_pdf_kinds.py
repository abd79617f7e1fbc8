"""PDFs that somebody locked, damaged, archived or signed: what they were they stay, and the receipt tells the rest."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
from pictures import encode
from pikepdf import Array, Dictionary, Name, Permissions, Stream
from signed import judged, signed
from variants.pdf import TEXT, VARIANTS, archive, document, encrypted, saved

import labeler
from labeler import Label
from labeler.errors import LabelError, LimitError, LockedError, UsageError
from labeler.media.base import Limits, Slot
from labeler.media.pdf import MEDIUM
from labeler.media.pdf_bounds import inflated

LABEL = Label(system="Kandinsky 5", publisher="Qala Media")
CLOSED = Permissions(modify_other=False)


def verdict(receipt: labeler.Receipt, password: str | None = None) -> str:
    return labeler.verify(receipt.data, sidecar=receipt.sidecar_data, password=password).verdict.value


# ---- encrypted


@pytest.mark.parametrize("revision", [3, 4, 6])
@pytest.mark.parametrize("word", ["user", "o"])
def test_a_password_opens_and_the_file_stays_encrypted(revision: int, word: str, tmp_path: Path) -> None:
    options = {"aes": False, "metadata": False} if revision == 3 else {"aes": True}
    data = encrypted(revision, "user", **options)
    for wrong in (None, "other"):
        with pytest.raises(LockedError) as caught:
            labeler.add(data, None, LABEL, password=wrong)
        assert "--password-file" in caught.value.hint
        problem = labeler.verify(data, password=wrong).error
        assert problem and problem.code == "unreadable.locked"
    receipt = labeler.add(data, None, LABEL, password=word)
    assert receipt.data.startswith(data) and receipt.sidecar_data
    assert any("encrypted" in line for line in receipt.degradations)
    assert verdict(receipt, word) == "labelled"
    again = labeler.add(receipt.data, None, LABEL, password=word)
    assert again.degradations
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(io.BytesIO(receipt.data))
    with pikepdf.open(io.BytesIO(receipt.data), password="user") as pdf:
        assert revision == pdf.encryption.R and str(pdf.trailer.Info.Title) == "Құжат"
    if shutil.which("qpdf"):
        file = tmp_path / "a.pdf"
        file.write_bytes(receipt.data)
        done = subprocess.run(["qpdf", "--check", "--password=user", file], capture_output=True, check=False)
        assert done.returncode == 0, done


def test_a_password_does_not_lock_files_that_need_none() -> None:
    for name in ("table", "aes-256"):
        assert verdict(labeler.add(VARIANTS[name](), None, LABEL, password="x"), "x") == "labelled"


def test_owners_who_forbid_changes_are_asked_first() -> None:
    data = encrypted(6, "user", allow=CLOSED, aes=True)
    with pytest.raises(UsageError, match="locked it against changes") as caught:
        labeler.add(data, None, LABEL, password="user")
    assert "--force" in caught.value.hint
    assert labeler.verify(data, password="user").error is None, "reading is nobody's to forbid"
    forced = labeler.add(data, None, LABEL, password="user", force=True)
    assert any("locked it against changes" in line for line in forced.remarks)
    assert verdict(labeler.add(data, None, LABEL, password="o")) == "unreadable"
    assert verdict(labeler.add(data, None, LABEL, password="o"), "user") == "labelled"


def test_passwords_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from labeler.cli import main

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    file, out, word = tmp_path / "a.pdf", tmp_path / "b.pdf", tmp_path / "word"
    file.write_bytes(encrypted(6, "құпия", aes=True))
    word.write_text("құпия\nsecond line\n", "utf-8")
    add = ("add", file, "-o", out, "--system", "K", "--publisher", "Q")
    assert run(*add)[0] == 3
    code, said = run(*add, "--password-file", word)
    assert code == 0 and "signed in a sidecar: it is encrypted" in said
    for command in ("verify", "show"):
        assert run(command, out)[0] == 3
        assert run(command, out, "--password-file", word)[0] == 0
    monkeypatch.setenv("LABEL_PASSWORD", "құпия")
    code, said = run("verify", "--format", "json", out)
    assert code == 0 and "құпия" not in said
    (tmp_path / "empty").write_text("\n")
    for bad in ("none", "empty"):
        code, said = run("verify", file, "--password-file", tmp_path / bad)
        assert code == 2 and "password" in said


# ---- damaged


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d[:-30],
        lambda d: d.replace(b"startxref\n", b"startxref\n9"),
        lambda d: d + b"\0" * 3000,
        lambda d: d.replace(b"xref\n0", b"xrex\n0"),
    ],
    ids=["cut", "offset", "junk", "no-table"],
)
@pytest.mark.parametrize("name", ["table", "tagged", "attachments"])
def test_damaged_files_are_rebuilt_and_the_receipt_says_so(name: str, damage: object, tmp_path: Path) -> None:
    data = damage(VARIANTS[name]())  # type: ignore[operator]
    report = labeler.verify(data)
    assert report.verdict == "unreadable" and report.error and "label add" in report.error.hint
    receipt = labeler.add(data, None, LABEL)
    assert any(
        "rebuilt with 1 page" in line and "bytes are not kept" in line for line in receipt.degradations
    )
    assert verdict(receipt) == "labelled"
    file = tmp_path / "a.pdf"
    file.write_bytes(receipt.data)
    if shutil.which("qpdf"):
        assert subprocess.run(["qpdf", "--check", file], capture_output=True, check=False).returncode == 0
    with pikepdf.open(file) as pdf, pikepdf.open(io.BytesIO(VARIANTS[name]())) as old:
        assert set(old.attachments) == set(pdf.attachments) - {"manifest.c2pa"}
        kept = "/Info" in pdf.trailer and str(pdf.trailer.Info.Title) == "Құжат"
        assert kept != any("without the document's properties" in line for line in receipt.degradations)


def test_a_damaged_file_is_not_replaced_without_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(data := VARIANTS["table"]()[:-30])
    with pytest.raises(UsageError, match="in its place would stand") as caught:
        labeler.add(file, None, LABEL, in_place=True)
    assert "--backup" in caught.value.hint and file.read_bytes() == data
    labeler.add(file, None, LABEL, in_place=True, backup=".orig")
    assert (tmp_path / "a.pdf.orig").read_bytes() == data and labeler.verify(file).verdict == "labelled"


def test_damage_does_not_launder() -> None:
    labelled = labeler.add(VARIANTS["table"](), None, LABEL).data
    with pytest.raises(LabelError) as caught:
        labeler.add(labelled[:-30], None, Label(system="Other"))
    assert caught.value.code == "tampered"
    with pytest.raises(LabelError, match="signed"):
        labeler.add(signed(VARIANTS["table"]())[:-30], None, LABEL)
    for data in (b"%PDF-1.7\n", VARIANTS["xref-stream"]()[:300]):
        with pytest.raises(LabelError) as caught:
            labeler.add(data, None, LABEL)
        assert "whole file" in caught.value.hint


# ---- PDF/A

RDF, EXTENSION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://www.aiim.org/pdfa/ns/extension/}"
SCHEMA, PROPERTY = "{http://www.aiim.org/pdfa/ns/schema#}", "{http://www.aiim.org/pdfa/ns/property#}"
# ISO 19005-1, 6.7.8: what needs no description (only what these tests use)
PREDEFINED = ("http://purl.org/dc/", "http://ns.adobe.com/", "http://www.aiim.org/pdfa/ns/")
VALUES = {"Text", "URI", "Lang Alt"}


def undescribed(packet: bytes) -> set[str]:
    """A lint of our own (veraPDF's rules 6.7.9 and 6.6.2.3): used properties that no schema describes, once each."""
    rdf = ElementTree.fromstring(packet.decode()).find(f"{RDF}RDF")
    assert rdf is not None
    used, known = set(), []
    for description in rdf.findall(f"{RDF}Description"):
        names = [*description.attrib, *(child.tag for child in description)]
        used |= {n for n in names if not n.startswith((RDF, "{http://www.w3.org/XML"))}
        for schemas in description.findall(f"{EXTENSION}schemas"):
            (bag,) = schemas
            assert bag.tag == f"{RDF}Bag"
            for item in bag:
                said = {c.tag: c for c in item}
                assert {f"{SCHEMA}{k}" for k in ("schema", "namespaceURI", "prefix", "property")} == set(said)
                (seq,) = said[f"{SCHEMA}property"]
                for one in seq:
                    parts = {c.tag.removeprefix(PROPERTY): c.text for c in one}
                    assert set(parts) == {"name", "valueType", "category", "description"}
                    assert parts["valueType"] in VALUES and parts["category"] in ("internal", "external")
                    known.append(f"{{{said[f'{SCHEMA}namespaceURI'].text}}}{parts['name']}")
    assert len(known) == len(set(known))
    assert len(rdf.findall(f"*/{EXTENSION}schemas")) <= 1
    return {n for n in used if not n[1:].startswith(PREDEFINED)} - set(known)


def other_schemas(namespace: str, name: str) -> str:
    """As other software writes them, with prefixes of its own."""
    return (
        '<rdf:Description rdf:about="" xmlns:e="http://www.aiim.org/pdfa/ns/extension/" '
        'xmlns:s="http://www.aiim.org/pdfa/ns/schema#" xmlns:p="http://www.aiim.org/pdfa/ns/property#"><e:schemas>'
        '<rdf:Bag><rdf:li rdf:parseType="Resource"><s:schema>x</s:schema>'
        f"<s:namespaceURI>{namespace}</s:namespaceURI><s:prefix>x</s:prefix><s:property><rdf:Seq>"
        f'<rdf:li rdf:parseType="Resource"><p:name>{name}</p:name><p:valueType>Text</p:valueType>'
        "<p:category>internal</p:category><p:description>d</p:description></rdf:li></rdf:Seq></s:property></rdf:li>"
        "</rdf:Bag></e:schemas></rdf:Description>"
    )


SCHEMAS = {
    "none": "",
    "others": other_schemas("urn:other", "Other"),
    "iptc": other_schemas("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "AISystemUsed"),
    "iptc-other": other_schemas("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "PersonInImage"),
}


@pytest.mark.parametrize("level", ["1B", "3B"])
@pytest.mark.parametrize("there", list(SCHEMAS))
def test_what_claims_an_archive_describes_our_properties(level: str, there: str) -> None:
    data = archive(level, SCHEMAS[there])
    first = labeler.add(data, None, LABEL)
    for label in (LABEL, Label(system="Kandinsky 5", system_version="2", publisher="Qala Media")):
        receipt = labeler.add(data, None, label, sidecar=True)
        packet = MEDIUM.read(io.BytesIO(receipt.data), Limits()).slots[Slot.XMP]
        assert not undescribed(packet), undescribed(packet)
        assert SCHEMAS[there][:200].encode() in packet
    old = MEDIUM.read(io.BytesIO(first.data), Limits()).slots[Slot.XMP]
    assert old.count(b"AISystemUsed</") == 1, "described once"


@pytest.mark.parametrize(
    ("level", "embeds"),
    [("1A", 0), ("1B", 0), ("2B", 0), ("2U", 0), ("3A", 1), ("4", 0), ("4E", 0), ("4F", 1)],
)
def test_no_level_is_claimed_that_was_lost(level: str, embeds: int) -> None:
    receipt = labeler.add(archive(level), None, LABEL)
    assert (receipt.sidecar_data is None) == bool(embeds)
    assert any(f"PDF/A-{level.lower()}" in line for line in receipt.degradations) == (not embeds)
    assert verdict(receipt) == "labelled"
    with pikepdf.open(io.BytesIO(receipt.data)) as pdf:
        assert bool(pdf.attachments) == bool(embeds) and ("/AF" in pdf.Root) == bool(embeds)
        packet = pdf.Root.Metadata
        assert "/Filter" not in packet and packet.Type == Name.Metadata
        form = pdf.pages[0].obj.Resources.XObject["/TanbaNotice"]
        content = form.read_bytes()
        assert b"/G cs" in content and not re.search(rb"\s[gG]\s", content), "no colour of a device"
        font = form.Resources.Font.F.DescendantFonts[0].FontDescriptor
        assert ("/CIDSet" in font) == level.startswith("1") and "/FontFile2" in font
        if level.startswith("1"):
            bits = font.CIDSet.read_bytes()
            there = {i for i in range(len(bits) * 8) if bits[i // 8] & (0x80 >> i % 8)}
            assert there >= {int(w) for w in list(font_widths(form))} and 0 in there
    with pikepdf.open(io.BytesIO(labeler.add(archive(level, intent=True), None, LABEL).data)) as pdf:
        assert b"/G cs" not in pdf.pages[0].obj.Resources.XObject["/TanbaNotice"].read_bytes()


def font_widths(form: pikepdf.Object) -> list[int]:
    return [int(v) for v in list(form.Resources.Font.F.DescendantFonts[0].W)[::2]]


def test_the_subject_of_a_document_is_not_hidden_by_our_caption() -> None:
    pdf = document()
    pdf.trailer.Info.Subject = "Есеп"
    for data, caption in ((saved(pdf), False), (saved(document()), True)):
        receipt = labeler.add(data, None, LABEL)
        packet = MEDIUM.read(io.BytesIO(receipt.data), Limits()).slots[Slot.XMP]
        assert (b"dc:description" in packet) == caption and b"tanba:Notice" in packet


# ---- signed


@pytest.mark.parametrize(
    ("certify", "name"), [(0, "table"), (1, "xref-stream"), (2, "xmp"), (3, "table"), (1, "xmp")]
)
def test_signatures_of_others_stay_valid(certify: int, name: str) -> None:
    data = signed(VARIANTS[name](), certify=certify)
    before = judged(data)
    receipt = labeler.add(data, None, LABEL)
    assert receipt.data.startswith(data)
    after = judged(receipt.data)
    for verdict_ in (before, after):
        assert verdict_.intact and verdict_.valid and verdict_.bottom_line
        assert verdict_.docmdp_ok is not False
    assert receipt.marks == ("xmp", "sidecar") and receipt.notice.mode == "none"
    told = sorted(line.partition(":")[0] for line in receipt.degradations)
    assert told == ["no notice was drawn", "signed in a sidecar"]
    report = labeler.verify(receipt.data, sidecar=receipt.sidecar_data)
    assert report.verdict == "incomplete"
    assert (
        labeler.verify(receipt.data, sidecar=receipt.sidecar_data, notice_on_page=True).verdict == "labelled"
    )


@pytest.mark.parametrize("mode", ["all", "first", "band"])
def test_a_visible_change_of_a_signed_file_must_be_asked_for(mode: str) -> None:
    data = signed(VARIANTS["xref-stream"](), certify=2)
    receipt = labeler.add(data, None, LABEL, notice=mode)  # type: ignore[arg-type]
    assert any("visible change of a sealed file" in line for line in receipt.remarks)
    assert receipt.notice.mode == mode and verdict(receipt) == "labelled"
    assert judged(receipt.data).intact and not judged(receipt.data).docmdp_ok, "pyHanko sees the change"


def test_label_then_sign_then_label_again(tmp_path: Path) -> None:
    """The order that docs/pdf.md recommends: everything visible first, the signature, our manifest beside it."""
    first = labeler.add(VARIANTS["xref-stream"](), None, LABEL, sidecar=True)
    file = tmp_path / "a.pdf"
    file.write_bytes(signed(first.data, certify=1))
    receipt = labeler.add(file, None, LABEL, in_place=True)
    assert receipt.notice.mode == "all" and receipt.sidecar
    assert labeler.verify(file).verdict == "labelled"
    final = judged(file.read_bytes())
    assert final.intact and final.valid and final.bottom_line and final.docmdp_ok
    assert labeler.add(file, None, LABEL, in_place=True).unchanged


def test_signing_over_an_embedded_manifest_breaks_it() -> None:
    """Told in docs/pdf.md: a manifest's hash covers the whole file, so what a signature appends contradicts it."""
    late = signed(labeler.add(VARIANTS["table"](), None, LABEL).data)
    assert judged(late).bottom_line
    assert labeler.verify(late).verdict == "tampered"


# ---- inside


def with_picture(data: bytes, **more: object) -> bytes:
    """In a form, so that it takes a second look to find it."""
    pdf = document()
    picture = pdf.make_stream(
        data,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=640,
        Height=480,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
        **more,
    )
    inner = Dictionary(XObject=Dictionary(I=picture))
    form = pdf.make_stream(b"/I Do", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]))
    form.Resources = inner
    pdf.pages[0].obj.Resources.XObject = Dictionary(F=form)
    return saved(pdf)


def parts(data: bytes, **options: object) -> list[str]:
    report = labeler.verify(data, **options)  # type: ignore[arg-type]
    assert report.verdict == "no-evidence"
    return [f.where for f in report.facts if f.code == "label.ai-part"]


def test_labels_of_pictures_and_attachments_are_found() -> None:
    labelled = labeler.add(encode("jpeg"), None, LABEL).data
    assert parts(with_picture(labelled))[0].startswith("a picture on page 1: ")
    assert parts(with_picture(encode("jpeg"))) == []
    assert parts(with_picture(labelled), depth="fast") == []
    assert parts(with_picture(labelled[:900])) == [], "broken pictures say nothing"
    packet = MEDIUM.read(io.BytesIO(labeler.add(VARIANTS["table"](), None, LABEL).data), Limits()).slots[
        Slot.XMP
    ]
    pdf = pikepdf.open(io.BytesIO(with_picture(encode("jpeg"))))
    picture = pdf.pages[0].obj.Resources.XObject.F.Resources.XObject.I
    picture.Metadata = pdf.make_stream(packet, Type=Name.Metadata, Subtype=Name.XML)
    assert parts(saved(pdf))[0].startswith("a picture on page 1: ")
    pdf = document()
    pdf.attachments["a.png"] = pikepdf.AttachedFileSpec(
        pdf, labeler.add(encode("png"), None, LABEL).data, filename="a.png"
    )
    assert parts(saved(pdf))[0].startswith("the attachment a.png: ")


def test_text_is_read_in_pieces() -> None:
    pdf = document(3, content=b"BT /F1 9 Tf 9 700 Td (Hello) Tj 0 -12 Td (world) Tj ET")
    inside = MEDIUM.inside(io.BytesIO(saved(pdf)), Limits())
    assert inside.fields[0].where == "text:body" and inside.fields[0].value.count(b"world") == 3
    assert not inside.unread
    inside = MEDIUM.inside(io.BytesIO(saved(pdf)), Limits(max_pages=2))
    assert inside.fields[0].value.count(b"world") == 2 and "pages 3 to 3" in inside.unread


def test_long_documents_are_looked_at_in_part_and_it_is_said() -> None:
    receipt = labeler.add(VARIANTS["many-pages"](), None, LABEL)
    report = labeler.verify(receipt.data, limits=Limits(max_pages=7))
    assert report.verdict == "labelled"
    assert {f.where for f in report.facts if f.code == "notice.partly"} == {"33 pages not looked at"}
    assert "the visible notice on some of the pages" in report.not_checked
    assert "the text and pictures of some of the pages" in report.not_checked
    assert not any("some of" in x for x in labeler.verify(receipt.data).not_checked)


# ---- bombs


def forms(levels: int, width: int) -> bytes:
    """Each form draws the one below it so many times."""
    pdf = document()
    below = pdf.make_stream(b"0 0 1 1 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
    for _ in range(levels):
        one = pdf.make_stream(
            b"/F Do " * width, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9])
        )
        one.Resources = Dictionary(XObject=Dictionary(F=below))
        below = one
    pdf.pages[0].obj.Resources.XObject = Dictionary(F=below)
    pdf.pages[0].obj.Contents = Stream(pdf, b"/F Do")
    return saved(pdf)


def content(data: bytes) -> bytes:
    pdf = document()
    pdf.pages[0].obj.Contents = pdf.make_stream(zlib.compress(data, 9), Filter=Name.FlateDecode)
    return saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def itself() -> bytes:
    pdf = document()
    form = pdf.make_stream(b"/F Do", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 9, 9]))
    form.Resources = Dictionary(XObject=Dictionary(F=form))
    pdf.pages[0].obj.Resources.XObject = Dictionary(F=form)
    pdf.pages[0].obj.Contents = Stream(pdf, b"/F Do")
    return saved(pdf)


def test_pages_that_unfold_without_bound_are_refused() -> None:
    for bomb in (forms(12, 12), content(b"q Q " * (16 << 20))):
        report = labeler.verify(bomb)
        assert report.verdict == "unreadable" and report.error and report.error.code == "unreadable.limit"
        with pytest.raises(LimitError):
            labeler.add(bomb, None, LABEL)
    for fine in (forms(5, 5), content(b"q Q " * 9999), itself()):
        assert labeler.verify(fine).error is None
    huge = with_picture(b"\xff\xd8\xff\xd9")
    with pikepdf.open(io.BytesIO(huge)) as pdf:
        picture = pdf.pages[0].obj.Resources.XObject.F.Resources.XObject.I
        picture.Width = picture.Height = 100_000
        assert labeler.verify(saved(pdf)).error


def test_streams_are_inflated_within_bounds_whatever_their_filters() -> None:
    import base64

    pdf, data = pikepdf.new(), TEXT * 99
    coded = zlib.compress(data)
    cases = {
        ("/FlateDecode",): coded,
        ("/ASCII85Decode", "/FlateDecode"): base64.a85encode(coded) + b"~>",
        ("/AHx", "/Fl"): coded.hex().encode() + b">",
        ("/ASCIIHexDecode",): data.hex().encode() + b">",
        (): data,
    }
    small = Limits(max_inflated=len(data) - 1)
    for names, body in cases.items():
        stream = pdf.make_stream(body)
        if names:
            stream.Filter = Array([Name(n) for n in names])
        assert inflated(stream, Limits()) == data
        with pytest.raises(LimitError):
            inflated(stream, small)


# ---- mutations


@pytest.mark.parametrize("slice_", range(2))
def test_mutants_never_surprise(slice_: int) -> None:
    """A slice; ``python tests/pdf_mutants.py 5000`` is the whole."""
    from pdf_mutants import mutant, tried

    for seed in range(10_000 + 12 * slice_, 10_012 + 12 * slice_):
        assert tried(mutant(seed))


@pytest.mark.parametrize("name", [b"man\0ifest", b"\xfe\xff\0a\xd8", b"\xef\xbb\xbf\xff", b""])
def test_attachments_whose_names_are_not_found_again_end_nothing(name: bytes) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.attachments["named"] = b"x"
    tree = pdf.Root.Names.EmbeddedFiles
    (tree.Kids[0] if "/Kids" in tree else tree).Names[0] = pikepdf.String(name)
    out = io.BytesIO()
    pdf.save(out)
    report = labeler.verify(out.getvalue())
    assert report.error is None
    lost = any("broken names" in f.where for f in report.facts if f.code == "document.unread")
    assert lost == (b"\0i" in name or b"\xbf\xff" in name)
