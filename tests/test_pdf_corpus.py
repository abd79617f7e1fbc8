"""Real PDFs of other people's software: labelled, accepted elsewhere, and otherwise what they were."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
from pictures import c2pa_reader, encypher

import labeler
from labeler import Label, notices

LABEL = Label(system="Kandinsky 5", publisher="Qala Media")
WORDS = notices.words(LABEL, "document", ("kk", "ru"))
PASSWORDS = {"libreoffice-writer-password.pdf": "openpassword", "basic-password.pdf": None}


def content(data: bytes, password: str | None) -> dict[str, Any]:
    """What readers get out of it, by pypdf and pikepdf."""
    reader = pypdf.PdfReader(io.BytesIO(data), password=password)
    with pikepdf.open(io.BytesIO(data), password=password or "") as pdf:
        attached = {name: [bytes(f) for f in files] for name, files in reader.attachments.items()}
        # a manifest becomes an ingredient of ours
        attached = {name: files for name, files in attached.items() if files[0][4:8] != b"jumb"}
        root = pdf.Root
        return {
            "pages": len(pdf.pages),
            "outline": [str(item.get("/Title")) for item in reader.outline if not isinstance(item, list)],
            "fields": {k: str(v.get("/V")) for k, v in (reader.get_fields() or {}).items()},
            "attachments": attached,
            "annotations": [
                [a.unparse(resolved=True) for a in page.obj.get("/Annots", [])] for page in pdf.pages
            ],
            "destinations": sorted(reader.named_destinations),
            "others": {
                key: root[key].unparse(resolved=True)
                for key in root
                if key not in ("/Metadata", "/AF", "/Names", "/StructTreeRoot")
            },
            "info": {k: v for k, v in (reader.metadata or {}).items() if isinstance(v, str)},
        }


def texts(data: bytes, password: str | None) -> list[str]:
    said = [
        "".join(p.extract_text().split()) for p in pypdf.PdfReader(io.BytesIO(data), password=password).pages
    ]
    for words in WORDS.values():
        for lang in ("kk", "ru"):
            said = [s.replace("".join(words[lang].split()), "") for s in said]
    return said


def test_real_documents_are_labelled_and_otherwise_what_they_were(corpus: Path) -> None:
    files = sorted(corpus.rglob("*.pdf"))
    assert len(files) > 30
    refused = {}
    for file in files:
        data, password = file.read_bytes(), PASSWORDS.get(file.name)
        try:
            # one is signed, encrypted, and locked by its owner
            force = file.name == "basic-signed.pdf"
            receipt = labeler.add(data, None, LABEL, password=password, force=force)
        except labeler.LabelError as e:
            refused[file.name] = e.code
            continue
        out = receipt.data
        assert out.startswith(data), file
        report = labeler.verify(out, sidecar=receipt.sidecar_data, password=password)
        assert report.verdict == ("labelled" if receipt.notice.mode != "none" else "incomplete"), file
        failures, _ = c2pa_reader(out, "application/pdf", receipt.sidecar_data)
        assert failures in ("signingCredential.untrusted", "signingCredential.expired"), (file, failures)
        if not receipt.sidecar_data:
            assert encypher(out, "application/pdf")["integrity"] == "valid", file
        assert content(out, password) == content(data, password), file
        if len(data) < 200_000:
            assert texts(out, password) == texts(data, password), file
    # pages of a few pt, and one whose password nobody knows
    small = {f"imagemagick-{x}.pdf" for x in ("images", "lzw", "ASCII85Decode", "CCITTFaxDecode")} | {
        "PDF.pdf"
    }
    assert refused == dict.fromkeys(small, "notice.no-room") | {"basic-password.pdf": "unreadable.locked"}
