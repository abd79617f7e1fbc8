"""Policies and verdicts: the table as written, and a file for each rule that breaks only that rule."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pictures import encode, label, photo
from PIL import Image
from referencing import Registry, Resource

import labeler
from labeler import notices
from labeler.errors import ConfigError
from labeler.facts import Fact
from labeler.label import Label
from labeler.marks import tc260, xmp
from labeler.media import Slot, identify
from labeler.policy import engine, page
from labeler.policy.engine import RuleResult, RuleStatus, Verdict, decide
from labeler.surfaces import raster
from labeler.surfaces.layout import Layout


def rule(status: str, level: Any = "must") -> RuleResult:
    return RuleResult("r", "kz", "", "house", level, RuleStatus(status), {})


@pytest.mark.parametrize(
    ("codes", "rules", "verdict"),
    [
        (["container.unreadable", "c2pa.tampered", "label.ai"], [], Verdict.UNREADABLE),
        (["container.limit"], [], Verdict.UNREADABLE),
        (["c2pa.tampered", "label.ai"], [rule("holds")], Verdict.TAMPERED),
        (["label.ai"], [rule("holds"), rule("not-applicable"), rule("fails", "should")], Verdict.LABELLED),
        (["label.ai"], [rule("holds"), rule("unknown", "should")], Verdict.LABELLED),
        (["label.ai"], [rule("holds"), rule("fails")], Verdict.INCOMPLETE),
        (["label.ai"], [rule("holds"), rule("unknown")], Verdict.INCOMPLETE),
        (["label.ai", "evidence.strong"], [rule("holds")], Verdict.LABELLED),
        (["evidence.strong", "evidence.weak"], [rule("fails")], Verdict.UNLABELLED),
        (["caller.ai"], [rule("fails")], Verdict.UNLABELLED),
        (["evidence.weak"], [], Verdict.SUSPECTED),
        *(([f"evidence.{only}"], [], Verdict.SUSPECTED) for only in ("passed", "sources", "code")),
        (["label.ai-part"], [], Verdict.NO_EVIDENCE),
        (["c2pa.signer.expired", "c2pa.ingredient.failure"], [], Verdict.NO_EVIDENCE),
        ([], [], Verdict.NO_EVIDENCE),
    ],
)
def test_the_verdict_table(codes: list[str], rules: list[RuleResult], verdict: Verdict) -> None:
    assert decide([Fact(c) for c in codes], rules) is verdict


def schema(name: str) -> Any:
    return json.loads(resources.files("labeler.schemas").joinpath(f"{name}.schema.json").read_text("utf-8"))


def validator(name: str) -> Any:
    registry = Registry().with_resources(
        [(s["$id"], Resource.from_contents(s)) for s in map(schema, ("label", "report", "policy"))]
    )
    jsonschema.Draft202012Validator.check_schema(schema(name))
    return jsonschema.Draft202012Validator(
        schema(name), registry=registry, format_checker=jsonschema.FormatChecker()
    )


@pytest.mark.parametrize("name", engine.names())
def test_policies_fit_their_schema_and_say_every_result(name: str) -> None:
    policy = engine.load(name)
    validator("policy").validate(policy)
    assert not engine._defect(renamed(policy))
    for entry in policy["rules"]:
        assert engine.results(entry) <= set(entry["messages"]), entry["id"]


def renamed(policy: Any) -> Any:
    """As a file of one's own, whose name is not taken."""
    return json.loads(json.dumps(policy).replace(f'"{policy["id"]}', '"own'))


def test_an_unknown_policy_names_those_that_are_there() -> None:
    with pytest.raises(ConfigError, match="kz"):
        engine.load("xx")
    with pytest.raises(ConfigError):
        labeler.verify(encode("png"), policies=("../kz",))


def test_label_schema_is_the_code() -> None:
    from dataclasses import fields

    from labeler.label import Imitates, Involvement, Role

    properties = schema("label")["properties"]
    assert set(properties) == {f.name for f in fields(Label)}
    assert properties["role"]["enum"] == list(Role)
    assert properties["involvement"]["enum"] == list(Involvement)
    assert properties["imitates"]["items"]["enum"] == list(Imitates)
    check = validator("label")
    full = label(
        role="user", imitates=tuple(Imitates), reviewer="A", prompt="p", risk="high", system_version="1"
    )
    check.validate(full.to_dict())
    assert Label.from_dict(full.to_dict()) == full
    for bad in ({**full.to_dict(), "role": "king"}, {**full.to_dict(), "system": ""}, {}):
        assert list(check.iter_errors(bad))


def test_reports_fit_their_schema() -> None:
    labelled = labeler.add(encode("jpeg"), None, label()).data
    reports = [labeler.verify(d) for d in (labelled, encode("png"), b"", b"\xff\xd8\xff\xe0")]
    document = {
        "schema_version": 1,
        "tool": {"name": "tanba", "version": labeler.__version__},
        "policies": ["kz"],
        "summary": labeler.summary(reports),
        "orphans": [],
        "files": [r.to_dict() for r in reports],
    }
    validator("report").validate(document)


# ---- one file for each rule, which violates only it


def splice(data: bytes, packet: bytes) -> bytes:
    out = io.BytesIO()
    identify(io.BytesIO(data)).splice(io.BytesIO(data), out, {Slot.XMP: packet})
    return out.getvalue()


def record(made: Label, layout: Layout) -> dict[str, Any]:
    return {"version": 1, "label": made.to_dict(), "notice": layout.to_dict(), "signed": False}


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def drawn(langs: tuple[str, ...] = ("kk", "ru"), grey: int = 255, letters: float = 0) -> tuple[bytes, Layout]:
    """A picture with a notice whose letters are of this grey, and as high as that."""
    data = encode("png")
    from labeler.media.base import Limits, RasterSurface

    surface = identify(io.BytesIO(data)).surface(io.BytesIO(data), Limits())
    assert isinstance(surface, RasterSurface)
    painted, layout = raster.draw(surface, notices.words(label(), "image", langs), "plate", letters=letters)
    image = Image.open(io.BytesIO(painted.data)).convert("RGB")
    b = layout.box
    area = (b.x, b.y, b.x + b.w, b.y + b.h)
    image.paste(image.crop(area).point(lambda v: v * grey // 255), area)
    return png(image), layout


def no_mark() -> bytes:
    return drawn()[0]


def bare_code() -> bytes:
    data, layout = drawn()
    made = label()
    packet, _ = xmp.write(None, made, {}, record(made, layout))
    return splice(data, packet.replace(b"http://cv.iptc.org/newscodes/digitalsourcetype/", b""))


def no_notice() -> bytes:
    return labeler.add(encode("png"), None, label(), notice="none").data


def one_language() -> bytes:
    return labeler.add(encode("png"), None, label(), langs=("ru",)).data


def pale() -> bytes:
    data, layout = drawn(grey=90)
    made = label()
    return splice(data, xmp.write(None, made, {}, record(made, layout))[0])


def unsigned() -> bytes:
    data, layout = drawn()
    made = label()
    return splice(data, xmp.write(None, made, {}, record(made, layout))[0])


def no_publisher() -> bytes:
    return labeler.add(encode("png"), None, label(publisher=None)).data


def ai_author() -> bytes:
    data, layout = drawn()
    made = label()
    packet = xmp.write(None, made, {}, record(made, layout))[0]
    creator = (
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq>'
        b"<rdf:li>Midjourney v6</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF>"
    )
    return splice(data, packet.replace(b"</rdf:RDF>", creator))


def untrusted() -> bytes:
    from labeler.signing import identity

    stranger = identity._make("Somebody else", "Another company")
    return labeler.add(encode("png"), None, label(), identity=stranger).data


def labelled() -> bytes:
    return labeler.add(encode("png"), None, label()).data


def deepfake() -> bytes:
    return labeler.add(encode("png"), None, label(imitates=("appearance",)), notice="none").data


def stripped() -> bytes:
    """Signed, and then the manifest was taken out."""
    data = labelled()
    at = data.index(b"caBX") - 4
    return data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]


def asking(**asks: Any) -> str:
    """The path of a policy that asks for this, and has no rules of its own to speak of."""
    policy = {**OWN, "asks": asks}
    path = Path(tempfile.mkdtemp()) / "own.json"
    path.write_text(json.dumps(policy), "utf-8")
    return str(path)


def large_without_aigc() -> bytes:
    return labeler.add(encode("png"), None, label(), policies=(asking(letters=0.05),)).data


def aigc_with_small_letters() -> bytes:
    return labeler.add(encode("png"), None, label(), policies=(asking(marks=["tc260"]),)).data


def chinese() -> bytes:
    return labeler.add(encode("png"), None, label(), policies=("cn",)).data


AIGC = dict(zip(tc260.KEYS, ("1", "Sber", "5", "", "Sber", "5", ""), strict=True))


def aigc(*texts: Any) -> bytes:
    """Labels of others, the first in XMP, the second in a PNG text."""
    first = json.dumps(texts[0])
    packet = (
        f'<rdf:RDF xmlns:rdf="{xmp.RDF}"><rdf:Description rdf:about="" xmlns:TC260="{xmp.PREFIXES["TC260"]}">'
        f"<TC260:AIGC>{first}</TC260:AIGC></rdf:Description></rdf:RDF>"
    )
    puts = {Slot.XMP: packet.encode()}
    if texts[1:]:
        puts[Slot.AIGC] = json.dumps(texts[1]).encode()
    out = io.BytesIO()
    identify(io.BytesIO(encode("png"))).splice(io.BytesIO(encode("png")), out, puts)
    return out.getvalue()


def pale_and_large() -> bytes:
    data, layout = drawn(grey=90, letters=0.05)
    made = label()
    more = {tc260.PROPERTY: json.dumps(AIGC)}
    return splice(data, xmp.write(None, made, {}, record(made, layout), more)[0])


KZ = {"kz.mark.in-time"}  # none of these is time-stamped: test_timestamp.py
EU = {"eu.mark.in-time", "eu.mark.watermark"}
EU_UNSIGNED = {"eu.mark.signed", "eu.mark.watermark"}
FILES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    # without a label nothing of ours is claimed, so the notice cannot be recognised either
    "kz.mark": (no_mark, {"kz.notice"}),
    "kz.mark.well-formed": (bare_code, {"kz.mark.bound"}),
    "kz.notice": (no_notice, KZ),
    "kz.notice.languages": (one_language, KZ),
    "kz.notice.legible": (pale, {"kz.mark.bound"}),
    "kz.mark.bound": (unsigned, set()),
    "kz.mark.trusted": (untrusted, KZ),
    "kz.mark.in-time": (labelled, {"kz.mark.trusted"}),
    "kz.publisher": (no_publisher, KZ),
    "kz.author": (ai_author, {"kz.mark.bound"}),
    "eu.mark": (no_mark, {"eu.notice"}),
    "eu.mark.well-formed": (bare_code, EU_UNSIGNED),
    "eu.notice.deepfake": (deepfake, EU),
    "eu.notice.legible": (pale, EU_UNSIGNED),
    "eu.notice": (no_notice, EU),
    "eu.mark.signed": (unsigned, {"eu.mark.watermark"}),
    "eu.mark.in-time": (labelled, {"eu.mark.watermark"}),
    "eu.mark.watermark": (labelled, EU),
    "eu.mark.kept": (stripped, EU_UNSIGNED),
    "cn.mark": (large_without_aigc, set()),
    "cn.mark.well-formed": (lambda: aigc({k: v for k, v in AIGC.items() if k != "ReservedCode2"}), set()),
    "cn.mark.producer": (lambda: aigc({**AIGC, "ProduceID": ""}), set()),
    "cn.mark.once": (lambda: aigc(AIGC, AIGC), set()),
    "cn.notice": (chinese, set()),
    "cn.notice.size": (aigc_with_small_letters, set()),
    "cn.notice.legible": (pale_and_large, set()),
}


def test_every_rule_has_its_file() -> None:
    assert set(FILES) == {r["id"] for name in engine.names() for r in engine.load(name)["rules"]}


@pytest.mark.parametrize("rule_id", FILES)
def test_a_file_that_violates_only_this_rule(rule_id: str) -> None:
    (make, also), policy = FILES[rule_id], rule_id.partition(".")[0]
    # no notice of ours is one in Chinese: the page has it
    page = policy == "cn" and rule_id != "cn.notice"
    report = labeler.verify(
        make(), policies=(policy,), assume_ai=rule_id.endswith(".mark"), notice_on_page=page
    )
    wrong = {r.id for r in report.rules if r.status in (RuleStatus.FAILS, RuleStatus.UNKNOWN)}
    expected = {rule_id} | also | (wrong & {"kz.mark.trusted"} if "kz.mark.in-time" in also else set())
    assert wrong == expected
    must = next(r for r in report.rules if r.id == rule_id).level == "must"
    if must:
        assert report.verdict in (Verdict.INCOMPLETE, Verdict.UNLABELLED)
    else:
        assert report.verdict is Verdict.LABELLED


@pytest.mark.parametrize("policy", ["kz", "eu"])
def test_what_add_makes_meets_every_must_rule(policy: str) -> None:
    report = labeler.verify(labelled(), policies=(policy,))
    assert report.verdict is Verdict.LABELLED


def test_what_add_makes_for_china_lacks_only_the_words_in_chinese() -> None:
    receipt = labeler.add(encode("png"), None, label(), policies=("kz", "eu", "cn"))
    assert receipt.notice.letters >= 0.05
    assert [r for r in receipt.remarks if "cn.notice (unknown)" in r]
    report = labeler.verify(receipt.data, policies=("kz", "eu", "cn"))
    assert report.verdicts == {"kz": "labelled", "eu": "labelled", "cn": "incomplete"}
    assert report.verdict is Verdict.INCOMPLETE
    notice = next(r for r in report.rules if r.id == "cn.notice")
    assert "not in Chinese" in notice.messages["en"]
    assert labeler.verify(receipt.data, policies=("cn",), notice_on_page=True).verdict is Verdict.LABELLED


def test_letters_are_enlarged_where_they_are_too_small() -> None:
    first = labeler.add(encode("jpeg"), None, label())
    second = labeler.add(first.data, None, label(), policies=("kz", "cn"))
    assert second.notice.em > first.notice.em and second.notice.letters >= 0.05
    assert labeler.verify(second.data).verdict is Verdict.LABELLED
    assert labeler.add(second.data, None, label()).unchanged


def test_assistance_is_exempt() -> None:
    made = labeler.add(encode("png"), None, label(involvement="assisted"), notice="band")
    found = {r.id: r.status for r in labeler.verify(made.data, policies=("eu", "cn")).rules}
    assert {found[x] for x in ("eu.mark", "cn.mark", "cn.notice")} == {RuleStatus.NOT_APPLICABLE}


# ---- a policy of one's own

OWN: dict[str, Any] = {
    "id": "house",
    "version": "1",
    "title": {"kk": "Біздің ереже", "ru": "Наши правила", "en": "Our rules"},
    "source": "Qala Media, style book",
    "rules": [
        {
            "id": "house.publisher",
            "level": "must",
            "basis": "house",
            "confidence": "interpretation",
            "citation": "Style book 4.2",
            "applies": ["label.ai"],
            "holds": ["label.publisher"],
            "otherwise": "fails",
            "messages": {
                "holds": {"kk": "бар", "ru": "есть", "en": "named"},
                "fails": {"kk": "жоқ", "ru": "нет", "en": "not named"},
            },
        }
    ],
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "house.json"
    path.write_text(json.dumps(OWN, ensure_ascii=False), "utf-8")
    return path


def test_a_policy_of_ones_own_stands_beside_the_others(own: Path) -> None:
    bare = labeler.add(encode("png"), None, label(publisher=None), policies=("kz", str(own)))
    assert any("house.publisher (fails): not named" in r for r in bare.remarks)
    report = labeler.verify(bare.data, policies=("kz", str(own)))
    assert report.verdicts == {"kz": "labelled", "house": "incomplete"}
    assert {r.policy for r in report.rules} == {"kz", "house"}
    unread = labeler.verify(b"", policies=("kz", str(own)))
    assert unread.verdicts == {"kz": "unreadable", "house": "unreadable"}


def test_a_policy_of_no_date_is_a_file_all_the_same(own: Path) -> None:
    os.utime(own, ns=(0, 0))
    assert engine.load(str(own))["id"] == "house"


def test_it_is_read_again_when_it_changes(own: Path) -> None:
    data = labelled()
    assert labeler.verify(data, policies=(str(own),)).verdict is Verdict.LABELLED
    rule = {**OWN["rules"][0], "holds": ["c2pa.time.trusted"]}
    own.write_text(json.dumps({**OWN, "rules": [rule]}), "utf-8")
    assert labeler.verify(data, policies=(str(own),)).verdict is Verdict.INCOMPLETE


def changed(**rule: Any) -> dict[str, Any]:
    return {**OWN, "rules": [{**OWN["rules"][0], **rule}]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "line 1 column 2"),
        ("[]", "it: [] is not of type 'object'"),
        ("[" * 100_000, "is no policy"),
        ("\ud800", "is no policy"),
        (changed(level="maybe"), "rules[0].level: 'maybe' is not one of ['must', 'should']"),
        (changed(basis="statute", confidence="paraphrase"), "rules[0].confidence: 'paraphrase'"),
        (changed(messages={"holds": {"en": "x"}}), "rules[0].messages.holds: 'kk' is a required property"),
        (changed(applies=["label.ia"]), "rules[0].applies: there is no fact 'label.ia'"),
        (changed(unless=["label.ai|label.x"]), "rules[0].unless: there is no fact 'label.x'"),
        (changed(otherwise="unknown"), "rules[0].messages: none for unknown"),
        (changed(otherwise="holds", holds=None), "rules[0].holds: None is not of type 'array'"),
        ({**OWN, "rules": OWN["rules"] * 2}, "rules[1].id: a second rule 'house.publisher'"),
        ({**OWN, "rules": []}, "rules: []"),
        ({**OWN, "id": "kz"}, "id: 'kz' is the name of a policy that ships"),
        ({**OWN, "id": "hause"}, "rules[0].id: 'house.publisher' does not begin with 'hause.'"),
        ({**OWN, "asks": {"marks": ["rfid"]}}, "asks.marks[0]: 'rfid' is not one of ['tc260']"),
        ({**OWN, "source": "x" * (1 << 20)}, "more than 1048576 bytes"),
        ({k: v for k, v in OWN.items() if k != "title"}, "'title' is a required property"),
    ],
)
def test_what_is_wrong_with_it_and_where(own: Path, text: Any, why: str) -> None:
    own.write_bytes((text if isinstance(text, str) else json.dumps(text)).encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError) as caught:
        labeler.verify(encode("png"), policies=(str(own),))
    assert why in caught.value.message and str(own) in caught.value.message and caught.value.hint


@pytest.mark.parametrize("name", ["nowhere.json", "./", "a/b", "a\0.json"])
def test_a_policy_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError):
        labeler.verify(encode("png"), policies=(name,))


def test_the_same_policy_twice(own: Path) -> None:
    for policies in (("kz", "kz"), (str(own), str(own))):
        with pytest.raises(ConfigError, match="named twice"):
            labeler.verify(encode("png"), policies=policies)


def test_the_page_about_policies_is_the_data(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "policies.md").read_text("utf-8")
    assert page.markdown(engine.names()) in text
    example = tmp_path / "example.json"
    example.write_text(text.partition("```json\n")[2].partition("```")[0], "utf-8")
    assert engine.check([str(example)]) == ("qala",)


def test_the_page_may_carry_the_notice_and_the_report_says_who_said_so() -> None:
    bare = splice(encode("png"), xmp.write(None, label(), {}, {})[0].replace(b"tanba:Record", b"tanba:Other"))
    assert labeler.verify(bare).verdict is Verdict.INCOMPLETE
    report = labeler.verify(bare, notice_on_page=True)
    assert report.verdict is Verdict.LABELLED
    assert any(f.code == "notice.on-page" for f in report.facts)


def test_a_photo_is_no_evidence_and_never_called_authentic() -> None:
    report = labeler.verify(png(photo()))
    assert report.verdict is Verdict.NO_EVIDENCE and report.not_checked
    said = json.dumps(report.to_dict()).lower()
    assert "authentic" not in said and "human" not in said and "compliant" not in said


def test_records_that_contradict_each_other_are_a_finding() -> None:
    first = labeler.add(encode("png"), None, label(), sidecar=True)
    packet = identify(io.BytesIO(first.data)).read(io.BytesIO(first.data), labeler.Limits()).slots[Slot.XMP]
    other = xmp.write(packet, label(system="Other 1"), {}, record(label(system="Other 1"), first.notice))[0]
    from labeler.marks import c2pa
    from labeler.signing import identity

    data = splice(first.data, other)
    rec = record(first.label, first.notice)
    manifest = c2pa.definition(first.label, rec, title="x", parent=False, drawn=False)
    store = c2pa.sign_detached(data, manifest, identity.ensure(), None)
    found = {r.id: r.status for r in labeler.verify(data, sidecar=store).rules}
    assert found["kz.mark.well-formed"] is RuleStatus.FAILS


def test_a_notice_left_to_the_page_holds_when_the_caller_says_that_it_is_there() -> None:
    data = labeler.add(encode("png"), None, label(), notice="none").data
    assert labeler.verify(data).verdict is Verdict.INCOMPLETE
    assert labeler.verify(data, notice_on_page=True).verdict is Verdict.LABELLED


def test_a_notice_that_was_removed_fails_whatever_the_page_carries() -> None:
    made = label()
    data = splice(encode("png"), xmp.write(None, made, {}, record(made, drawn()[1]))[0])
    assert labeler.verify(data, notice_on_page=True).verdict is Verdict.INCOMPLETE


def test_a_manifest_elsewhere_is_told_and_not_fetched() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:d="http://purl.org/dc/terms/" d:provenance="http://127.0.0.1:9/m.c2pa"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    report = labeler.verify(splice(encode("png"), packet))
    assert {m.kind: m.status.value for m in report.marks}["c2pa"] == "unknown"
    assert "a manifest that is stored elsewhere" in report.not_checked
