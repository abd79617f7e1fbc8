"""Real files that other people's software made get the verdicts of the corpus' manifest."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pictures import MIMES, encypher, label

import labeler

SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".svg": "svg", ".gif": "gif"}
SUFFIXES |= {".tif": "tiff", ".tiff": "tiff", ".dng": "raw", ".cr2": "raw", ".nef": "raw"}
SUFFIXES |= {".avif": "avif", ".heic": "heif", ".heif": "heif"}


def rows(corpus: Path) -> list[dict[str, str]]:
    with open(corpus / "MANIFEST.tsv", newline="", encoding="utf-8") as f:
        found = [r for r in csv.DictReader(f, delimiter="\t") if Path(r["path"]).suffix.lower() in SUFFIXES]
    assert len(found) > 100
    return found


def anchors(corpus: Path) -> dict[str, list[Path]]:
    found = sorted((corpus / "trust").glob("*.pem"))
    return {
        "trust": [p for p in found if "tsa" not in p.name],
        "trust_tsa": [p for p in found if "tsa" in p.name or "interim" in p.name],
    }


def test_verdicts_of_the_manifest(corpus: Path) -> None:
    wrong = []
    for row in rows(corpus):
        # a foreign notice cannot be recognised in pixels: ask as somebody who knows that the page carries one
        report = labeler.verify(corpus / row["path"], **anchors(corpus), notice_on_page=True)
        expected = {
            "tampered": {"tampered"},
            "labelled": {"labelled"},
            "not-ai": {"no-evidence", "unreadable"},
            "ambiguous": {"no-evidence", "unreadable", "suspected"},
            "ai": {"unlabelled", "labelled"},
        }[row["expected"]]
        if row["expected"] == "ai" and ("lost" in row["generator"] or "stealth" in row["path"]):
            expected = {"no-evidence"}  # nothing is left to see, or only in the pixels
        if report.verdict.value not in expected:
            wrong.append((row["path"], row["expected"], report.verdict.value))
    assert not wrong


def test_what_cannot_be_parsed_is_told_and_rare(corpus: Path) -> None:
    broken = [r["path"] for r in rows(corpus) if labeler.verify(corpus / r["path"]).error]
    assert all(labeler.verify(corpus / p).error.message for p in broken)  # type: ignore[union-attr]
    assert len(broken) <= 5, broken


def test_signers_are_facts_never_tampering(corpus: Path) -> None:
    report = labeler.verify(corpus / "contentauth-example-assets/images/ChatGPT_Image.png")
    codes = {f.code for f in report.facts}
    assert {"c2pa.signer.untrusted", "c2pa.signer.expired", "c2pa.intact"} <= codes
    firefly = corpus / "contentauth-example-assets/images/Firefly_tabby_cat.jpg"
    trusted = [f for f in labeler.verify(firefly, **anchors(corpus)).facts if f.code == "c2pa.signer.trusted"]
    assert [f.where for f in trusted] == ["Adobe Inc.; interim-anchors-frozen-2026-01.pem"]


def test_who_made_an_old_time_stamp_is_not_checked_and_told(corpus: Path) -> None:
    old = labeler.verify(
        corpus / "contentauth-example-assets/images/Firefly_tabby_cat.jpg", **anchors(corpus)
    )
    assert (
        "c2pa.time.unchecked" in {f.code for f in old.facts} and "who made the time-stamp" in old.not_checked
    )
    assert next(r.status for r in old.rules if r.id == "kz.mark.in-time") == "unknown"
    assert next(m for m in old.marks if m.kind == "c2pa").details["time_trusted"] is None
    new = labeler.verify(
        corpus / "contentauth-example-assets/images/cloudscape-ACA-Cr.jpeg", **anchors(corpus)
    )
    assert {
        "c2pa.time.trusted",
        "c2pa.signer.trusted",
        "c2pa.signer.not-revoked",
        "c2pa.identity.unchecked",
    } <= {f.code for f in new.facts}


def test_real_files_are_labelled_and_accepted(corpus: Path) -> None:
    done = 0
    refused: list[tuple[str, str]] = []
    for row in rows(corpus)[::4]:
        path = corpus / row["path"]
        kind = SUFFIXES[path.suffix.lower()]
        try:
            receipt = labeler.add(path, None, label(system="Other 1"))
        except labeler.LabelError as e:
            refused.append((row["path"], e.code))
            continue
        report = labeler.verify(receipt.data, sidecar=receipt.sidecar_data)
        assert report.verdict in ("labelled", "incomplete"), row["path"]
        assert report.verdict == "labelled" or receipt.notice.mode == "none"
        if path.read_bytes()[:4] in (b"\x89PNG", b"RIFF") or path.read_bytes()[:3] == b"\xff\xd8\xff":
            assert encypher(receipt.data, MIMES[kind])["integrity"] == "valid", row["path"]
        done += 1
    # signing: manifests of drafts that c2pa does not take as a parent
    allowed = {
        "tampered",
        "notice.no-room",
        "unreadable",
        "unreadable.unsupported",
        "unreadable.limit",
        "signing",
    }
    assert done >= 30 and {code for _, code in refused} <= allowed, refused


@pytest.mark.parametrize("name", ["adobe-20220124-XCA.jpg", "adobe-20220124-E-sig-CA.jpg"])
def test_tampered_files_of_others_are_refused(corpus: Path, name: str) -> None:
    with pytest.raises(labeler.LabelError) as caught:
        labeler.add(corpus / "c2pa-public-testfiles/image/jpeg" / name, None, label())
    assert caught.value.code == "tampered"
