"""`labeler.add`: what it writes is accepted by validators that we did not write, and nothing is lost."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import KINDS, MIMES, c2pa_reader, encode, encypher, label, photo
from PIL import Image, ImageDraw

import labeler
from labeler.errors import (
    IdentityError,
    NoticeError,
    TamperedError,
    UnreadableError,
    UnsupportedError,
    UsageError,
    WriteError,
)
from labeler.label import Imitates, Involvement
from labeler.marks import xmp
from labeler.media import MODULES, Slot, identify, load
from labeler.media.base import Limits
from labeler.signing import identity

kinds = pytest.mark.parametrize("kind", KINDS)


def rules(report: labeler.Report) -> dict[str, str]:
    return {r.id: r.status.value for r in report.rules}


def slots(data: bytes) -> Any:
    return identify(io.BytesIO(data)).read(io.BytesIO(data), Limits()).slots


@kinds
def test_labelled_and_every_must_rule_holds(kind: str) -> None:
    receipt = labeler.add(encode(kind), None, label())
    report = labeler.verify(receipt.data)
    assert report.verdict == "labelled"
    assert all(r.status == "holds" for r in report.rules if r.level == "must")
    metadata = ("xmp",) if kind == "svg" else ("xmp", "exif")
    assert report.label == receipt.label and receipt.marks == ("notice", *metadata, "c2pa")
    assert receipt.degradations == () and not receipt.unchanged


@kinds
def test_foreign_validators_accept_it(kind: str) -> None:
    data = labeler.add(encode(kind), None, label()).data
    failures, store = c2pa_reader(data, MIMES[kind])
    assert failures == "signingCredential.untrusted"
    manifest = store["manifests"][store["active_manifest"]]
    actions = next(a["data"] for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2")
    assert [a["action"] for a in actions["actions"]] == ["c2pa.created", "c2pa.addedText"]
    assert actions["actions"][0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert actions["allActionsIncluded"] is True
    assert manifest["claim_version"] == 2
    assert manifest["claim_generator_info"][0]["specVersion"] == "2.4.0"
    other = encypher(data, MIMES[kind])
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")


@kinds
def test_exiftool_reads_the_fields(kind: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    labeler.add(encode(kind), path, label(system_version="5.1"))
    out = subprocess.run(
        [tool("exiftool"), "-j", "-G1", "-struct", path], capture_output=True, check=True, text=True
    )
    tags = {k.rpartition(":")[2].lower(): v for k, v in json.loads(out.stdout)[0].items()}
    assert str(tags["digitalsourcetype"]).endswith(
        ("/trainedAlgorithmicMedia", "Trained Algorithmic Media")
    ) or ("trained" in str(tags["digitalsourcetype"]).lower())
    assert tags["aisystemused"] == "Kandinsky 5" and str(tags["aisystemversionused"]) == "5.1"


@kinds
def test_the_same_label_changes_nothing(kind: str) -> None:
    once = labeler.add(encode(kind), None, label()).data
    again = labeler.add(once, None, label())
    assert again.unchanged and again.data == once


@kinds
def test_a_changed_label_keeps_the_id_and_takes_the_old_manifest_as_parent(kind: str) -> None:
    first = labeler.add(encode(kind), None, label())
    second = labeler.add(first.data, None, label(involvement=Involvement.MODIFIED))
    report = labeler.verify(second.data)
    assert report.verdict == "labelled" and report.label == second.label
    assert second.label.content_id == first.label.content_id
    _, store = c2pa_reader(second.data, MIMES[kind])
    assert len(store["manifests"]) == 2
    assert store["manifests"][store["active_manifest"]]["ingredients"][0]["relationship"] == "parentOf"
    assert labeler.add(second.data, None, label(involvement=Involvement.MODIFIED)).unchanged


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("mode", ["plate", "band"])
def test_a_changed_notice_leaves_nothing_of_the_old_one(kind: str, mode: Any) -> None:
    white = io.BytesIO()
    Image.new("RGB", (900, 600), "white").save(
        white, kind.upper(), **({"lossless": True} if kind == "webp" else {})
    )
    first = labeler.add(white.getvalue(), None, label(imitates=(Imitates.APPEARANCE,)), notice=mode)
    second = labeler.add(first.data, None, label(involvement=Involvement.ASSISTED), notice=mode)
    box = second.notice.box
    picture = Image.open(io.BytesIO(second.data)).convert("L")
    picture.paste(255, (int(box.x), int(box.y), int(box.x + box.w), int(box.y + box.h)))
    assert picture.getextrema()[0] > 200, "something dark is left outside the new notice"
    assert labeler.verify(second.data).verdict == "labelled"


@kinds
def test_metadata_of_others_stays(kind: str) -> None:
    foreign = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:q="q:/" q:a="1"/></rdf:RDF></x:xmpmeta>'
    )
    medium = identify(io.BytesIO(encode(kind)))
    out = io.BytesIO()
    medium.splice(io.BytesIO(encode(kind)), out, {Slot.XMP: foreign.encode()})
    made = labeler.add(out.getvalue(), None, label()).data
    assert xmp.parse(slots(made)[Slot.XMP]).values("q:a") == ("1",)


def foreign_identity() -> identity.Identity:
    return identity._make("Somebody else", "Another company")


@kinds
def test_a_signed_file_of_others_becomes_the_parent(kind: str) -> None:
    theirs = labeler.add(
        encode(kind), None, label(system="Other 1"), identity=foreign_identity(), notice="none"
    ).data
    ours = labeler.add(theirs, None, label())
    failures, store = c2pa_reader(ours.data, MIMES[kind])
    assert failures == "signingCredential.untrusted" and len(store["manifests"]) == 2
    actions = store["manifests"][store["active_manifest"]]["assertions"]
    names = [a["action"] for x in actions if x["label"] == "c2pa.actions.v2" for a in x["data"]["actions"]]
    assert names == ["c2pa.opened", "c2pa.addedText"]
    assert encypher(ours.data, MIMES[kind])["integrity"] == "valid"


@kinds
def test_a_tampered_input_is_refused(kind: str) -> None:
    data = bytearray(labeler.add(encode(kind), None, label()).data)
    if kind == "svg":
        broken = bytes(data).replace(b"#fc3", b"#fc4")
    else:
        medium = identify(io.BytesIO(bytes(data)))
        out = io.BytesIO()
        packet = xmp.write(slots(bytes(data))[Slot.XMP], label(system="Forged"), {}, {})[0]
        medium.splice(io.BytesIO(bytes(data)), out, {Slot.XMP: packet})
        broken = out.getvalue()
    assert labeler.verify(broken).verdict == "tampered"
    with pytest.raises(TamperedError):
        labeler.add(broken, None, label())


def test_a_blanked_plate_signed_again_by_anyone_fails_the_notice_rule() -> None:
    from labeler.marks import c2pa

    first = labeler.add(encode("png"), None, label())
    picture = Image.open(io.BytesIO(first.data)).convert("RGB")
    b = first.notice.box
    ImageDraw.Draw(picture).rectangle((b.x, b.y, b.x + b.w - 1, b.y + b.h - 1), fill="black")
    blank = io.BytesIO()
    picture.save(blank, "PNG")
    out = io.BytesIO()
    identify(io.BytesIO(blank.getvalue())).splice(
        io.BytesIO(blank.getvalue()), out, {Slot.XMP: slots(first.data)[Slot.XMP]}
    )
    record = xmp.record(xmp.parse(slots(first.data)[Slot.XMP]))
    assert record
    manifest = c2pa.definition(first.label, record, title="x", parent=False, drawn=True)
    forged = c2pa.sign(out.getvalue(), "image/png", manifest, foreign_identity(), None)
    report = labeler.verify(forged)
    assert report.verdict == "incomplete"
    assert rules(report)["kz.notice"] == "fails"


def test_one_language_painted_over_fails_the_language_rule() -> None:
    from labeler import notices
    from labeler.surfaces import raster

    first = labeler.add(encode("png"), None, label(), notice="plate")
    words = notices.words(first.label, "image", ("kk", "ru"))[first.notice.tier]
    _, lines = raster.render(first.notice, words)
    picture = Image.open(io.BytesIO(first.data)).convert("RGB")
    for part in lines[0]:  # Kazakh
        x, y = first.notice.box.x + part.x, first.notice.box.y + part.y
        ImageDraw.Draw(picture).rectangle((x, y, x + part.w, y + part.h), fill="black")
    out = io.BytesIO()
    picture.save(out, "PNG")
    bare = io.BytesIO()
    identify(io.BytesIO(out.getvalue())).splice(
        io.BytesIO(out.getvalue()), bare, {Slot.XMP: slots(first.data)[Slot.XMP]}
    )
    found = rules(labeler.verify(bare.getvalue()))
    assert found["kz.notice"] == "holds" and found["kz.notice.languages"] == "fails"


@pytest.mark.parametrize("size", [(320, 213), (1080, 1920), (2000, 300), (200, 1600), (512, 512)])
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_every_shape_gets_a_legible_notice(kind: str, size: tuple[int, int]) -> None:
    receipt = labeler.add(encode(kind, *size), None, label())
    assert receipt.notice.legible
    assert receipt.notice.em >= max(12, 0.04 * min(size))
    assert labeler.verify(receipt.data).verdict == "labelled"


def test_where_nothing_fits_the_error_names_the_way_out() -> None:
    with pytest.raises(NoticeError) as caught:
        labeler.add(encode("png", 64, 64), None, label())
    assert "--notice none" in caught.value.hint
    with pytest.raises(NoticeError) as caught:
        labeler.add(encode("png", 120, 90), None, label())
    assert "--notice band" in caught.value.hint
    assert labeler.add(encode("png", 120, 90), None, label(), notice="band").notice.legible
    assert labeler.add(encode("png", 64, 64), None, label(), notice="none").data


@pytest.mark.parametrize("kind", KINDS)
def test_a_band_covers_nothing(kind: str) -> None:
    receipt = labeler.add(encode(kind), None, label(), notice="band")
    assert labeler.verify(receipt.data).verdict == "labelled"
    if kind != "svg":
        new = Image.open(io.BytesIO(receipt.data)).convert("RGB")
        old = Image.open(io.BytesIO(encode(kind))).convert("RGB")
        assert new.size == (old.width, receipt.notice.box.y + receipt.notice.box.h)
        assert new.crop((0, 0, *old.size)).tobytes() == old.tobytes()


def test_a_scaled_copy_still_shows_its_notice() -> None:
    first = labeler.add(encode("png", 1600, 1200), None, label())
    small = io.BytesIO()
    Image.open(io.BytesIO(first.data)).convert("RGB").resize((1000, 750)).save(small, "PNG")
    out = io.BytesIO()
    identify(io.BytesIO(small.getvalue())).splice(
        io.BytesIO(small.getvalue()), out, {Slot.XMP: slots(first.data)[Slot.XMP]}
    )
    report = labeler.verify(out.getvalue())
    assert report.verdict == "labelled" and rules(report)["kz.mark.bound"] == "fails"


# ---- persons


def with_author(author: str) -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq>'
        f"<rdf:li>{author}</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    out = io.BytesIO()
    identify(io.BytesIO(encode("png"))).splice(io.BytesIO(encode("png")), out, {Slot.XMP: packet.encode()})
    return out.getvalue()


@pytest.mark.parametrize(
    "author", ["Kandinsky 5", "kandinsky-5", "Midjourney", "Midjourney v6", "Stable Diffusion XL"]
)
def test_an_ai_system_as_author_is_refused(author: str) -> None:
    with pytest.raises(UsageError, match="author"):
        labeler.add(with_author(author), None, label())
    assert rules(labeler.verify(with_author(author), assume_ai=True))["kz.author"] == "fails"


@pytest.mark.parametrize(
    "author", ["Claude", "Leonardo", "Алиса", "Claude Monet", "Wassily Kandinsky", "Kandinsky"]
)
def test_given_names_never_are_ai(author: str) -> None:
    assert labeler.add(with_author(author), None, label()).data
    assert rules(labeler.verify(with_author(author), assume_ai=True))["kz.author"] == "holds"


def test_a_given_name_is_no_system_even_when_the_label_names_it() -> None:
    assert labeler.add(with_author("Claude"), None, label(system="Claude")).data


def test_prompts_are_left_out_unless_asked_for() -> None:
    asked = label(prompt="a portrait of Aigul from flat 7")
    quiet = labeler.add(encode("jpeg"), None, asked)
    assert b"Aigul" not in quiet.data and quiet.label.prompt is None
    loud = labeler.add(encode("jpeg"), None, asked, with_prompt=True)
    assert b"Aigul" in loud.data and any("prompt" in r for r in loud.remarks)
    assert "prompt" not in loud.to_dict()["label"]
    assert "Aigul" not in json.dumps(labeler.verify(loud.data).to_dict())


def test_a_prompt_in_kept_metadata_is_a_remark() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler")
    out = io.BytesIO()
    photo().save(out, "PNG", pnginfo=info)
    receipt = labeler.add(out.getvalue(), None, label())
    assert any("parameters" in r for r in receipt.remarks)
    assert Image.open(io.BytesIO(receipt.data)).info["parameters"].startswith("a cat")


# ---- sidecars


def bmp() -> bytes:
    out = io.BytesIO()
    photo().save(out, "BMP")
    return out.getvalue()


def test_other_pictures_get_a_sidecar_and_stay_as_they_are(tmp_path: Path) -> None:
    source, target = tmp_path / "a.bmp", tmp_path / "out" / "a.bmp"
    source.write_bytes(bmp())
    target.parent.mkdir()
    receipt = labeler.add(source, target, label())
    sidecar = target.with_name("a.bmp.c2pa")
    assert target.read_bytes() == source.read_bytes() and sidecar.is_file()
    assert receipt.sidecar == str(sidecar) and any("no notice" in d for d in receipt.degradations)
    report = labeler.verify(target)
    assert report.verdict == "incomplete" and rules(report)["kz.notice"] == "fails"
    assert {m.kind: m.status.value for m in report.marks}["sidecar"] == "present"
    again = labeler.add(target, tmp_path / "b.bmp", label())
    assert again.unchanged and (tmp_path / "b.bmp.c2pa").read_bytes() == sidecar.read_bytes()
    target.write_bytes(source.read_bytes()[:-1] + b"?")
    assert labeler.verify(target).verdict == "tampered"


def test_a_sidecar_is_accepted_by_foreign_validators() -> None:
    receipt = labeler.add(encode("png"), None, label(), sidecar=True)
    assert receipt.sidecar_data and Slot.C2PA not in slots(receipt.data)
    failures, _ = c2pa_reader(receipt.data, "image/png", receipt.sidecar_data)
    assert failures == "signingCredential.untrusted"
    assert encypher(receipt.data, "image/png", receipt.sidecar_data)["hard_binding"] == "match"
    assert labeler.verify(receipt.data, sidecar=receipt.sidecar_data).verdict == "labelled"


def test_a_file_with_a_sidecar_keeps_to_it_and_the_old_one_becomes_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    labeler.add(encode("png"), path, label(system="Other 1"), sidecar=True, identity=foreign_identity())
    receipt = labeler.add(path, None, label(), in_place=True)
    sidecar = tmp_path / "a.png.c2pa"
    _, store = c2pa_reader(path.read_bytes(), "image/png", sidecar.read_bytes())
    assert len(store["manifests"]) == 2 and receipt.marks[-1] == "sidecar"
    assert labeler.verify(path).verdict == "labelled"


# ---- targets


def test_source_and_target_at_once_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode("png"))
    os.link(path, tmp_path / "b.png")
    for target in (path, tmp_path / "b.png"):
        with pytest.raises(UsageError, match="at once"):
            labeler.add(path, target, label())
    assert path.read_bytes() == encode("png")


def test_in_place_keeps_mode_link_and_backup(tmp_path: Path) -> None:
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(encode("png"))
    real.chmod(0o640)
    link.symlink_to(real.name)
    labeler.add(link, None, label(), in_place=True, backup=".orig")
    assert link.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert (tmp_path / "real.png.orig").read_bytes() == encode("png")
    assert labeler.verify(link).verdict == "labelled"
    with pytest.raises(UsageError, match="exists already"):
        labeler.add(link, None, label(system="Other 2"), in_place=True, backup=".orig")


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        labeler.add(encode("png"), tmp_path / "a.png", label())
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode("png"))

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    identity.ensure()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="nothing was changed"):
        labeler.add(path, None, label(), in_place=True)
    assert path.read_bytes() == encode("png") and os.listdir(tmp_path) == ["a.png"]


def test_a_missing_folder_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        labeler.add(encode("png"), tmp_path / "no" / "a.png", label())


def test_streams_are_read_from_where_they_stand() -> None:
    src, dst = io.BytesIO(b"??" + encode("png")), io.BytesIO()
    src.seek(2)
    labeler.add(src, dst, label())
    assert src.tell() == 2 and labeler.verify(dst.getvalue()).verdict == "labelled"


@pytest.mark.parametrize(
    "bad", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP"]
)
def test_bad_input_is_a_typed_error(bad: bytes, tmp_path: Path) -> None:
    path, target = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(bad)
    with pytest.raises(UnreadableError) as caught:
        labeler.add(path, target, label())
    assert "a.png" in str(caught.value) and caught.value.hint
    assert not target.exists()


def test_malformed_xmp_is_not_overwritten() -> None:
    out = io.BytesIO()
    identify(io.BytesIO(encode("jpeg"))).splice(io.BytesIO(encode("jpeg")), out, {Slot.XMP: b"<x:xmpmeta"})
    with pytest.raises(UnreadableError, match="XMP"):
        labeler.add(out.getvalue(), None, label())


def test_unsupported_kinds_say_so(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("hello")
    with pytest.raises(UnsupportedError, match="no kind"):
        labeler.add(path, tmp_path / "b.log", label())


def test_a_read_only_home_has_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("LABEL_DATA_DIR", str(blocked))
    with pytest.raises(IdentityError) as caught:
        labeler.add(encode("png"), tmp_path / "a.png", label())
    assert "LABEL_DATA_DIR" in caught.value.hint


@pytest.mark.parametrize("involvement", list(Involvement))
def test_involvement_in_the_manifest(involvement: Involvement) -> None:
    data = labeler.add(encode("png"), None, label(involvement=involvement)).data
    _, store = c2pa_reader(data, "image/png")
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    actions = next(a["data"]["actions"] for a in assertions if a["label"] == "c2pa.actions.v2")
    source = [(a["action"], a.get("digitalSourceType", "").rpartition("/")[2]) for a in actions]
    assert (
        source[:-1]
        == {
            Involvement.GENERATED: [("c2pa.created", "trainedAlgorithmicMedia")],
            Involvement.MODIFIED: [
                ("c2pa.opened", ""),
                ("c2pa.edited", "compositeWithTrainedAlgorithmicMedia"),
            ],
            Involvement.ASSISTED: [("c2pa.created", "humanEdits")],
        }[involvement]
    )
    assert labeler.verify(data).verdict == "labelled"


def test_the_original_of_a_modified_picture_is_its_parent() -> None:
    data = labeler.add(
        encode("png"), None, label(involvement=Involvement.MODIFIED), original=encode("jpeg")
    ).data
    _, store = c2pa_reader(data, "image/png")
    ingredient = store["manifests"][store["active_manifest"]]["ingredients"][0]
    assert ingredient["format"] == "image/jpeg" and ingredient["relationship"] == "parentOf"


@pytest.mark.parametrize(
    "size",
    [
        'viewBox="0 0 9 9"',
        'viewBox="-50 -50 1e5 7e4"',
        'viewBox="0 0 3 2" width="21cm"',
        'width="700" height="300"',
    ],
)
@pytest.mark.parametrize("mode", ["plate", "band"])
def test_svg_in_any_unit(size: str, mode: Any) -> None:
    data = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><path d="M0 0H9V9z"/></svg>'.encode()
    once = labeler.add(data, None, label(), notice=mode)
    assert labeler.verify(once.data).verdict == "labelled"
    twice = labeler.add(once.data, None, label(imitates=(Imitates.APPEARANCE,)), notice=mode)
    assert labeler.verify(twice.data).verdict == "labelled" and twice.data.count(b'id="tanba-notice"') == 1


@pytest.mark.parametrize(
    ("root", "inside", "after", "status"),
    [
        ("", "<style>path{fill:none;stroke:#036}.a{clip-path:url(#c)}</style>", "", "holds"),
        ("", "<style>path{display:none} * {opacity:0}</style>", "", "holds"),
        ("", "<style>rect{width:0;height:0}</style>", "", "holds"),
        ('style="enable-background:new 0 0 9 9"', "", "", "holds"),
        ("", "<style>path{d:none}</style>", "", "unknown"),
        ("", "<style>#tanba-notice *{opacity:0}</style>", "", "unknown"),
        ("", "<style>svg{clip-path:inset(0 0 30% 0)}</style>", "", "unknown"),
        ("", "<style>@import url(x.css);</style>", "", "unknown"),
        ("", "<script>x()</script>", "", "unknown"),
        ('onload="x()"', "", "", "unknown"),
        ('mask="url(#m)"', "", "", "unknown"),
        ('style="height:300px"', "", "", "unknown"),
        ("", '<animate attributeName="viewBox" to="0 0 1 1"/>', "", "unknown"),
        ("", "", '<rect width="800" height="600"/>', "fails"),
    ],
)
def test_what_could_hide_an_svg_notice(root: str, inside: str, after: str, status: str) -> None:
    made = labeler.add(encode("svg"), None, label(), sidecar=True).data.decode()
    changed = made.replace("<svg ", f"<svg {root} ", 1).replace("<rect", f"{inside}<rect", 1)
    changed = changed.replace("</svg>", f"{after}</svg>")
    assert rules(labeler.verify(changed.encode()))["kz.notice"] == status
    if status == "unknown":
        receipt = labeler.add(
            encode("svg")
            .decode()
            .replace("<svg ", f"<svg {root} ", 1)
            .replace("<rect", f"{inside}<rect", 1)
            .encode(),
            None,
            label(),
        )
        assert any("kz.notice (unknown)" in r for r in receipt.remarks)


def test_a_style_sheet_for_every_path_does_not_reach_the_notice(tool: Callable[[str], str]) -> None:
    styled = encode("svg").replace(b"<rect", b"<style>path{fill:none} rect{fill:#9cf}</style><rect", 1)
    receipt = labeler.add(styled, None, label())
    done = subprocess.run([tool("rsvg-convert")], input=receipt.data, capture_output=True, check=True)
    b = receipt.notice.box
    shown = (
        Image.open(io.BytesIO(done.stdout))
        .convert("L")
        .crop((int(b.x), int(b.y), int(b.x + b.w), int(b.y + b.h)))
    )
    light = sum(shown.histogram()[200:]) / (shown.width * shown.height)
    assert 0.03 < light < 0.5 and shown.getextrema()[0] == 0


def test_a_picture_scaled_below_legibility_is_told() -> None:
    first = labeler.add(encode("png", 640, 480), None, label())
    small = io.BytesIO()
    Image.open(io.BytesIO(first.data)).convert("RGB").resize((320, 240), Image.Resampling.LANCZOS).save(
        small, "PNG"
    )
    out = io.BytesIO()
    identify(io.BytesIO(small.getvalue())).splice(
        io.BytesIO(small.getvalue()), out, {Slot.XMP: slots(first.data)[Slot.XMP]}
    )
    found = rules(labeler.verify(out.getvalue()))
    assert found["kz.notice"] == "holds" and found["kz.notice.legible"] == "fails"


def variants() -> Iterator[Any]:
    for module in MODULES:
        if load(module).info.kind == "text":
            continue  # texts have no magic, and no c2pa that reads them: test_text
        for name, make in importlib.import_module(f"variants.{module}").VARIANTS.items():
            # these hold a manifest store that is no more than a placeholder
            if name not in ("c2pa", "signed", "c2pa-and-xmp"):
                yield pytest.param(make, id=f"{module}-{name}")


@pytest.mark.parametrize("make", variants())
def test_every_variant_of_every_container_is_accepted_by_others(make: Callable[[], bytes]) -> None:
    data = make()
    info = identify(io.BytesIO(data)).info
    receipt = labeler.add(data, None, label(), notice="none")
    failures, _ = c2pa_reader(receipt.data, info.mime, receipt.sidecar_data)
    assert failures == "signingCredential.untrusted"
    # of a file with a sidecar encypher-c2pa only asks that it has heard of its kind
    mime = info.mime if info.c2pa != "sidecar" else "image/tiff"
    try:
        receipt.data.decode()
    except UnicodeDecodeError:
        if mime == "image/svg+xml":
            return  # nor SVG in other encodings than UTF-8
    other = encypher(receipt.data, mime, receipt.sidecar_data)
    assert (other["integrity"], other["signature"], other["hard_binding"]) == ("valid", "valid", "match")


def test_what_cannot_be_embedded_without_loss_gets_a_sidecar_and_says_so() -> None:
    trailing = encode("webp") + b"trailing"
    receipt = labeler.add(trailing, None, label())
    assert receipt.sidecar_data and receipt.data.endswith(b"trailing") and receipt.marks[-1] == "sidecar"
    assert any("signed in a sidecar" in d for d in receipt.degradations)
    assert labeler.verify(receipt.data, sidecar=receipt.sidecar_data).verdict == "labelled"
    with pytest.raises(UsageError, match="sidecar"):
        labeler.add(trailing, io.BytesIO(), label())


@pytest.mark.parametrize(("scale", "quality"), [(1, 90), (1, 10), (0.7, 75), (0.43, 75), (0.3, 75)])
def test_the_notice_is_recognised_after_what_publishing_does(scale: float, quality: int) -> None:
    first = labeler.add(encode("jpeg", 1600, 1000), None, label())
    out, bare = io.BytesIO(), io.BytesIO()
    shrunk = Image.open(io.BytesIO(first.data)).resize((round(1600 * scale), round(1000 * scale)))
    shrunk.save(bare, "JPEG", quality=quality)
    identify(io.BytesIO(bare.getvalue())).splice(
        io.BytesIO(bare.getvalue()), out, {Slot.XMP: slots(first.data)[Slot.XMP]}
    )
    report = labeler.verify(out.getvalue())
    assert report.verdict == "labelled" and rules(report)["kz.mark.bound"] == "fails"


def test_other_words_of_the_same_shape_are_not_taken_for_the_notice() -> None:
    from labeler import notices
    from labeler.surfaces import raster

    words = notices.words(label(), "image", ("kk", "ru"))["sentence"]
    layout = labeler.add(encode("png", 1600, 1000), None, label()).notice
    plate, boxes = raster.render(layout, words)
    other, _ = raster.render(layout, {k: "".join(reversed(v)) for k, v in words.items()})
    for part in (p for block in boxes for p in block):
        assert raster._compare(plate, plate.convert("L"), part)[0] > 0.99
        assert raster._compare(other, plate.convert("L"), part)[0] < 0.5


def test_the_manifest_is_what_the_conformance_rubric_asks_for() -> None:
    """C2PA conformance programme, asset rubric 0.2 (spec 2.4): the traits that a claim generator decides."""
    from labeler.marks.c2pa import _c2pa

    signed = labeler.add(encode("jpeg"), None, label(system="Other 1"), identity=foreign_identity()).data
    for data in (
        labeler.add(encode("jpeg"), None, label(system_version="5")).data,
        labeler.add(signed, None, label()).data,
    ):
        with _c2pa().Reader("image/jpeg", io.BytesIO(data)) as reader:
            store = json.loads(reader.crjson())
        manifest = store["manifests"][0]
        claim = manifest.get("claim.v2") or manifest["claim"]
        created = " ".join(str(a.get("url")) for a in claim["created_assertions"])
        assert all(n in created for n in ("c2pa.actions.v2", "c2pa.ai-disclosure", "c2pa.hash.data"))
        assert "specVersion" not in claim and claim["claim_generator_info"]["specVersion"] == "2.4.0"
        actions = manifest["assertions"]["c2pa.actions.v2"]
        assert actions["allActionsIncluded"] is True
        first, *others = actions["actions"]
        assert ("digitalSourceType" in first) == (first["action"] == "c2pa.created")
        assert all("digitalSourceType" in a for a in others if a["action"] == "c2pa.addedText")
        if first["action"] == "c2pa.opened":
            assert len(first["parameters"]["ingredients"]) == 1
        assert manifest["assertions"]["c2pa.ai-disclosure"]["modelType"] == "c2pa.types.model"


def test_a_lossy_picture_encoded_again_says_so_in_its_manifest() -> None:
    lossy = io.BytesIO()
    photo().save(lossy, "WEBP", quality=80)
    _, store = c2pa_reader(labeler.add(lossy.getvalue(), None, label()).data, "image/webp")
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    actions = next(a["data"]["actions"] for a in assertions if a["label"] == "c2pa.actions.v2")
    assert [a["action"] for a in actions] == ["c2pa.created", "c2pa.addedText", "c2pa.transcoded"]


def test_an_empty_sidecar_is_told_as_that(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encode("png"))
    (tmp_path / "a.png.c2pa").write_bytes(b"")
    with pytest.raises(UnreadableError, match="sidecar beside it cannot be read"):
        labeler.add(file, None, label(), in_place=True)
    report = labeler.verify(file)
    assert next(m.status for m in report.marks if m.kind == "sidecar") == "invalid"


def test_a_longer_notice_in_a_small_picture_is_put_shorter() -> None:
    data = encode("jpeg", 400, 300)
    every = ("kk", "ru", "en")
    once = labeler.add(data, None, label(), langs=every)
    twice = labeler.add(once.data, None, label(involvement="modified"), langs=every)
    assert twice.notice.legible and labeler.verify(twice.data).verdict == "labelled"


def test_a_dry_run_asks_no_authority() -> None:
    receipt = labeler.add(encode("png"), None, label(), tsa="http://127.0.0.1:9/", dry_run=True)
    assert any("authority was not asked" in r for r in receipt.remarks)
