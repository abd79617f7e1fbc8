"""Texts: the notice stands where reading begins, nothing else moves, others accept the marks."""

from __future__ import annotations

import base64
import functools
import importlib
import io
import random
import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import c2patxt
import html5lib
import pytest
from browser import Browser, find
from browser import browser as opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pictures import c2pa_reader, encypher, label
from variants.html import DOCUMENT
from variants.markdown import TOML, YAML
from variants.plain import KAZAKH, RUSSIAN

import labeler
from labeler import notices
from labeler.errors import LabelError, LimitError, NoticeError, UnreadableError, UsageError
from labeler.label import Imitates, Involvement
from labeler.media import Limits, TextSurface, charsets, claims, identify, load, text_wrapper
from labeler.media.html_tokens import tokens
from labeler.surfaces import text

SUFFIX = {"plain": ".txt", "markdown": ".md", "html": ".html"}
WORDS = notices.words(label(), "text", ("kk", "ru"))["sentence"]
KK, RU = WORDS["kk"], WORDS["ru"]
ALL = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@functools.cache
def variant(module: str, name: str) -> bytes:
    made: bytes = importlib.import_module(f"variants.{module}").VARIANTS[name]()
    return made


def cases(*skipped: str) -> Iterator[Any]:
    for module in SUFFIX:
        for name in importlib.import_module(f"variants.{module}").VARIANTS:
            if name not in ("wrapped", "manifest") and (
                module == "html" or name not in skipped
            ):  # these hold a store that is none
                yield pytest.param(module, name, id=f"{module}-{name}")


NO_KAZAKH = ("cp1251", "koi8-r", "unknown", "yaml-cp1251")


def add(data: bytes, module: str, **more: Any) -> labeler.Receipt:
    return labeler.add(data, None, more.pop("label", label()), name=f"a{SUFFIX[module]}", **more)


def verify(receipt: labeler.Receipt, module: str) -> labeler.Report:
    return labeler.verify(receipt.data, name=f"a{SUFFIX[module]}", sidecar=receipt.sidecar_data)


def surface(data: bytes, module: str) -> TextSurface:
    found = load(module).surface(io.BytesIO(data), Limits())
    assert isinstance(found, TextSurface)
    return found


def codes(report: labeler.Report, prefix: str = "") -> dict[str, str]:
    return {f.code: f.where for f in report.facts if f.code.startswith(prefix)}


@pytest.mark.parametrize(("module", "name"), [c for c in cases(*NO_KAZAKH) if c.values[1] != "frames"])
def test_labelled_texts_are_accepted_by_others(module: str, name: str) -> None:
    data = variant(module, name)
    receipt = add(data, module)
    report = verify(receipt, module)
    assert report.verdict == "labelled", report.facts
    if receipt.sidecar_data:
        failures, _ = c2pa_reader(receipt.data, load(module).info.mime, receipt.sidecar_data)
        assert failures == "signingCredential.untrusted"
    else:
        other = encypher(receipt.data, load(module).info.mime)
        assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")
    # again: nothing; with another label: one notice, still valid
    if not receipt.sidecar_data:
        assert add(receipt.data, module).unchanged
        changed = label(involvement="modified")
        again = add(receipt.data, module, label=changed)
        assert verify(again, module).verdict == "labelled"
        new = notices.words(changed, "text", ("kk", "ru"))["sentence"]
        shown = surface(again.data, module).shown(text.wordings()).lines
        assert shown == new and surface(again.data, module).lacking(KK)[1] == ""
        assert KK.encode() not in again.data


@pytest.mark.parametrize("name", [n for n in ("cp1251", "shift-jis", "unnamed-encoding", "utf-16")])
def test_html_writes_kazakh_in_any_encoding(name: str) -> None:
    receipt = add(variant("html", name), "html")
    tree = html5lib.parse(receipt.data, namespaceHTMLElements=False)
    assert [p.text for p in tree.find("body").find("aside")] == [KK, RU]
    assert verify(receipt, "html").verdict == "labelled"


@pytest.mark.parametrize(
    ("module", "name", "called"),
    [
        ("plain", "cp1251", "Windows-1251"),
        ("plain", "koi8-r", "KOI8-R"),
        ("plain", "unknown", "unknown"),
        ("markdown", "yaml-cp1251", "Windows-1251"),
    ],
)
def test_an_encoding_without_kazakh_letters_says_so(module: str, name: str, called: str) -> None:
    with pytest.raises(NoticeError, match=called) as caught:
        add(variant(module, name), module)
    assert "UTF-8" in caught.value.hint and "--notice none" in caught.value.hint
    receipt = add(variant(module, name), module, notice="none")
    assert verify(receipt, module).verdict == "incomplete" and receipt.sidecar_data
    if name != "unknown":
        only = add(variant(module, name), module, langs=["ru"])
        assert RU in only.data.decode(charsets.decode(only.data).codec)


def test_the_file_beside_is_labelled_again_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(variant("plain", "crlf"))
    labeler.add(path, None, label(), in_place=True)
    first = path.read_bytes()
    assert first == f"{KK}\r\n{RU}\r\n\r\n".encode() + variant("plain", "crlf")
    assert (tmp_path / "a.txt.c2pa").is_file() and labeler.verify(path).verdict == "labelled"
    assert labeler.add(path, None, label(), in_place=True).unchanged and path.read_bytes() == first
    labeler.add(path, None, label(involvement="assisted"), in_place=True)
    assert path.read_bytes().endswith(variant("plain", "crlf")) and KK not in path.read_text("utf-8")
    assert labeler.verify(path).verdict == "labelled"
    path.write_bytes(path.read_bytes() + b"x")
    assert labeler.verify(path).verdict == "tampered"


def test_a_long_text_ends_with_the_notice_too() -> None:
    for name in ("long", "long-no-end"):
        data = variant("plain", name)
        out = add(data, "plain").data.decode()
        assert out.count(KK) == 2 and out.rstrip().endswith(RU) and out.startswith(KK)
        assert (
            out.replace(f"{KK}\n{RU}\n\n", "", 1).replace(f"\n{KK}\n{RU}", "").rstrip("\n")
            == data.decode().rstrip()
        )
    assert add(variant("plain", "utf-8"), "plain").data.decode().count(KK) == 1


# ---- the codecs, for any text

LINES = st.lists(st.text(st.sampled_from("aЖі \t<>&`-+#>\U0001f600\ufeff\ufe0f\u0301")), max_size=9)
SOUP = st.builds(
    lambda lines, ends: "".join(a + b for a, b in zip(lines, ends, strict=False)),
    LINES,
    st.lists(st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""]), min_size=9),
)
FRONT = st.sampled_from(
    [
        "",
        "",
        "---\na: b\n---\n",
        "---\r\na: b\r\n---\r\n",
        "+++\na = 1\n+++\n",
        "---\n",
        "---\n---",
        "---\nx\n---\n",
    ]
)


@ALL
@given(soup=SOUP, long=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_plain_notices_come_and_go_without_a_trace(soup: str, long: bool, encoding: str) -> None:
    soup = soup + ("б" * 70 + "\n") * 100 + soup if long else soup
    data = soup.encode(encoding)
    once = surface(data, "plain").insert(WORDS, text.wordings()).data
    assert surface(once, "plain").shown(text.wordings()).lines == WORDS
    assert surface(once, "plain").insert(WORDS, text.wordings()).data == once
    other = {"kk": "Сурет ЖИ", "ru": "ИИ"}
    wordings = {**text.wordings(), other["kk"]: "kk", other["ru"]: "ru"}
    changed = surface(once, "plain").insert(other, wordings).data
    assert surface(changed, "plain").insert(WORDS, wordings).data == once
    body = once.decode(encoding)
    for line in WORDS.values():
        body = body.replace(line, "")
    assert (
        "".join(body.split()) == "".join(soup.removeprefix("\ufeff" if encoding != "utf-16" else "").split())
        or "\ufeff" in soup
    )
    if not long and not soup.startswith("\ufeff"):
        assert once.decode(encoding).endswith(soup)


@ALL
@given(front=FRONT, soup=SOUP)
def test_markdown_notices_come_and_go_without_a_trace(front: str, soup: str) -> None:
    data = (front + soup).encode()
    once = surface(data, "markdown").insert(WORDS, text.wordings()).data
    assert surface(once, "markdown").shown(text.wordings()).lines == WORDS
    assert surface(once, "markdown").insert(WORDS, text.wordings()).data == once
    tree = MarkdownIt("commonmark").parse(once.decode("utf-8-sig")[surface(once, "markdown").begin :])  # type: ignore[attr-defined]
    assert tree[0].type == "blockquote_open" and f'<span lang="kk">{KK}</span>' in tree[2].content


PARTS = st.sampled_from(
    [
        "<!doctype html>",
        "<html>",
        "<head>",
        "</head>",
        "<body class=a>",
        "</body>",
        "</html>",
        "<title>",
        "</title>",
        "<!-- x -->",
        "<!--",
        "-->",
        "<p>",
        "</p>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<noscript>",
        "</noscript>",
        "text",
        "  \n",
        "<meta name='a' content=b>",
        "<link href=x>",
        "<base>",
        "<a b='>'>",
        '<a b="',
        '">',
        "<br/>",
        "</x>",
        "<?pi?>",
        "<!x>",
        "< ",
        "&amp;",
        "<textarea>",
        "</textarea>",
        "<svg><g/></svg>",
        "<div>",
        "</div>",
        "<h1>",
        "</h1>",
        "<iframe>",
        "</iframe>",
        "<img src=a>",
        "</p",
        "<b",
        "\ufeff",
        "Ж",
    ]
)


def tree(page: str) -> Any:
    source = io.BytesIO(page.encode())
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    return parser.parse(source, scripting=True, transport_encoding="utf-8")


def without_notice(root: Any) -> bytes:
    body = root.find("body")
    notice = body.find("aside")
    assert notice is not None and next(iter(body)) is notice and not (body.text or "").strip()
    body.text = (body.text or "") + (notice.tail or "")
    body.remove(notice)
    return ElementTree.tostring(root)


@settings(ALL, max_examples=300)
@given(parts=st.lists(PARTS, max_size=12))
def test_the_notice_is_the_first_thing_in_the_body_whatever_the_page(parts: list[str]) -> None:
    page = "".join(parts)
    once = surface(page.encode(), "html").insert(WORDS, text.wordings()).data.decode()
    assert surface(once.encode(), "html").shown(text.wordings()).lines == WORDS
    assert surface(once.encode(), "html").insert(WORDS, text.wordings()).data.decode() == once
    root = tree(once)
    notice = root.find("body").find("aside")
    assert notice is not None and [p.text for p in notice] == [KK, RU], once
    assert next(iter(root.find("body"))) is notice and not (root.find("body").text or "").strip(), once


@pytest.mark.parametrize(
    "name", ["document", "no-head", "no-body", "fragment", "quirks", "xhtml", "upper-case"]
)
def test_the_notice_changes_nothing_else_in_the_tree(name: str) -> None:
    data = re.sub(rb"<template>.*?</template>", b"", variant("html", name))  # html5lib knows it not
    once = surface(data, "html").insert(WORDS, text.wordings()).data.decode()
    before = tree(data.decode())
    before.find("body").text = before.find("body").text or ""
    assert without_notice(tree(once)) == ElementTree.tostring(before)


@ALL
@given(store=st.binary(max_size=400), before=st.text(max_size=30), behind=st.text(max_size=30))
def test_wrappers_are_those_of_others(store: bytes, before: str, behind: str) -> None:
    before, behind = (s.encode("utf-8", "replace") for s in (before, behind))  # type: ignore[assignment]
    made = text_wrapper.encode(store)
    data = before + made + b" " + behind  # type: ignore[operator]
    found = text_wrapper.find(data)
    assert [(w.store, w.start, w.defect) for w in found] == [(store, len(before), "")]
    span = c2patxt.locate(data.decode())
    assert span is not None and (span.utf8_start, span.utf8_stop) == (found[0].start, found[0].end)


# ---- what a reader is shown


def test_markdown_shows_the_notice_first() -> None:
    for data in (KAZAKH, YAML, TOML):
        out = add(data.encode(), "markdown").data.decode()
        body = out[out.index("> <span") :]
        page = MarkdownIt("commonmark", {"html": True}).render(body)
        assert page.startswith(
            f'<blockquote>\n<p><span lang="kk">{KK}</span></p>\n<p><span lang="ru">{RU}</span></p>'
        )
    from ruamel.yaml import YAML as Parser

    front = Parser(typ="safe").load(add(YAML.encode(), "markdown").data.decode().split("---\n")[1])
    assert front["title"] == "Көктем" and front["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    import tomllib

    table = tomllib.loads(add(TOML.encode(), "markdown").data.decode().split("+++\n")[1])
    assert table["ai-disclosure"] == "ai-generated" and table["params"] == {"digitalSourceType": "theirs"}


def test_front_matter_of_others_is_told_when_it_is_replaced() -> None:
    data = b"---\nai-disclosure: ai-assisted\ntitle: x\n---\ntext\n"
    receipt = add(data, "markdown")
    assert any("ai-assisted" in r for r in receipt.remarks) and b"ai-assisted" not in receipt.data
    declared = b"---\ndigitalSourceType: http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\n---\nx"
    assert labeler.verify(declared, name="a.md").verdict == "incomplete"


HIDING = {
    "body": "<body hidden>",
    "style": '<body style="display:none">',
    "opacity": "<style>body.x{opacity:0}</style><body class=x>",
    "html": "<style>p{color:red} @media screen{html , p {display: none}}</style><body>",
    "off": "<style>body{position:absolute;left:-9999px}</style><body>",
    "zero": "<style>/* { */ body{max-height:0;overflow:hidden}</style><body>",
}
HARMLESS = {
    "aside": "<style>aside{display:none!important} [role=note]{font-size:0!important;position:absolute;left:-999px}</style><body>",
    "white": "<style>*{color:#fff!important} aside p{opacity:0!important;height:0!important}</style><body>",
    "visibility": "<style>html, body {visibility: hidden}</style><body>",
    "dark": "<style>body{background:#000;color:#000;font-size:1px}</style><body>",
}


@pytest.mark.parametrize("head", [*HIDING.values(), *HARMLESS.values()], ids=[*HIDING, *HARMLESS])
def test_a_page_that_hides_its_body_is_in_doubt(head: str) -> None:
    receipt = add(f"<!doctype html>{head}<p>x".encode(), "html")
    report = verify(receipt, "html")
    hidden = head in HIDING.values()
    assert ("notice.doubtful" in codes(report)) == hidden
    assert report.verdict == ("incomplete" if hidden else "labelled")
    assert any("stylesheets" in n for n in report.not_checked)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace("<aside", "<!--<aside").replace("</aside>", "</aside>-->"),
        lambda s: s.replace("<aside", "<template><aside").replace("</aside>", "</aside></template>"),
        lambda s: s.replace("<aside", "<div hidden><aside").replace("</aside>", "</aside></div>"),
        lambda s: s.replace("display:block", "display:none", 1),
        lambda s: s.replace("color:#000", "color:#fff"),
        lambda s: s.replace("font:16px", "font:0px"),
        lambda s: s.replace("position:static", "left:-9999px;position:absolute"),
        lambda s: s.replace(KK, "Бұл мәтінді адам жазған."),
        lambda s: re.sub(r"<aside.*</aside>", "", s),
    ],
)
def test_a_notice_that_cannot_be_seen_is_none(change: Callable[[str], str]) -> None:
    page = add(b"<html><head></head><body><p>x</p></body></html>", "html").data.decode()
    report = labeler.verify(change(page).encode(), name="a.html")
    assert change(page) != page and not {"notice.kk"} & codes(report).keys()
    bare = re.sub(r'<script type="application/c2pa">.*?</script>', "", change(page)).encode()
    report = labeler.verify(bare, name="a.html")
    assert (report.verdict == "incomplete" and "notice.mismatch" in codes(report)) or "notice.ru" in codes(
        report
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not find():
        pytest.skip("no chromium is installed")
    with opened(tmp_path_factory.mktemp("chromium")) as page:
        page.look(1000, 700)
        yield page


LOOK = """(() => { const a = document.querySelector('aside[data-tanba=notice]'); if (!a) return false;
 const see = e => { const b = e.getBoundingClientRect(), s = getComputedStyle(e); return e.checkVisibility(
 {opacityProperty: true, visibilityProperty: true}) && b.width > 200 && b.height > 15 && b.left >= 0 && b.top >= 0
 && b.top < 300 && s.color === 'rgb(0, 0, 0)' && s.backgroundColor === 'rgb(255, 255, 255)'
 && parseFloat(s.fontSize) >= 12 && document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2) !== null };
 return [...a.children].length === 2 && [...a.children].every(see) && [...a.children].every(e =>
 a.contains(document.elementFromPoint(e.getBoundingClientRect().left + 5, e.getBoundingClientRect().top + 5))) })()"""


def test_chromium_sees_what_the_static_look_says(browser: Browser, tmp_path: Path) -> None:
    pages = {n: f"<!doctype html>{h}<p>x".encode() for n, h in (HIDING | HARMLESS).items()}
    pages |= {
        n: variant("html", n)
        for n in ("document", "no-head", "fragment", "text-only", "quirks", "cp1251", "shift-jis", "utf-16")
    }
    for name, data in pages.items():
        path = tmp_path / "page.html"
        path.write_bytes(add(data, "html").data)
        browser.send("Page.navigate", url=path.as_uri())
        while not browser.run("location.protocol == 'file:' && document.readyState == 'complete'"):
            time.sleep(0.02)
        seen = browser.run(LOOK)
        assert seen == (name not in HIDING) or (seen and name == "zero"), name  # doubt may be too careful


# ---- the text mark

SPRING = "Сәлем, әлем! Здравствуй, мир!\nЕкінші жол 👩‍👩‍👧️.\n"


@functools.cache
def marked() -> bytes:
    receipt = labeler.add(SPRING.encode(), None, label(), name="a.txt", text_mark=True)
    assert receipt.sidecar_data is None and receipt.marks == ("notice", "c2pa")
    return receipt.data


def test_a_text_mark_is_valid_for_others_and_stays() -> None:
    data = marked()
    assert labeler.verify(data, name="a.txt").verdict == "labelled"
    other = encypher(data, "text/plain")
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")
    verdict = c2patxt.verify(data.decode())
    assert verdict.state is c2patxt.Provenance.VALID
    assert data.startswith(f"{KK}\n{RU}\n\n{SPRING}".encode())
    assert labeler.add(data, None, label(), name="a.txt").unchanged
    again = labeler.add(data, None, label(involvement="assisted"), name="a.txt").data
    report = labeler.verify(again, name="a.txt")
    assert report.verdict == "labelled" and not codes(report, "c2pa.ingredient")
    other = encypher(again, "text/plain")  # c2patxt knows no ingredients
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")


def split() -> tuple[str, str]:
    found = text_wrapper.find(marked())[0]
    return marked()[: found.start].decode(), marked()[found.start :].decode()


CHANGES: dict[str, tuple[Callable[[str, str], str], str, str]] = {
    "appended": (lambda t, w: t + w + "PS", "tampered", "added behind"),
    "appended-line-end": (lambda t, w: t + w + "\n", "tampered", "added behind"),
    "crlf": (lambda t, w: t.replace("\n", "\r\n") + w, "tampered", "line ends"),
    "moved": (lambda t, w: w + t, "tampered", "moved"),
    "changed": (lambda t, w: t.replace("мир", "Мир") + w, "tampered", "text was changed"),
    "stripped": (lambda t, w: t.rstrip() + w, "tampered", "last line end"),
    "truncated": (lambda t, w: t + w[:-40], "incomplete", "cut off"),
    "truncated-header": (lambda t, w: t + w[:6], "incomplete", "cut off"),
    "several": (lambda t, w: t + w + w, "incomplete", "there are 2"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_happened_to_a_text_mark_is_told_apart(name: str) -> None:
    change, verdict, why = CHANGES[name]
    report = labeler.verify(change(*split()).encode(), name="a.txt")
    said = codes(report, "c2pa.tampered") | codes(report, "c2pa.malformed")
    assert why in "".join(said.values()), report.facts
    assert ("c2pa.tampered" in said) == (verdict == "tampered")
    if "c2pa.malformed" in said:
        with pytest.raises(UnreadableError, match="cannot be read"):
            labeler.add(change(*split()).encode(), None, label(), name="a.txt")


def test_another_unicode_form_is_told_apart_as_others_do() -> None:
    nfd = unicodedata.normalize("NFD", marked().decode()).encode()
    assert nfd != marked()
    said = codes(labeler.verify(nfd, name="a.txt"), "c2pa.tampered")
    assert "Unicode form" in "".join(said.values())
    assert c2patxt.verify(nfd.decode()).state is c2patxt.Provenance.INVALID
    assert encypher(nfd, "text/plain")["integrity"] == "invalid"


def test_a_text_mark_is_refused_where_it_cannot_hold(tmp_path: Path) -> None:
    for data, why in ((variant("plain", "nfd"), "NFC"), (variant("plain", "utf-16-le"), "UTF-8")):
        with pytest.raises(UsageError, match=why):
            labeler.add(data, None, label(), name="a.txt", text_mark=True)
    with pytest.raises(UsageError, match="only plain text"):
        labeler.add(b"<p>", None, label(), name="a.html", text_mark=True)
    with pytest.raises(UsageError, match="sidecar"):
        labeler.add(b"x", None, label(), name="a.txt", text_mark=True, sidecar=True)


def test_padding_of_others_is_read() -> None:
    text_, wrapper = split()
    padded = wrapper + "".join([chr(0xFE00), chr(0xE0100)] * 3)
    assert text_wrapper.find((text_ + padded).encode())[0].defect == ""
    assert text_wrapper.find((text_ + wrapper + chr(0xE0141)).encode())[0].defect
    assert text_wrapper.find("a\ufeff\ufe0f b\ufeffc".encode()) == []


# ---- which files are texts


@pytest.mark.parametrize(
    ("name", "data", "module"),
    [
        ("a.txt", b"x", "plain"),
        ("A.TXT", b"x", "plain"),
        ("a.md", b"# x", "markdown"),
        ("a.markdown", b"<!doctype html>", "markdown"),
        ("a.htm", b"x", "html"),
        ("a.php", b"<!DOCTYPE html><p>", "html"),
        (None, b"\xef\xbb\xbf \n<!-- x --><html>", "html"),
        ("a.txt", b"<!doctype html>", "plain"),
    ],
)
def test_texts_are_found_by_name_and_content(name: str | None, data: bytes, module: str) -> None:
    assert identify(io.BytesIO(data), name) is load(module)


@pytest.mark.parametrize("name", ["a.log", "a.py", "a.sh", "a.json", "a.csv", "txt", "README", None])
def test_other_texts_are_not_claimed(name: str | None) -> None:
    with pytest.raises(UnreadableError, match="no kind"):
        identify(io.BytesIO(b"just text\n"), name)
    assert not name or not claims(name)


@pytest.mark.parametrize("name", ["robots.txt", "x/CMakeLists.txt", "requirements-dev.txt", "ads.txt"])
def test_texts_for_programs_are_left_alone(name: str) -> None:
    with pytest.raises(UnreadableError, match="no kind"):
        identify(io.BytesIO(b"a: b\n"), name)
    assert not claims(name)


@pytest.mark.parametrize(
    "data", [b"a\0b", b"\x7fELF\x01", b"\x1f\x8b\x08\x01", b"PK\x03\x04", bytes(range(32))]
)
def test_binary_files_are_no_texts(data: bytes) -> None:
    for suffix in SUFFIX.values():
        with pytest.raises(UnreadableError):
            identify(io.BytesIO(data), f"a{suffix}")
        with pytest.raises(UnreadableError):
            load("plain").read(io.BytesIO(b"text" * 2000 + b"\0"), Limits())


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "cp866"])
def test_encodings_are_told_apart(codec: str) -> None:
    for sample in (RUSSIAN, RUSSIAN.upper(), "«Ёлка» — 1 №", "Весна"):
        try:
            data = sample.encode(codec)
        except UnicodeEncodeError:
            continue
        assert charsets.decode(data).codec == codec, sample
    for kazakh in ("kz1048", "ptcp154"):
        assert charsets.decode(KAZAKH.encode(kazakh)).codec == kazakh
    assert charsets.decode("Ґанок і їжа, єдність".encode("cp1251")).codec == "cp1251"
    assert charsets.decode("Ça déjà été, où est l'élève".encode("cp1252")).codec == charsets.UNKNOWN


# ---- fields for evidence


def fields(data: bytes, module: str) -> dict[tuple[str, str], list[str]]:
    out: dict[tuple[str, str], list[str]] = {}
    for f in load(module).read(io.BytesIO(data), Limits()).fields:
        out.setdefault((f.where, f.key), []).append(f.value.decode())
    return out


def test_fields_have_the_places_that_evidence_knows() -> None:
    found = fields(DOCUMENT.encode(), "html")
    assert found["html:meta", "generator"] == ["Hugo & co"] and found["html:attribute", "class"] == ["a b"]
    assert found["html:attribute", "data-theme"] == ["light"] and found["html:link", "src"] == ["a.jpg"]
    assert found["html:json-ld", "name"] == ["Көктем"] and found["html:part", "name"] == ["Б", "А"]
    body = "".join(found["text:body", "text"])
    assert "Көктем\nҚазақстанда" in body and "not shown" not in body and "<aside>" not in body
    front = fields(YAML.encode(), "markdown")
    assert front["text:front-matter", "title"] == ["Көктем"] and front["text:front-matter", "date"] == [
        "2026-11-23"
    ]
    code = fields(
        b"a `:contentReference[oaicite:0]` b\n```\n[cite_start]\n```\n~~~~\n```\nx\n~~~~\nend", "markdown"
    )
    assert "".join(code["text:body", "text"]) == "a  b\nend"
    many = fields(("Қ" * 100 + "\n").encode() * 2000, "plain")["text:body", "text"]
    assert len(many) > 1 and all(len(m.encode()) <= 256 << 10 and m.endswith("\n") for m in many)


# ---- hostile input


@pytest.mark.parametrize(
    "page",
    [
        '<a b="' * 200000,
        "<!--" * 300000,
        "<script><!--<script>" * 60000,
        "<" * 1000000,
        "<a " + "=" * 500000,
        "<style>" + "body " * 300000,
        "<p " + "x='" * 300000,
        "</" * 500000,
        "<title>" * 200000,
        "<!" * 500000,
        '<script type="application/ld+json">' + "[" * 500000 + "</script>",
        "<style>" + "body{" * 300000,
    ],
)
def test_hostile_pages_end_in_time(page: str) -> None:
    try:
        load("html").read(io.BytesIO(page.encode()), Limits(), essence=True)
        add(page.encode()[:50_000], "html")
    except LabelError:
        pass


@pytest.mark.parametrize(
    "page",
    [
        "---\n" + "a: b\n" * 300000,
        "`" * 500000,
        "`a" * 300000,
        "---\n" * 300000,
        "+++\n" + "[" * 500000,
        "<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64," * 20000,
        '> <span lang="kk">' * 50000,
        "\ufeff" * 300000,
        "\ufeff️" * 200000,
        "\ufeff" + "︀" * 500000,
        "\r" * 500000,
    ],
)
def test_hostile_texts_end_in_time(page: str) -> None:
    for module in ("markdown", "plain"):
        load(module).read(io.BytesIO(page.encode()), Limits(), essence=True)


def test_too_many_tags_are_a_limit() -> None:
    with pytest.raises(LimitError):
        list(tokens("<p>" * 1000, 100))


def test_every_wording_is_plain_in_every_text() -> None:
    for line in text.wordings():
        assert not re.search(r"[<>&*_`\[\]\\#|~\n]", line), line
    for involvement in Involvement:
        for imitates in ([], [Imitates.VOICE], [Imitates.EVENT]):
            said = notices.words(label(involvement=involvement, imitates=imitates), "text", ("kk", "ru"))
            assert all(text.wordings()[line] == lang for tier in said.values() for lang, line in tier.items())


def test_real_pages_and_texts(corpus: Path) -> None:
    found = [
        p for s in (".txt", ".html") for p in sorted(corpus.rglob(f"*{s}")) if p.stat().st_size < 400_000
    ]
    assert len(found) > 20
    for path in random.Random(6).sample(found, 12):
        receipt = labeler.add(path.read_bytes(), None, label(), name=path.name)
        report = labeler.verify(receipt.data, name=path.name, sidecar=receipt.sidecar_data)
        assert "c2pa.intact" in codes(report) and {"notice.kk", "notice.doubtful"} & codes(report).keys(), (
            path.name
        )


def test_a_record_without_its_signature_is_told_whatever_it_says() -> None:
    data = add(variant("html", "document"), "html").data
    cut = re.sub(rb"<script[^>]*application/c2pa[^>]*>[^<]*</script>", b"", data)
    for altered in (cut, cut.replace(b"signed", b"sighed")):
        assert len(altered) < len(data)
        report = labeler.verify(altered, name="a.html")
        assert any(f.code == "c2pa.removed" for f in report.facts)


def test_a_store_without_a_manifest_is_malformed() -> None:
    data = add(variant("html", "document"), "html").data
    store = re.search(rb"application/c2pa[^>]*>([^<]+)<", data)
    assert store
    manifest = base64.b64decode(store[1])
    emptied = manifest.replace(b'},"notice"', b'],"notice"')  # c2pa then tells of no manifest
    assert emptied != manifest
    altered = data.replace(store[1], base64.b64encode(emptied))
    report = labeler.verify(altered, name="a.html")
    assert report.error is None and report.verdict in ("incomplete", "tampered")
    assert any(m.kind == "c2pa" and m.status == "invalid" for m in report.marks)
