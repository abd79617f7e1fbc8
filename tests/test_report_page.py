"""The HTML report in a browser: filters, search, languages, keyboard, phone, paper; and what hostile values can do there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser, find
from found import PARAMETERS, all_verdicts, hostile, png, write

import labeler
from labeler import words

TABS = "[...document.querySelectorAll('#rows a')].filter(a => a.tabIndex === 0).length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if find() is None:
        pytest.skip("chromium is not installed (`make tools`)")
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(write("html", all_verdicts(), "en"), "utf-8")
    return path


def names(page: Browser) -> list[str]:
    page.settle()
    rows: list[str] = page.run(
        "[...document.querySelectorAll('#rows .name')].map(n => n.firstChild.textContent)"
    )
    return rows


def text(page: Browser, of: str = "body") -> str:
    found: str = page.run(f"document.querySelector('{of}').innerText")
    return found


def test_filters_search_and_order(page: Browser, report: Path) -> None:
    page.open(report)
    every = ["broken.png", "forged.jpg", "маяк.png", "half.png", "graph.png", "әдемі.jpg", "plain.png"]
    assert names(page) == every and "7" in text(page, "#lead") and "4" in text(page, "#lead")
    page.run("document.querySelector('#tiles [value=unlabelled]').click()")
    page.run("document.querySelector('#tiles [value=suspected]').click()")
    assert names(page) == ["маяк.png", "graph.png"] and "2 of 7" in text(page, "#shown")
    page.run("document.getElementById('clear').click()")
    assert names(page) == every and page.run("document.activeElement.id") == "q"
    page.type("Sampler МАЯК")  # what was matched, and the name
    assert names(page) == ["маяк.png"]
    page.run("document.getElementById('clear').click()")
    page.type("nothing like it")
    assert names(page) == [] and "No file fits" in text(page, "#list")
    page.run("document.getElementById('clear').click()")
    for box, value, expected in (
        ("kind", "image/jpeg", ["forged.jpg", "әдемі.jpg"]),
        ("generator", page.run("document.getElementById('generator').options[1].value"), ["маяк.png"]),
        ("rule", "kz.mark", ["маяк.png"]),
    ):
        page.run(
            f"(b => {{ b.value = {value!r}; b.dispatchEvent(new Event('change')); }})(document.getElementById('{box}'))"
        )
        got = names(page)
        assert got == expected or (box == "generator" and len(got) == 1), box
        page.run("document.getElementById('clear').click()")
    page.run(
        "(b => { b.value = 'name'; b.dispatchEvent(new Event('change')); })(document.getElementById('sort'))"
    )
    assert names(page)[0] == "broken.png" and names(page)[-2:] == ["әдемі.jpg", "маяк.png"]
    assert page.log == []


@pytest.mark.parametrize("lang", words.LANGS)
def test_the_language_changes_in_the_page(page: Browser, report: Path, lang: str) -> None:
    page.open(report)
    page.run("location.hash = '#file-3'")
    page.settle()
    page.run(f"document.querySelector('#languages [value={lang}]').click()")
    page.settle()
    for key in (
        "html.title",
        "verdict.unlabelled",
        "next.unlabelled",
        "disclaimer",
        "html.rules",
        "strength.strong",
    ):
        assert words.say(key, lang).replace("`", "").lower() in text(page).lower(), key
    rule = next(r for r in all_verdicts()[2].rules if r.id == "kz.mark")
    assert rule.messages[lang].replace("`", "") in text(page, "#detail")
    assert page.run("document.documentElement.lang") == lang
    for other in {*words.LANGS} - {lang}:
        assert words.say("heading.next", other) not in text(page)
    raw = page.run(
        "document.body.innerText.match(/\\b(html|fact|not-checked|sentence|next|status)\\.[a-z-]+/g)"
    )
    assert raw is None


def test_each_file_tells_evidence_rules_facts_and_next_step(page: Browser, report: Path) -> None:
    page.open(report)
    for n, parts in {
        1: ["cut off", "Fetch it anew"],
        2: ["The signature does not fit the content", "signed original"],
        3: [
            "Stable Diffusion",
            "parameters: Steps: 20, Sampler",
            "kz.mark",
            "fails",
            "must",
            "Law No. 230-VIII",
            "What was not checked",
        ],
        4: ["Kandinsky 5", "Qala Media", "kz.notice", "no notice was drawn"],
        6: ["Content Credentials (C2PA)", "every mandatory rule that was checked holds", "image/jpeg"],
        7: ["does not mean that a person made it"],
    }.items():
        page.run(f"location.hash = '#file-{n}'")
        page.settle()
        for part in parts:
            assert part.lower() in text(page, "#detail").lower(), (n, part)
    shown = page.run(
        "[...document.querySelectorAll('#detail img, #rows img')].every(i => i.complete && i.naturalWidth)"
    )
    assert shown and page.log == []


def test_the_keyboard_does_it_all(page: Browser, report: Path) -> None:
    page.open(report)
    page.run("document.querySelector('#rows a').focus()")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.run("location.hash") == "#file-3" and "маяк" in text(page, "#detail") and page.run(TABS) == 1
    page.press("Enter")
    assert page.run("document.activeElement.id") == "detail"
    page.press("Escape")
    assert (
        page.run("document.activeElement.getAttribute('href')") == "#file-3"
        and page.run("location.hash") == ""
    )
    page.press("End")
    assert page.run("document.activeElement.getAttribute('href')") == "#file-7"
    page.press("Home")
    assert page.run("document.activeElement.getAttribute('href')") == "#file-1"
    page.open(report)
    seen: list[str] = []
    for _ in range(40):
        page.press("Tab")
        seen.append(
            page.run(
                "document.activeElement.id || document.activeElement.value || document.activeElement.tagName"
            )
        )
    for stop in ("kk", "ru", "en", "unlabelled", "q", "kind", "generator", "rule", "sort", "A"):
        assert stop in seen, stop


def test_everything_that_takes_focus_has_a_name(page: Browser, report: Path) -> None:
    page.open(report)
    page.run("location.hash = '#file-3'")
    page.settle()
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"link", "button", "combobox", "searchbox", "region", "search", "group", "list"}
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
    assert not [t for t in told if t[0] in roles - {"group", "list", "region"} and not t[1]]
    assert {"banner", "main", "contentinfo", "search"} <= {role for role, _ in told}
    assert [r for r, _ in told].count("heading") > 4
    assert page.run("[...document.querySelectorAll('h1')].length") == 1


def test_ten_thousand_files_stay_usable(page: Browser, tmp_path: Path) -> None:
    many = (replace(all_verdicts()[i % 7], path=f"site/{i // 100:03}/{i:05}.png") for i in range(10_000))
    path = tmp_path / "many.html"
    path.write_text(write("html", many, "kk"), "utf-8")
    page.open(path)
    assert page.run("document.querySelectorAll('*').length") < 600
    page.type("")  # the browser's first frame
    page.run("document.getElementById('q').focus()")
    page.type("04321")
    assert names(page) == ["04321.png"]
    page.run("document.getElementById('clear').click(); scrollTo(0, document.body.scrollHeight / 2)")
    page.settle()
    middle = names(page)
    assert 5 < len(middle) < 60 and middle[0] != "00000.png"
    places: list[Any] = page.run("[...document.querySelectorAll('#rows li')].map(r => +r.ariaPosInSet)")
    assert places == sorted(places)
    page.run("document.querySelector('#rows a').focus()")
    page.press("End")
    assert page.run("document.activeElement.closest('li').getAttribute('aria-posinset')") == "10000"
    assert page.log == []


def test_on_a_phone_a_file_is_a_page_of_its_own(page: Browser, report: Path) -> None:
    page.open(report, 390, 844)
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert not page.run(
        "getComputedStyle(document.getElementById('kind')).display === 'none' || document.getElementById('kind').offsetParent"
    )
    page.run("document.getElementById('more').click()")
    assert page.run("document.getElementById('kind').offsetParent !== null")
    page.run("scrollTo(0, 300)")
    page.run("document.querySelectorAll('#rows a')[2].click()")
    page.settle()
    assert "маяк" in text(page) and page.run("document.getElementById('list').offsetParent === null")
    assert page.run("document.documentElement.scrollWidth") <= 390
    page.run("document.getElementById('back').click()")
    page.settle()
    assert page.run("document.getElementById('list').offsetParent !== null") and page.run("scrollY") == 300
    small = page.run(
        "[...document.querySelectorAll('button, select, input, #rows a')].filter(e => e.offsetParent && e.offsetHeight < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8
    page.look(1280, 900)


def test_paper_shows_what_the_filters_leave(page: Browser, report: Path, tmp_path: Path) -> None:
    page.open(report)
    page.run("document.querySelector('#tiles [value=unlabelled]').click()")
    page.pdf(tmp_path / "one.pdf")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    printed = page.run(
        "(dispatchEvent(new Event('beforeprint')), (t => (dispatchEvent(new Event('afterprint')), t))(document.getElementById('paper').textContent))"
    )
    assert "маяк.png" in printed and "plain.png" not in printed and "Next step" in printed
    assert page.run("document.getElementById('paper').hidden")


def test_hostile_values_run_nothing_and_load_nothing(page: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(write("html", hostile(), "en"), "utf-8", errors="backslashreplace")
    page.requests.clear()
    page.open(path)
    page.run(
        f"(async () => {{ for (let i = 1; i <= {len(hostile())}; i++) {{ location.hash = '#file-' + i;"
        " await new Promise(requestAnimationFrame); } })()"
    )
    page.run("dispatchEvent(new Event('beforeprint'))")
    for lang in words.LANGS:
        page.run(f"document.querySelector('#languages [value={lang}]').click()")
    page.settle()
    assert page.run("window.hacked") is None and page.log == []
    assert not [r for r in page.requests if not r.startswith(("file:", "data:image/webp"))]
    allowed = {"HTML", "HEAD", "META", "TITLE", "STYLE", "BODY", "SCRIPT", "svg", "circle", "path", "IMG"}
    allowed |= {
        "A",
        "HEADER",
        "DIV",
        "H1",
        "H2",
        "H3",
        "P",
        "TIME",
        "BUTTON",
        "NOSCRIPT",
        "MAIN",
        "SECTION",
        "LABEL",
    }
    allowed |= {
        "SPAN",
        "INPUT",
        "SELECT",
        "OPTION",
        "OL",
        "LI",
        "SMALL",
        "B",
        "I",
        "STRONG",
        "CODE",
        "UL",
        "DL",
        "DT",
        "DD",
    }
    allowed |= {"DETAILS", "SUMMARY", "FOOTER", "ARTICLE"}
    assert set(page.run("[...new Set([...document.querySelectorAll('*')].map(e => e.tagName))]")) <= allowed


def test_the_policy_of_the_page_refuses_what_is_slipped_in(
    page: Browser, report: Path, tmp_path: Path
) -> None:
    """Even markup that got in would not run: a page with some, made on purpose."""
    path = tmp_path / "slipped.html"
    bad = (
        "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script><p style='position:fixed'>x</p>"
    )
    path.write_text(report.read_text("utf-8").replace("<main>", f"{bad}<main>"), "utf-8")
    page.open(path)
    page.settle()
    assert page.run("window.hacked") is None
    assert sum("Content Security Policy" in line for line in page.log) >= 3
    page.log.clear()


def test_the_command_writes_a_page_that_works(
    page: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeler.cli.verify import command

    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "сурет.png").write_bytes(png(parameters=PARAMETERS))
    args = ["--format", "html", "-o", "report.html", "--ui-lang", "kk", "site/"]
    assert command.main(args, standalone_mode=False) == 1
    page.open(tmp_path / "report.html")
    assert names(page) == ["сурет.png"] and labeler.__version__ in text(page)
    assert "ЖИ таңбалары туралы есеп" in text(page)
    assert page.run("document.querySelectorAll('#rows img').length") == 1
    command.main([*args, "--no-thumbnails"], standalone_mode=False)
    page.open(tmp_path / "report.html")
    assert page.run("document.querySelectorAll('#rows img').length") == 0
