"""SVG: where the bytes go, what is refused, and what a renderer makes of it."""

from __future__ import annotations

import base64
import codecs
import io
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from variants.svg import C2PA, DOCTYPE, DRAWING, INKSCAPE, OPEN, PACKET, STORE, VARIANTS

from labeler.errors import LimitError, UnreadableError, UsageError
from labeler.media import Content, Limits, Slot, identify
from labeler.media.base import Inserted
from labeler.media.svg import MEDIUM, SvgSurface

LIMITS = Limits()
NOTICE = '<g id="tanba-notice" xmlns="http://www.w3.org/2000/svg" aria-label="ЖИ жасаған"><rect width="8" height="5"/></g>'
SVG = "http://www.w3.org/2000/svg"


def read(text: str | bytes, limits: Limits = LIMITS, *, essence: bool = False) -> Content:
    data = text.encode() if isinstance(text, str) else text
    return MEDIUM.read(io.BytesIO(data), limits, essence=essence)


def spliced(text: str | bytes, puts: Mapping[Slot, bytes]) -> str:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(text.encode() if isinstance(text, str) else text), out, puts)
    return out.getvalue().decode()


def surface(text: str | bytes) -> SvgSurface:
    return MEDIUM.surface(io.BytesIO(text.encode() if isinstance(text, str) else text), LIMITS)


def inserted(text: str | bytes, element: str = NOTICE, *, grow: float = 0) -> str:
    return surface(text).insert(element, grow=grow).data.decode()


def put(text: str | bytes, packet: str = PACKET) -> str:
    return spliced(text, {Slot.XMP: packet.encode()})


def fields(text: str) -> list[tuple[str, str, str]]:
    return [(f.where, f.key, f.value.decode()) for f in read(text).fields]


# Metadata


def test_a_packet_goes_right_behind_the_start_tag() -> None:
    ours = f'<metadata id="tanba-xmp">{PACKET}</metadata>'
    assert put(f"{OPEN}{DRAWING}</svg>") == f"{OPEN}{ours}{DRAWING}</svg>"
    assert put(f"{OPEN}<metadata/></svg>") == f"{OPEN}{ours}<metadata/></svg>"
    assert put(f"<?a b?>{OPEN[:-1]}\n/>\n<!-- -->") == f"<?a b?>{OPEN[:-1]}\n>{ours}</svg>\n<!-- -->"
    prefixed = f'<s:svg xmlns:s="{SVG}"><s:g/></s:svg>'
    assert put(prefixed) == prefixed.replace("<s:g/>", ours.replace("metadata", "s:metadata") + "<s:g/>")


def test_metadata_that_is_there_is_joined_not_doubled() -> None:
    # c2pa-rs writes one manifest for each metadata element, and then cannot read the file
    assert put(INKSCAPE) == INKSCAPE.replace("  </metadata>", f"  {PACKET}</metadata>")


@pytest.mark.parametrize("white", ["", "\n  "])
def test_a_packet_that_is_there_is_replaced_with_its_wrapper(white: str) -> None:
    text = f'{OPEN}<metadata id="m"><a/>{white}%s{white}<b/></metadata>{DRAWING}</svg>'
    other = '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    assert put(text % PACKET, other) == text % other
    assert put(text % other) == text % PACKET
    assert put(text % PACKET, f"\n {PACKET} \n") == text % PACKET
    assert read(text % PACKET).slots == {Slot.XMP: PACKET.encode()}


def test_creative_commons_data_is_no_packet_of_ours() -> None:
    assert read(INKSCAPE).slots == {}
    bare = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description/></rdf:RDF>'
    assert read(f"{OPEN}<metadata>{bare}</metadata></svg>").slots == {}
    own = put(f"{OPEN}</svg>", bare)
    assert own == f'{OPEN}<metadata id="tanba-xmp">{bare}</metadata></svg>'
    assert read(own).slots == {Slot.XMP: bare.encode()}
    with pytest.raises(UsageError):
        put(INKSCAPE, bare)


def test_a_packet_outside_its_legal_place_is_no_slot() -> None:
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    for body in (packet, f"<g><metadata>{packet}</metadata></g>", f"<metadata><g>{packet}</g></metadata>"):
        assert read(f"{OPEN}{body}</svg>").slots == {}
    assert read(f'{OPEN}<metadata xmlns="a:b">{packet}</metadata></svg>').slots == {}


def test_a_packet_that_leans_on_its_surroundings_is_a_field() -> None:
    text = f'{OPEN[:-1]} xmlns:x="adobe:ns:meta/"><metadata><x:xmpmeta q="1">two</x:xmpmeta></metadata></svg>'
    assert read(text).slots == {}
    assert fields(text) == [("svg:metadata", "q", "1"), ("svg:metadata", "x:xmpmeta", "two")]
    new = put(text)
    assert new == text.replace("</metadata>", f"{PACKET}</metadata>")
    assert read(new).slots == {Slot.XMP: PACKET.encode()} and fields(new) == fields(text)


@pytest.mark.parametrize(
    "payload",
    ["", "text", "<a/>", "<x:xmpmeta/>", '<?xml version="1.0"?>' + PACKET, PACKET + PACKET, PACKET[:-9],
     "<!-- -->" + PACKET, PACKET.replace("Дала", "</metadata>"), PACKET + "</metadata><metadata>"],
)  # fmt: skip
def test_a_payload_that_is_no_packet_writes_nothing(payload: str) -> None:
    for text in (OPEN + "</svg>", f"{OPEN}<metadata>{PACKET}</metadata></svg>"):
        out = io.BytesIO()
        with pytest.raises(UsageError):
            MEDIUM.splice(io.BytesIO(text.encode()), out, {Slot.XMP: payload.encode()})
        assert out.getvalue() == b""


def test_other_slots_are_refused() -> None:
    with pytest.raises(UsageError):
        spliced(OPEN + "</svg>", {Slot.EXIF: b"II*\0"})


def test_the_manifest_store_is_read_replaced_and_kept() -> None:
    assert read(C2PA).slots == {Slot.C2PA: STORE}
    assert spliced(C2PA, {Slot.C2PA: b"new"}) == C2PA.replace(base64.b64encode(STORE).decode(), "bmV3")
    both = put(C2PA)
    assert both == C2PA.replace("</metadata>", f"{PACKET}</metadata>")
    assert read(both).slots == {Slot.C2PA: STORE, Slot.XMP: PACKET.encode()}
    manifest = f'<c2pa:manifest xmlns:c2pa="http://c2pa.org/manifest">{base64.b64encode(STORE).decode()}</c2pa:manifest>'
    new = f'{OPEN}<metadata id="tanba-xmp">{PACKET}{manifest}</metadata></svg>'
    assert spliced(f"{OPEN}</svg>", {Slot.XMP: PACKET.encode(), Slot.C2PA: STORE}) == new
    assert read(C2PA.replace(base64.b64encode(STORE).decode(), " A?\n= ")).slots == {Slot.C2PA: b"A?="}


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_put_is_a_copy(name: str) -> None:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(VARIANTS[name]()), out, {})
    assert out.getvalue() == VARIANTS[name]()


def test_the_digest_is_of_the_drawing() -> None:
    def digest(text: str) -> object:
        return read(text, essence=True).essence

    plain = f"{OPEN}{DRAWING}</svg>"
    assert (
        digest(C2PA) == digest(put(C2PA)) == digest(put(plain)) == digest("\ufeff" + plain) == digest(plain)
    )
    assert digest(f"{OPEN[:-1]}/>") == digest(f"{OPEN}</svg>") == digest(f"{OPEN}</svg\n>")
    assert digest(DOCTYPE + plain) == digest(DOCTYPE.replace(" svg", "\nsvg") + plain) != digest(plain)
    for change in (
        plain.replace("#363", "#364"),
        plain + "\n",
        inserted(plain),
        plain.replace("0 0 160", "0 0 161"),
    ):
        assert digest(change) != digest(plain)
    assert digest(plain.replace("><rect", "><metadata>x</metadata><rect")) != digest(plain)


def test_fields() -> None:
    assert fields(INKSCAPE) == [
        ("svg:comment", "comment", " Created with Inkscape (http://www.inkscape.org/) "),
        ("svg:attribute", "inkscape:version", "1.3.2 (091e20e, 2023-11-25)"),
        ("svg:attribute", "sodipodi:docname", "a & b > c.svg"),
        ("svg:attribute", "data-generator", 'say "svg"'),
        ("svg:title", "title", "Дала"),
        ("svg:metadata", "dc:format", "image/svg+xml"),
        ("svg:metadata", "rdf:resource", "http://purl.org/dc/dcmitype/StillImage"),
        ("svg:metadata", "dc:title", "A. Author"),
    ]
    text = f"{OPEN}<title>a<!--b-->c</title><g><title>of a group</title></g><desc> <p>d<i>e</i></p> </desc></svg><!--z-->"
    assert fields(text) == [
        ("svg:comment", "comment", "b"),
        ("svg:title", "title", "ac"),
        ("svg:desc", "desc", "de"),
    ]


# Encodings


@pytest.mark.parametrize("name", ["utf-16", "utf-16-be", "latin-1", "cyrillic"])
def test_a_document_keeps_its_encoding(name: str) -> None:
    codec = {"utf-16": "utf-16-le", "latin-1": "latin-1", "cyrillic": "cp1251"}.get(name, name)
    data = VARIANTS[name]()
    for new, added in (
        (surface(data).insert(NOTICE).data, NOTICE),
        (b"".join(_written(data)), f'<metadata id="tanba-xmp">{PACKET}</metadata>'),
    ):
        raw = added.encode(codec, "xmlcharrefreplace")
        assert new.count(raw) == 1 and new.replace(raw, b"") == data
    new = surface(data).insert(NOTICE).data
    assert surface(new).inserted() == Inserted(NOTICE, True)
    assert read(b"".join(_written(data))).slots == {Slot.XMP: PACKET.encode()}
    assert read(data).fields[0].value.decode() in ("Café", "Дала")


def _written(data: bytes) -> list[bytes]:
    out = io.BytesIO()
    MEDIUM.splice(io.BytesIO(data), out, {Slot.XMP: PACKET.encode()})
    return [out.getvalue()]


def test_references_of_others_are_left_as_they_are() -> None:
    packet = PACKET.replace("Дала", "&#233;&#38;&#55296;&#9999999;&#xd800;").split("\n")[1]
    data = f'<?xml version="1.0" encoding="latin1"?>{OPEN}</svg>'.replace("latin1", "iso-8859-1").encode(
        "latin-1"
    )
    with pytest.raises(UsageError):  # not well-formed: a reference to half a letter
        put(data, packet)
    packet = PACKET.replace("Дала", "&#233;&#38;").split("\n")[1]
    assert read(put(data, packet)).slots == {Slot.XMP: packet.encode()}


@pytest.mark.parametrize(
    "codec",
    ["us-ascii", *(f"iso-8859-{n}" for n in range(1, 17) if n != 12), *(f"windows-125{n}" for n in range(9)), "koi8-r", "koi8-u"],
)  # fmt: skip
def test_each_encoding_gives_its_bytes_back(codec: str) -> None:
    for value in range(256):
        letter = codecs.decode(bytes((value,)), codec, "ignore")
        assert letter.encode(codec) == (bytes((value,)) if letter else b"")


@pytest.mark.parametrize(
    "name", ["utf-7", "punycode", "idna", "utf-32", "shift_jis", "rot13", "iso-8859-12", "x"]
)
def test_other_encodings_are_refused(name: str) -> None:
    with pytest.raises(UnreadableError, match="UTF-8"):
        read(f'<?xml version="1.0" encoding="{name}"?>{OPEN}</svg>')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xfe<\0s",
        b"\xff\xfe\0\xd8" * 9,
        f"{OPEN}</svg>".encode("utf-32"),
        f"{OPEN}\xe9</svg>".encode("latin-1"),
        f"{OPEN}</svg>\0".encode(),
        f"{OPEN}</svg>junk".encode(),
        f"{OPEN}<a></svg>".encode(),
        f"{OPEN}<c2pa:manifest/></svg>".encode(),
        f"{OPEN}&nbsp;</svg>".encode(),
        b"<svg/>",
        b'<svg xmlns="http://www.w3.org/1999/xhtml"/>',
        f'<html xmlns="http://www.w3.org/1999/xhtml">{OPEN}</svg></html>'.encode(),
    ],
)
def test_malformed_documents(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


# Hostile documents


LOL = '<!DOCTYPE svg [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "subset",
    [
        LOL + "]>",
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE svg [<!ENTITY % p SYSTEM "http://127.0.0.1/p.dtd"> %p;]>',
        '<!DOCTYPE svg [<!ATTLIST svg id CDATA "tanba-notice">]>',
        DOCTYPE[:-1] + "[]>",
    ],
)
def test_a_document_type_of_its_own_is_refused(subset: str) -> None:
    text = f"{subset}{OPEN}<title>&i;</title></svg>"
    assert MEDIUM.accept(text.encode()[:4096], None) == 100
    with pytest.raises(UnreadableError, match="Save it as plain SVG"):
        read(text)


def test_an_external_document_type_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/svg.dtd"
        assert read(f'<!DOCTYPE svg SYSTEM "{url}">{OPEN}<title>a</title></svg>').size == (160, 120)
        assert read(f'<!DOCTYPE svg PUBLIC "x" "{url}">{OPEN}&undeclared;</svg>').size == (160, 120)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_bombs() -> None:
    read(OPEN + "<g>" * 999 + "</g>" * 999 + "</svg>")
    for text in (
        OPEN + "<g>" * 1000 + "</g>" * 1000 + "</svg>",
        OPEN + "<g>" * 1_000_000,
        OPEN + "<g/>" * 100_000 + "</svg>",
        OPEN + "<!---->" * 100_000 + "</svg>",
        OPEN + "<!--" + "<" * (64 << 20) + "--></svg>",
    ):
        with pytest.raises(LimitError):
            read(text)
    with pytest.raises(LimitError):
        read(OPEN + "</svg>", Limits(max_bytes=20))


@pytest.mark.parametrize(
    ("head", "name", "score"),
    [
        (OPEN, None, 100),
        ("\ufeff  \n<?xml version='1.0'?><!-- <html> --><?a ?>" + DOCTYPE + OPEN, "a.html", 100),
        ("<!-- a --><q:svg xmlns:q='x'>", None, 100),
        ("<svg>", None, 100),
        ("<svg/>", None, 100),
        ("<!DOCTYPE html><svg>", "a.svg", 0),
        ("<html><body><svg>", "a.svg", 0),
        ("<p>" + OPEN, "a.svg", 0),
        ("text <svg>", "a.svg", 0),
        ("<svgx>", "a.svg", 0),
        ("<!-- <svg> -->", "a.txt", 0),
        ("<!--" + "x" * 4092, "a.SVG", 50),
        ("<!--" + "x" * 4092, "a.xml", 0),
        ("<!---->" * 585, None, 0),
        ("\x1f\x8b\x08", "a.svgz", 0),
    ],
)
def test_what_is_accepted(head: str, name: str | None, score: int) -> None:
    assert MEDIUM.accept(head.encode(), name) == score


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_found(codec: str) -> None:
    data = f'<?xml version="1.0"?>{OPEN}</svg>'.encode(codec)
    assert identify(io.BytesIO(data)) is MEDIUM and read(data).size == (160, 120)


# Drawing


@pytest.mark.parametrize(
    ("attributes", "view", "scale"),
    [
        ("", (0, 0, 300, 150), 1),
        ('width="100%" height="40"', (0, 0, 300, 40), 1),
        ('width="1in" height="12pt"', (0, 0, 96, 16), 1),
        ('width="2.54cm" height="101.6Q"', (0, 0, 96, 96), 1),
        ('width="25.4mm" height=" +6pc "', (0, 0, 96, 96), 1),
        ('width="1e2px" height=".5e1"', (0, 0, 100, 5), 1),
        ('width="5em" height="-3"', (0, 0, 300, 150), 1),
        ('width="0" height="1e999"', (0, 0, 300, 150), 1),
        ('viewBox="-5 -6.5,20 10"', (-5, -6.5, 20, 10), None),
        ('viewBox="0 0 20 10" width="100%"', (0, 0, 20, 10), None),
        ('viewBox="0 0 20 10" width="40"', (0, 0, 20, 10), 2),
        ('viewBox="0 0 20 10" width="40" height="10px"', (0, 0, 20, 10), 1),
        ('viewBox="0 0 1e1 &#49;0" height="1in"', (0, 0, 10, 10), 9.6),
        ('viewBox="0 0 0 10" width="4" height="3"', (0, 0, 4, 3), 1),
        ('viewBox="0 0 10" width="4" height="3"', (0, 0, 4, 3), 1),
        ('viewBox="0 0 1e999 5"', (0, 0, 300, 150), 1),
        ('viewBox="nan 0 5 5"', (0, 0, 300, 150), 1),
        (f'viewBox="0 0 5 {"9" * 9999}"', (0, 0, 300, 150), 1),
    ],
)
def test_view_and_scale(attributes: str, view: tuple[float, ...], scale: float | None) -> None:
    target = surface(f'<svg xmlns="{SVG}" {attributes}/>')
    assert target.view == pytest.approx(view) and target.scale == pytest.approx(scale)


def test_the_notice_goes_right_before_the_end_tag() -> None:
    traps = VARIANTS["traps"]().decode()
    assert inserted(traps) == traps.replace("</svg >", f"{NOTICE}</svg >")
    assert inserted(f'<svg xmlns="{SVG}" />') == f'<svg xmlns="{SVG}" >{NOTICE}</svg>'
    prefixed = f'<s:svg xmlns:s="{SVG}"><s:g/></s:svg>'
    assert inserted(prefixed) == prefixed.replace("</s:svg>", f"{NOTICE}</s:svg>")


def test_an_old_notice_is_replaced_and_moved_last() -> None:
    text = f"{OPEN}{NOTICE}<rect/>\n{NOTICE}<title/></svg>\n"
    new = NOTICE.replace("8", "9")
    assert inserted(text, new) == f"{OPEN}<rect/>\n<title/>{new}</svg>\n"
    once = inserted(OPEN + "</svg>")
    assert inserted(once) == once
    nested = f"{OPEN}<g>{NOTICE}</g></svg>"
    assert inserted(nested) == f"{OPEN}<g>{NOTICE}</g>{NOTICE}</svg>"


@pytest.mark.parametrize(
    ("root", "grown"),
    [
        ('viewBox="0 0 20 10"', 'viewBox="0 0 20 14"'),
        ("viewBox = ' 0,0  20 , 10 '", "viewBox = ' 0,0  20 , 14 '"),
        ('viewBox="0 0 20 10" width="100%" height="100%"', 'viewBox="0 0 20 14" width="100%" height="100%"'),
        ('height="5MM"\nviewBox="0 0 20 10" width="9"', 'height="7MM"\nviewBox="0 0 20 14" width="9"'),
        ('width="20" height="10px"', 'width="20" height="14px"'),
        ('width="20" height="1in"', f'width="20" height="{1 + 4 / 96:.12g}in"'),
        ('height="10" data-x=\' height="10" >\'', 'height="14" data-x=\' height="10" >\''),
        ('q:height="10" height="10" xmlns:q="q"', 'q:height="10" height="14" xmlns:q="q"'),
        ('viewBox="0 0 0 10" height="10"', 'viewBox="0 0 0 10" height="14"'),
    ],
)
def test_growing_edits_the_start_tag_alone(root: str, grown: str) -> None:
    text = f'<?a?><svg xmlns="{SVG}" {{}}><g height="10"/></svg>'
    new = inserted(text.format(root), grow=4)
    assert new == text.format(grown).replace("</svg>", f"{NOTICE}</svg>")
    before, after = surface(text.format(root)), surface(new)
    assert after.view[:3] == before.view[:3] and after.view[3] == pytest.approx(before.view[3] + 4)
    assert after.scale == pytest.approx(before.scale)


@pytest.mark.parametrize("root", ["", 'height="100%"', 'width="5"', 'height="3em"'])
def test_what_has_no_height_cannot_grow(root: str) -> None:
    with pytest.raises(UsageError, match="viewBox"):
        inserted(f'<svg xmlns="{SVG}" {root}></svg>', grow=4)


@pytest.mark.parametrize(
    ("after", "last"),
    [
        ("", True),
        ("<!-- a --> text ", True),
        (f"<metadata>{PACKET}</metadata><title/><desc/><defs><rect/></defs><style/>", True),
        ('<n:view xmlns:n="n"/>', True),
        ("<rect/>", False),
        ("<metadata/><g/>", False),
        ("<foreignObject/>", False),
        ('<set href="#tanba-notice" attributeName="display" to="none"/>', False),
    ],
)
def test_whether_something_is_painted_over_the_notice(after: str, last: bool) -> None:
    found = surface(f"{OPEN}<rect/>{NOTICE}{after}</svg>").inserted()
    assert found and (found.element, found.last) == (NOTICE, last)


def test_no_notice_is_none() -> None:
    for body in ("", f"<g>{NOTICE}</g>", '<g xmlns="x" id="tanba-notice"/>', f"<!--{NOTICE}-->"):
        assert surface(f"{OPEN}{body}</svg>").inserted() is None


PIECE = st.sampled_from(
    ["<g/>", "<g></g>", DRAWING, "<!-- </svg> -->", "<![CDATA[</svg>]]>", "<?p </svg>?>", "&amp;", "Қазақ", "\r\n",
     "<svg><title>t</title></svg>", "<title>&lt;/svg></title>", "<metadata/>", "<metadata>m</metadata >",
     f"<metadata>{PACKET}</metadata>", '<a b=">" c=\'/>\'/>', "<style>a>b</style>"]
)  # fmt: skip
AROUND = st.sampled_from(["", "\n", "<!-- <svg> -->", "<?p <svg>?>"])


@settings(max_examples=200, deadline=None)
@given(
    before=AROUND,
    root=st.sampled_from([OPEN, OPEN[:-1] + "\n>", f"<svg a='>' xmlns='{SVG}'>"]),
    body=st.lists(PIECE, max_size=6).map("".join),
    end=st.sampled_from(["</svg>", "</svg\n>"]),
    after=AROUND,
)
def test_any_document_keeps_every_byte(before: str, root: str, body: str, end: str, after: str) -> None:
    text = before + root + body + end + after
    assert inserted(text) == before + root + body + NOTICE + end + after
    assert inserted(inserted(text)) == inserted(text)
    other = PACKET.replace("Дала", "Көл")
    new, old = put(text, other), read(text)
    assert put(new, other) == new and read(new).slots == {Slot.XMP: other.encode()}
    assert read(new, essence=True).essence == read(text, essence=True).essence
    assert read(new).fields == old.fields and read(new).trailing == old.trailing == len(after)
    if old.slots:
        assert put(new) == put(text)
    else:
        assert re.sub(f'(<metadata id="tanba-xmp">)?{re.escape(other)}(?(1)</metadata>)', "", new) == text


# Other people's tools


def tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed: this check did NOT run")


def rendered(text: str, folder: Path) -> Image.Image:
    path, png = folder / "a.svg", folder / "a.png"
    path.write_text(text, encoding="utf-8", newline="")
    subprocess.run([tool("rsvg-convert"), path, "-o", png], check=True)
    return Image.open(png).convert("RGBA")


@pytest.mark.parametrize(
    "name", ["view-box", "inkscape", "traps", "bom-crlf", "pixels", "millimetres", "c2pa"]
)
def test_a_renderer_sees_the_notice_and_else_the_same(name: str, tmp_path: Path) -> None:
    text = VARIANTS[name]().decode()
    box = '<rect x="40" y="60" width="40" height="20" fill="#000"/>'
    notice = f'<g id="tanba-notice" xmlns="{SVG}">{box}</g>'
    old, new = rendered(text, tmp_path), rendered(put(inserted(text, notice)), tmp_path)
    scale = old.width / 160
    place = tuple(round(v * scale) for v in (40, 60, 80, 80))
    inner = (place[0] + 2, place[1] + 2, place[2] - 2, place[3] - 2)
    assert new.crop(inner).getcolors() == [((inner[2] - inner[0]) * (inner[3] - inner[1]), (0, 0, 0, 255))]
    for image in (old, new):
        image.paste((0, 0, 0, 255), (place[0] - 2, place[1] - 2, place[2] + 2, place[3] + 2))
    assert old.tobytes() == new.tobytes()


@pytest.mark.parametrize("name", ["view-box", "inkscape", "pixels"])
def test_a_renderer_sees_the_strip_under_the_picture(name: str, tmp_path: Path) -> None:
    text = VARIANTS[name]().decode()
    strip = f'<g id="tanba-notice" xmlns="{SVG}"><rect y="120" width="160" height="40" fill="#000"/></g>'
    old, new = rendered(text, tmp_path), rendered(inserted(text, strip, grow=40), tmp_path)
    assert new.width == old.width and abs(new.height - old.height * 160 / 120) <= 1
    inner = new.crop((2, old.height + 2, new.width - 2, new.height - 2))
    assert inner.getcolors() == [(inner.width * inner.height, (0, 0, 0, 255))]
    rows = (0, 0, old.width, old.height - 2)
    assert new.crop(rows).tobytes() == old.crop(rows).tobytes()


def test_exiftool_reads_the_packet(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text(put(f"{OPEN}{DRAWING}</svg>"), encoding="utf-8")
    run = subprocess.run(
        [tool("exiftool"), "-s3", "-G1", "-a", "-Source", path], capture_output=True, text=True
    )
    assert "Дала" in run.stdout


@pytest.mark.parametrize(
    ("align", "view"),
    [
        ("xMidYMid slice", (0, 225, 800, 150)),
        ("xMidYMin slice", (0, 0, 800, 150)),
        ("xMinYMax slice", (0, 450, 800, 150)),
        ("xMidYMid meet", (0, 0, 800, 600)),
    ],
)
def test_the_view_is_what_slicing_leaves(align: str, view: tuple[float, ...]) -> None:
    data = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="75" viewBox="0 0 800 600" '
        f'preserveAspectRatio="{align}"/>'
    ).encode()
    surface = MEDIUM.surface(io.BytesIO(data), Limits())
    assert surface is not None and surface.view == view
