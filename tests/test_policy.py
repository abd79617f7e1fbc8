"""Policies and verdicts: the table as written, and a file for each rule that breaks only that rule."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from importlib import resources
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
from labeler.marks import xmp
from labeler.media import Slot, identify
from labeler.policy import engine
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
    for entry in policy["rules"]:
        possible = {entry["otherwise"], "holds"} | {s for s in ("fails", "unknown") if s in entry}
        assert possible <= set(entry["messages"]), entry["id"]


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


# ---- one file for each rule of kz, which violates only it


def splice(data: bytes, packet: bytes) -> bytes:
    out = io.BytesIO()
    identify(io.BytesIO(data)).splice(io.BytesIO(data), out, {Slot.XMP: packet})
    return out.getvalue()


def record(made: Label, layout: Layout) -> dict[str, Any]:
    return {"version": 1, "label": made.to_dict(), "notice": layout.to_dict()}


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def drawn(langs: tuple[str, ...] = ("kk", "ru"), grey: int = 255) -> tuple[bytes, Layout]:
    """A picture with a notice whose letters are of this grey."""
    data = encode("png")
    from labeler.media.base import Limits, RasterSurface

    surface = identify(io.BytesIO(data)).surface(io.BytesIO(data), Limits())
    assert isinstance(surface, RasterSurface)
    painted, layout = raster.draw(surface, notices.words(label(), "image", langs), "plate")
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


ALWAYS = {"kz.mark.in-time"}  # no time-stamps yet
UNSIGNED = {"kz.mark.bound"}
FILES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    # without a label nothing of ours is claimed, so the notice cannot be recognised either
    "kz.mark": (no_mark, {"kz.notice"}),
    "kz.mark.well-formed": (bare_code, UNSIGNED),
    "kz.notice": (no_notice, ALWAYS),
    "kz.notice.languages": (one_language, ALWAYS),
    "kz.notice.legible": (pale, UNSIGNED),
    "kz.mark.bound": (unsigned, set()),
    "kz.mark.trusted": (untrusted, ALWAYS),
    "kz.mark.in-time": (lambda: labeler.add(encode("png"), None, label()).data, {"kz.mark.trusted"}),
    "kz.publisher": (no_publisher, ALWAYS),
    "kz.author": (ai_author, UNSIGNED),
}


def test_every_rule_has_its_file() -> None:
    assert set(FILES) == {r["id"] for r in engine.load("kz")["rules"]}


@pytest.mark.parametrize("rule_id", FILES)
def test_a_file_that_violates_only_this_rule(rule_id: str) -> None:
    make, also = FILES[rule_id]
    report = labeler.verify(make(), assume_ai=rule_id == "kz.mark")
    wrong = {r.id for r in report.rules if r.status in (RuleStatus.FAILS, RuleStatus.UNKNOWN)}
    expected = {rule_id} | also | (wrong & {"kz.mark.trusted"} if "kz.mark.in-time" in also else set())
    assert wrong == expected
    must = next(r for r in report.rules if r.id == rule_id).level == "must"
    if must:
        assert report.verdict in (Verdict.INCOMPLETE, Verdict.UNLABELLED)
    else:
        assert report.verdict is Verdict.LABELLED


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
