"""PDF: what only this container has. The contract and the foreign validators run in the tests for every medium."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pypdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream
from variants.pdf import CROP, TEXT, VARIANTS, document, saved

import labeler
from labeler import Label, notices
from labeler.errors import LabelError, LimitError
from labeler.media.base import Limits, PageSurface, Slot
from labeler.media.pdf import MEDIUM
from labeler.media.pdf_update import Update, stream
from labeler.surfaces import page
from labeler.surfaces.layout import Layout, Mode, Seen

LABEL = Label(system="Kandinsky 5", publisher="Qala Media")
WORDS = notices.words(LABEL, "document", ("kk", "ru"))
KK, RU = WORDS["sentence"]["kk"], WORDS["sentence"]["ru"]


@functools.cache
def variant(name: str) -> bytes:
    return VARIANTS[name]()


def surface(data: bytes) -> PageSurface:
    found = MEDIUM.surface(io.BytesIO(data), Limits())
    assert isinstance(found, PageSurface)
    return found


def stamped(data: bytes, mode: Mode = "all") -> tuple[bytes, Layout]:
    painted, layout = page.draw(surface(data), WORDS, mode)
    return painted.data, layout


def seen(data: bytes, layout: Layout) -> Seen:
    return page.recognise(surface(data), layout, WORDS[layout.tier])


def tool(*command: str | Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which(str(command[0])):
        pytest.skip(f"{command[0]} is not installed: run tools/install_tools.sh")
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


every = pytest.mark.parametrize("name", list(VARIANTS))


MODES: list[tuple[str, Mode]] = [(name, "all") for name in VARIANTS]
MODES += [(n, m) for n in ("xref-stream", "rotated-90", "inherited", "aes-256") for m in ("first", "band")]  # type: ignore[misc]


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_labelled_pdfs_begin_with_their_source_and_open_elsewhere(
    name: str, mode: Mode, tmp_path: Path
) -> None:
    data = variant(name)
    receipt = labeler.add(data, None, LABEL, notice=mode)
    assert receipt.data.startswith(data)
    assert receipt.data[len(data) :].count(b"startxref") == 1, "one update"
    file = tmp_path / "labelled.pdf"
    file.write_bytes(receipt.data)
    assert tool("qpdf", "--check", file).returncode == 0
    text = tool("pdftotext", file, "-")
    assert not text.stderr
    shown = text.stdout.count(KK), text.stdout.count(RU)
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pages = len(pdf.pages)
    assert shown == ((1, 1) if mode == "first" else (pages, pages))
    with pikepdf.open(io.BytesIO(data)) as old, pikepdf.open(io.BytesIO(receipt.data)) as new:
        assert old.is_encrypted == new.is_encrypted
        assert old.trailer.get("/Info", {}) == new.trailer.get("/Info", {})
        assert set(new.attachments) - set(old.attachments) <= {"manifest.c2pa"}
        assert {k: bytes(old.attachments[k].get_file().read_bytes()) for k in old.attachments} == {
            k: bytes(new.attachments[k].get_file().read_bytes()) for k in old.attachments
        }
        assert all(key in new.Root for key in old.Root)

    def texts(source: bytes) -> list[str]:
        return [p.extract_text() for p in pypdf.PdfReader(io.BytesIO(source)).pages]

    assert all(before in after for before, after in zip(texts(data), texts(receipt.data), strict=True))


@pytest.mark.parametrize("name", ["table", "xref-stream", "tagged", "state-lost", "contents-split"])
def test_label_again_replaces_the_notice(name: str) -> None:
    once = labeler.add(variant(name), None, LABEL)
    other = Label(system="Kandinsky 5", publisher="Qala Media", involvement="modified")  # type: ignore[arg-type]
    twice = labeler.add(once.data, None, other)
    with pikepdf.open(io.BytesIO(twice.data)) as pdf:
        assert all(sum("/TanbaNotice" in c for c in p.obj.Contents) == 2 for p in pdf.pages), (
            "what saves the state before, and the notice"
        )
    text = "".join(p.extract_text() for p in pypdf.PdfReader(io.BytesIO(twice.data)).pages)
    new = notices.words(other, "document", ("kk", "ru"))["sentence"]
    assert new["kk"] in text and KK not in text and RU not in text
    assert labeler.verify(twice.data).verdict == "labelled"


@every
def test_the_notice_is_read_from_the_rendered_page(name: str) -> None:
    for mode in page.MODES if name != "many-pages" else page.MODES[:1]:
        data, layout = stamped(variant(name), mode)
        found = seen(data, layout)
        assert found.langs == ("kk", "ru") and found.legible, mode
        assert not seen(variant(name), layout).langs


def altered(change: Callable[[pikepdf.Pdf], None]) -> tuple[bytes, Layout]:
    data, layout = stamped(saved(document(3)))
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        return saved(pdf), layout


def after(operators: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[1].contents_add(operators)

    return change


def content(edit: Callable[[bytes], bytes]) -> Callable[[pikepdf.Pdf], None]:
    """Edit what draws the notice on the second page."""

    def change(pdf: pikepdf.Pdf) -> None:
        contents = pdf.pages[1].obj.Contents
        contents[-1] = Stream(pdf, edit(contents[-1].read_bytes()))

    return change


def form(edit: Callable[[bytes], bytes]) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        drawn = pdf.pages[1].obj.Resources.XObject["/TanbaNotice"]
        drawn.write(edit(drawn.read_bytes()))

    return change


def layer(pdf: pikepdf.Pdf) -> None:
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="notice"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))
    pdf.pages[1].obj.Resources.XObject["/TanbaNotice"].OC = group


def annotation(pdf: pikepdf.Pdf) -> None:
    cover = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Square,
            Rect=Array([0, 0, 595, 200]),
            F=4,
            AP=Dictionary(
                N=Stream(
                    pdf, b"1 g 0 0 595 200 re f", Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 595, 200]
                )
            ),
        )
    )
    pdf.pages[1].obj.Annots = Array([cover])


def group(alpha: str) -> Callable[[pikepdf.Pdf], None]:
    """What is drawn through a state that hides it."""
    states = {
        "transparent": Dictionary(ca=0),
        "blended": Dictionary(BM=Name.Screen),
    }

    def change(pdf: pikepdf.Pdf) -> None:
        page = pdf.pages[1].obj
        state = states.get(alpha) or Dictionary(
            SMask=Dictionary(
                S=Name.Luminosity,
                G=pdf.make_stream(
                    b"0 g 0 0 595 842 re f",
                    Type=Name.XObject,
                    Subtype=Name.Form,
                    BBox=Array([0, 0, 595, 842]),
                    Group=Dictionary(S=Name.Transparency, CS=Name.DeviceGray),
                ),
            )
        )
        page.Resources.ExtGState = Dictionary(Hide=state)
        drawn = page.Contents[-1].read_bytes().replace(b" cm", b" cm /Hide gs", 1)
        if alpha == "blended":  # onto white everything is white
            drawn = drawn.replace(b"q ", b"q 1 g 0 0 595 842 re f ", 1)
        page.Contents[-1] = Stream(pdf, drawn)

    return change


def field(pdf: pikepdf.Pdf) -> None:
    """A form field over it, filled in white."""
    annotation(pdf)
    cover = pdf.pages[1].obj.Annots[0]
    cover.Subtype, cover.FT, cover.T = Name.Widget, Name.Tx, "cover"
    pdf.Root.AcroForm = Dictionary(Fields=Array([cover]), NeedAppearances=False)


def small_page(size: float) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.add_blank_page(page_size=(size, size))

    return change


HIDDEN: dict[str, Callable[[pikepdf.Pdf], None]] = {
    "covered": after(b"1 g 0 0 595 60 re f"),
    "covered-by-an-annotation": annotation,
    "one-word-covered": after(b"1 g 30 20 60 30 re f"),
    "white-on-white": form(lambda c: c.replace(b"\n0 g\n", b"\n1 g\n")),
    "pale": form(lambda c: c.replace(b"\n0 g\n", b"\n0.85 g\n")),
    "invisible-text": form(lambda c: c.replace(b" Tf ", b" Tf 3 Tr ")),
    "not-drawn": content(lambda c: c.replace(b" Do", b" pop")),
    "off-page": content(lambda c: c.replace(b" cm", b" cm 1 0 0 1 -900 0 cm")),
    "tiny": content(lambda c: c.replace(b" cm", b" cm 0.1 0 0 0.1 0 0 cm")),
    "clipped": content(lambda c: c.replace(b"q ", b"q 0 0 1 1 re W n ", 1)),
    "layer-off": layer,
    "cropped-away": lambda pdf: pdf.pages[1].obj.__setitem__("/CropBox", Array([0, 60, 595, 842])),
    "turned": lambda pdf: pdf.pages[1].obj.__setitem__("/Rotate", 90),
    "from-one-page": lambda pdf: pdf.pages[1].obj.__setitem__("/Contents", Stream(pdf, TEXT)),
    "transparent": group("transparent"),
    "blended-away": group("blended"),
    "soft-mask": group("mask"),
    "covered-by-a-field": field,
    "tiny-page-added": small_page(20),
    "huge-page-added": small_page(14_400),
    "page-added": lambda pdf: pdf.add_blank_page(page_size=(595, 842)) and None,
}


@pytest.mark.parametrize("name", list(HIDDEN))
def test_a_notice_that_nobody_sees_is_not_found(name: str) -> None:
    data, layout = altered(HIDDEN[name])
    found = seen(data, layout)
    assert not found.legible or len(found.langs) < 2


def test_an_unaltered_copy_is_found() -> None:
    data, layout = altered(lambda pdf: None)
    assert seen(data, layout).langs == ("kk", "ru")


def test_tagged_documents_say_the_notice_first(tmp_path: Path) -> None:
    file = tmp_path / "tagged.pdf"
    file.write_bytes(labeler.add(variant("tagged"), None, LABEL).data)
    said = tool("pdfinfo", "-struct-text", file).stdout
    assert said.index(KK) < said.index(RU) < said.index("Hello")
    with pikepdf.open(file) as pdf:
        kids = pdf.Root.StructTreeRoot.K.K
        assert [str(k.get("/Lang", "")) for k in kids] == ["kk-KZ", "ru-RU", ""]
        numbers = list(pdf.Root.StructTreeRoot.ParentTree.Nums)
        assert [int(n) for n in numbers[::2]] == [0, 1] and pdf.Root.StructTreeRoot.ParentTreeNextKey == 2
        drawn = pdf.pages[0].obj.Resources.XObject["/TanbaNotice"]
        assert drawn.StructParents == 1 and list(numbers[3]) == list(kids)[:2]


@pytest.mark.parametrize("name", ["table", "xref-stream", "aes-256"])
def test_what_is_appended_after_signing_is_seen(name: str, tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(variant(name))
    labeler.add(file, None, LABEL, in_place=True)
    assert labeler.verify(file).verdict == "labelled"
    with pikepdf.open(file) as pdf:
        changed = io.BytesIO()
        pdf.pages[0].contents_add(b"BT /F1 9 Tf 72 600 Td (more) Tj ET")
        pdf.save(changed)
    for tail in (b"\n%x", b"% one more comment\n"):
        with file.open("ab") as f:
            f.write(tail)
        assert labeler.verify(file).verdict == "tampered"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no end"),
        (b"%PDF-1.7\n", "truncated"),
        (variant("table")[:-3], "truncated"),
        (variant("table") + b" " * 1100, "much behind the end"),
        (variant("table").replace(b"/Kids", b"/Kidz"), "fine: a document without pages"),
        (variant("table").replace(b"startxref\n", b"startxref\n9"), "wrong offset"),
        (variant("table").replace(b"/Size", b"/Sizf"), "no /Size"),
    ],
    ids=range(7),
)
def test_bad_files_are_typed_errors(data: bytes, why: str) -> None:
    try:
        MEDIUM.read(io.BytesIO(data), Limits(), essence=True)
    except LabelError as e:
        assert e.message and e.hint
    else:
        assert why.startswith("fine")


def test_a_page_tree_that_is_its_own_child_ends() -> None:
    pdf = document()
    pdf.Root.Pages.Kids = Array([pdf.Root.Pages, pdf.pages[0].obj])
    data = saved(pdf)
    assert len(surface(data).pages) == 1


def test_metadata_that_inflates_without_bound_is_refused() -> None:
    data = variant("xmp")
    with pikepdf.open(io.BytesIO(data)) as pdf:
        update = Update(data, pdf)
        body = stream({"/Type": b"/Metadata", "/Filter": b"/FlateDecode"}, zlib.compress(bytes(64 << 20), 9))
        update.put(pdf.Root.Metadata, body)
        bomb = update.written(finished=True)
    with pytest.raises(LimitError):
        MEDIUM.read(io.BytesIO(bomb), Limits())


def test_pages_without_room_say_what_to_do() -> None:
    with pytest.raises(labeler.errors.NoticeError, match="no notice fits") as caught:
        stamped(saved(document(MediaBox=Array([0, 0, 40, 40]))))
    assert "--notice first" in caught.value.hint


def test_a_band_grows_the_page_and_covers_nothing() -> None:
    for turn in (0, 90, 180, 270):
        data = saved(document(Rotate=turn, CropBox=CROP))
        before = surface(data).pages[0]
        new, layout = stamped(data, "band")
        now = surface(new)
        assert now.pages[0][0] == before[0] and now.pages[0][1] > before[1]
        again, _ = page.draw(now, WORDS, "band", layout)
        assert surface(again.data).pages == now.pages, "it grows once"


def test_the_same_update_has_the_same_bytes() -> None:
    for name in VARIANTS:
        assert stamped(variant(name)) == stamped(variant(name))


def test_slots() -> None:
    content = MEDIUM.read(io.BytesIO(variant("xmp")), Limits())
    assert b"pdf:Producer" in content.slots[Slot.XMP]
    assert {(f.where, f.key) for f in content.fields} == {("pdf:info", "Title"), ("pdf:info", "Producer")}


def corner(data: bytes) -> tuple[str, str]:
    """Where the words of the notice stand on the first page, as a viewer shows it."""
    import pypdfium2

    page_ = pypdfium2.PdfDocument(data)[0]
    words = page_.get_textpage()
    found = words.search(RU[:20]).get_next()
    assert found
    left, low, _, _ = words.get_charbox(found[0])
    width, height = page_.get_size()
    return "head" if low > height / 2 else "foot", "right" if left > width / 3 else "left"


def test_the_notice_stands_where_it_covers_least() -> None:
    blocks = {"foot-left": b"20 10 60 30", "foot-right": b"400 10 60 30", "head-left": b"20 800 60 30"}
    drawn = b"".join(b"%s re f " % b for b in blocks.values())
    for content_, place in (
        (TEXT, "foot-left"),
        (blocks["foot-left"] + b" re f", "foot-right"),
        (drawn, "head-right"),
        (drawn + b"400 800 9 9 re f", "head-right"),
        (b"0.8 g 0 0 595 842 re f", "foot-left"),
    ):
        data = saved(document(2, content=content_))
        labelled = labeler.add(data, None, LABEL)
        assert "-".join(corner(labelled.data)) == place, content_
        assert labeler.verify(labelled.data).verdict == "labelled"
        again = labeler.add(
            labelled.data, None, Label(system="Kandinsky 5", publisher="Qala Media", provider="x")
        )
        assert "-".join(corner(again.data)) == place, "it does not wander"
        assert labeler.add(
            again.data, None, Label(system="Kandinsky 5", publisher="Qala Media", provider="x")
        ).unchanged
