"""The TC260 label: written where the policy cn asks, one in a file, and read wherever others put it."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import KINDS, encode, label
from PIL import Image

import labeler
from labeler.errors import UsageError
from labeler.label import Involvement
from labeler.marks import tc260, xmp
from labeler.media import Limits, Slot, identify

CODE, OTHER = "001191110102MACQD9K64010000", "00119144030008867405X200001"
THEIRS = {
    "Label": "1",
    "ContentProducer": OTHER,
    "ProduceID": "7593",
    "ReservedCode1": "c2ln",
    "ContentPropagator": OTHER,
    "PropagateID": "7593",
    "ReservedCode2": "",
}
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">%s</rdf:Description>'
    "</rdf:RDF></x:xmpmeta>"
)


def dumped(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def user_comment(text: str, note: bytes = b"") -> bytes:
    exif = Image.Exif()
    if note:
        exif.get_ifd(0x8769)[0x927C] = note
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text.encode()
    return exif.tobytes().removeprefix(b"Exif\0\0")


def carrying(kind: str = "png", **texts: str) -> bytes:
    """A picture with these texts: ``xmp``, ``png`` (its tEXt) and ``exif`` (its comment)."""
    out, puts = io.BytesIO(), dict[Slot, bytes]()
    if "xmp" in texts:
        puts[Slot.XMP] = (XMP % f"<TC260:AIGC>{texts['xmp']}</TC260:AIGC>").encode()
    if "exif" in texts:
        puts[Slot.EXIF] = user_comment(texts["exif"])
    if "png" in texts:
        puts[Slot.AIGC] = texts["png"].encode()
    identify(io.BytesIO(encode(kind))).splice(io.BytesIO(encode(kind)), out, puts)
    return out.getvalue()


def stands(data: bytes) -> dict[str, Any]:
    """Every label in the file, by place."""
    content = identify(io.BytesIO(data)).read(io.BytesIO(data), Limits())
    fields = [(f.where, f.key, f.value) for f in content.fields]
    if raw := content.slots.get(Slot.XMP):
        fields += [("xmp", p.name, v.encode()) for p in xmp.parse(raw).properties for v in p.values]
    return {f.where: f.data for f in tc260.find(fields)}


def add(data: bytes, **options: Any) -> labeler.Receipt:
    made = options.pop("made", label())
    return labeler.add(data, None, made, policies=("kz", "cn"), **{"provider_code": CODE, **options})


def codes(data: bytes) -> set[str]:
    return {f.code for f in labeler.verify(data).facts if f.mark == "tc260"}


# ---- writing


@pytest.mark.parametrize("kind", [*KINDS, "gif", "tiff"])
def test_one_label_of_seven_texts_in_xmp(kind: str) -> None:
    if kind in KINDS:
        source = encode(kind)
    else:
        out = io.BytesIO()
        Image.open(io.BytesIO(encode("png"))).save(out, kind.upper())
        source = out.getvalue()
    receipt = add(source, notice="band" if kind == "gif" else "auto")
    number = receipt.label.content_id.removeprefix("urn:uuid:")
    data = dict(zip(tc260.KEYS, ("1", CODE, number, "", CODE, number, ""), strict=True))
    assert stands(receipt.data) == {"xmp TC260:AIGC": data}
    assert "tc260" in receipt.marks and list(stands(receipt.data)["xmp TC260:AIGC"]) == list(tc260.KEYS)
    assert codes(receipt.data) == {"label.ai", "tc260.label", "tc260.producer"}
    assert add(receipt.data, notice="band" if kind == "gif" else "auto").unchanged


def test_exiftool_reads_it(tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(add(encode("jpeg")).data)
    run = [tool("exiftool"), "-s3", "-XMP-TC260:Aigc", str(path)]
    assert json.loads(subprocess.run(run, capture_output=True, check=True).stdout)["ContentProducer"] == CODE


def test_only_where_a_policy_asks() -> None:
    assert stands(labeler.add(encode("png"), None, label()).data) == {}
    eu = labeler.add(encode("png"), None, label(), policies=("kz", "eu"), provider_code=CODE)
    assert stands(eu.data) == {}


def test_the_providers_name_stands_for_its_code() -> None:
    assert stands(add(encode("png"), provider_code=None).data)["xmp TC260:AIGC"]["ContentProducer"] == "Sber"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"provider": None}, "nobody is named as its producer"),
        ({"provider": "Black Forest Labs"}, "which 'Black Forest Labs' is not"),
        ({"provider": "Сбер"}, "which 'Сбер' is not"),
        ({"involvement": Involvement.ASSISTED}, "it is for content that AI generated or synthesised"),
    ],
)
def test_what_is_not_known_is_not_invented(made: dict[str, Any], why: str) -> None:
    receipt = add(encode("png"), made=label(**made), provider_code=None, notice="band")
    assert "tc260" not in receipt.marks and stands(receipt.data) == {}
    assert any(why in d for d in receipt.degradations)
    again = add(receipt.data, made=label(**made), provider_code=None, notice="band")
    assert again.unchanged


@pytest.mark.parametrize("code", ["", "two words", 'a"b', "a\\b", "百度", "a\nb"])
def test_codes_are_checked(code: str) -> None:
    for option in ("provider_code", "publisher_code"):
        with pytest.raises(UsageError, match="TC260"):
            add(encode("png"), **{option: code})


def test_a_changed_label_changes_its_own() -> None:
    first = add(encode("png"))
    second = add(first.data, provider_code=OTHER)
    found = stands(second.data)
    assert list(found) == ["xmp TC260:AIGC"] and found["xmp TC260:AIGC"]["ContentProducer"] == OTHER
    assert found["xmp TC260:AIGC"]["ProduceID"] == stands(first.data)["xmp TC260:AIGC"]["ProduceID"]
    assert not any("replaced" in r for r in second.remarks)


def test_it_stays_where_no_policy_asks_any_more() -> None:
    first = add(encode("png"))
    second = labeler.add(first.data, None, label(system="Another 2"))
    assert stands(second.data) == stands(first.data)
    third = labeler.add(second.data, None, label(system="Another 3"))
    fourth = labeler.add(third.data, None, label(system="Another 4"))
    assert stands(fourth.data) == stands(first.data)


# ---- labels of others

PLACES = {
    "xmp": ({"xmp": dumped(THEIRS)}, "xmp TC260:AIGC"),
    "xmp, wrapped": ({"xmp": dumped({"AIGC": THEIRS})}, "xmp TC260:AIGC"),
    "png": ({"png": dumped(THEIRS)}, "png:tEXt AIGC"),
    "png, wrapped": ({"png": dumped({"AIGC": THEIRS})}, "png:tEXt AIGC"),
    "exif": ({"exif": dumped({"AIGC": THEIRS})}, "exif:Exif UserComment"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_publisher_adds_itself_where_the_label_stands(name: str) -> None:
    texts, where = PLACES[name]
    data = carrying(**texts)
    receipt = add(data, publisher_code=CODE)
    number = receipt.label.content_id.removeprefix("urn:uuid:")
    assert stands(receipt.data) == {where: {**THEIRS, "ContentPropagator": CODE, "PropagateID": number}}
    assert "tc260" in receipt.marks
    again = add(receipt.data, publisher_code=CODE)
    assert again.unchanged
    report = labeler.verify(receipt.data, policies=("cn",))
    assert {r.id: r.status for r in report.rules}["cn.mark.once"] == "holds"


@pytest.mark.parametrize("name", PLACES)
def test_without_a_code_it_is_kept(name: str) -> None:
    texts, where = PLACES[name]
    receipt = add(carrying(**texts))  # the publisher's name has a space
    assert stands(receipt.data) == {where: THEIRS} and "tc260" not in receipt.marks
    assert any("no publisher is named by a code" in d for d in receipt.degradations)


def test_another_propagator_is_kept() -> None:
    theirs = {**THEIRS, "ContentPropagator": "Weibo", "PropagateID": "9"}
    receipt = add(carrying(xmp=dumped(theirs)), publisher_code=CODE)
    assert stands(receipt.data) == {"xmp TC260:AIGC": theirs}
    assert any("it names another propagator" in d for d in receipt.degradations)


@pytest.mark.parametrize("data", [{"Label": "1"}, {**THEIRS, "Label": 1}, {**THEIRS, "Extra": {"deep": [1]}}])
def test_what_is_not_in_its_form_is_kept(data: dict[str, Any]) -> None:
    receipt = add(carrying(xmp=dumped(data)), publisher_code=CODE)
    found = stands(receipt.data)["xmp TC260:AIGC"]
    assert {k: found[k] for k in data if k not in ("ContentPropagator", "PropagateID")} == {
        k: v for k, v in data.items() if k not in ("ContentPropagator", "PropagateID")
    }


def test_where_it_has_no_room_it_is_kept() -> None:
    out, block = io.BytesIO(), user_comment(dumped({"AIGC": THEIRS}), bytes(65_000))
    identify(io.BytesIO(encode("jpeg"))).splice(io.BytesIO(encode("jpeg")), out, {Slot.EXIF: block})
    receipt = add(out.getvalue(), publisher_code=CODE)
    assert stands(receipt.data) == {"exif:Exif UserComment": THEIRS} and "tc260" not in receipt.marks
    assert any("65,527 is the most" in d for d in receipt.degradations)
    assert add(receipt.data, publisher_code=CODE).unchanged


def test_two_labels_are_told_and_both_get_the_publisher() -> None:
    data = carrying(xmp=dumped(THEIRS), png=dumped(THEIRS))
    assert {"tc260.repeated", "tc260.label"} <= codes(data) and "marks.disagree" not in codes(data)
    receipt = add(data, publisher_code=CODE)
    assert {f["ContentPropagator"] for f in stands(receipt.data).values()} == {CODE}
    assert add(receipt.data, publisher_code=CODE).unchanged


def test_two_labels_that_disagree() -> None:
    data = carrying(xmp=dumped(THEIRS), png=dumped({**THEIRS, "ContentProducer": CODE}))
    assert {"tc260.repeated", "marks.disagree"} <= codes(data)
    assert add(add(data).data).unchanged


# ---- reading


@pytest.mark.parametrize("name", PLACES)
def test_it_is_read_from_every_place(name: str) -> None:
    report = labeler.verify(carrying(**PLACES[name][0]))
    mark = next(m for m in report.marks if m.kind == "tc260")
    assert mark.status == "present" and mark.details["producer"] == OTHER
    assert report.verdict == "incomplete"  # a label, but no notice
    assert [e.source for e in report.evidence] == ["tc260"]


@pytest.mark.parametrize("level", ["2", "3"])
def test_what_is_only_possible_is_a_suspicion(level: str) -> None:
    report = labeler.verify(carrying(xmp=dumped({**THEIRS, "Label": level})))
    assert report.verdict == "suspected"
    assert [(e.source, e.strength) for e in report.evidence] == [("tc260", "weak")]
    assert "tc260.suspects" in {f.code for f in report.facts}


def test_what_a_cloud_wrote_before_the_standard() -> None:
    text = dumped({"AIGC": {"ServiceProvider": "cloud", "Time": "2026"}})
    report = labeler.verify(carrying(exif=text))
    assert {"label.ai", "tc260.malformed"} <= {f.code for f in report.facts}


@pytest.mark.parametrize(
    "texts",
    [
        {"png": "AIGC Conference, hall 1"},
        {"png": "{}"},
        {"png": '["Label"]'},
        {"png": '{"AIGC": 5}'},
        {"exif": dumped(THEIRS)},  # a comment is anybody's: it says AIGC, or it is none
        {"exif": '{"AIGC": "Label"}'},
    ],
)
def test_what_is_none(texts: dict[str, str]) -> None:
    report = labeler.verify(carrying(**texts))
    assert report.verdict == "no-evidence" and not [m for m in report.marks if m.kind == "tc260"]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"Label": "1"', "{" * 5000])
def test_its_property_without_its_json_is_malformed(text: str) -> None:
    report = labeler.verify(carrying(xmp=text))
    found = [m.status.value for m in report.marks if m.kind == "tc260"]
    assert found == ([] if not text else ["invalid"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["xmp", "png:tEXt", "exif:Exif", "exif:IFD0"]),
            st.sampled_from(["TC260:AIGC", "AIGC", "UserComment", "ImageDescription"]),
            st.binary(max_size=40)
            | st.recursive(
                st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from(["1", "2", 1]),
                lambda inner: st.dictionaries(st.sampled_from([*tc260.KEYS, "AIGC"]), inner, max_size=8),
                max_leaves=20,
            ).map(lambda value: json.dumps(value).encode()),
        ),
        max_size=4,
    )
)
def test_nothing_in_a_label_raises(fields: list[tuple[str, str, bytes]]) -> None:
    found = tc260.find(fields)
    reading = tc260.read(found)
    assert (reading is None) == (not found)
    texts, _ = tc260.write(found, label(), CODE, CODE)
    assert all(json.loads(text) for text in texts.values())
