"""Hostile and broken files: a verdict or a typed error, never a traceback, never a false `labelled`."""

from __future__ import annotations

import functools
import gzip
import io
import os
import random
from pathlib import Path
from typing import Any

import pytest
from pictures import KINDS, encode, label

import labeler
from labeler.errors import LabelError, LimitError
from labeler.media import Slot, identify
from labeler.media.base import Limits, whole

kinds = pytest.mark.parametrize("kind", KINDS)


@functools.cache
def labelled(kind: str) -> bytes:
    return labeler.add(encode(kind, 320, 240), None, label()).data


def same_content(a: bytes, b: bytes) -> bool:
    first, second = (identify(io.BytesIO(x)).read(io.BytesIO(x), Limits(), essence=True) for x in (a, b))
    return first.essence == second.essence and first.slots.get(Slot.XMP) == second.slots.get(Slot.XMP)


@kinds
def test_truncated_is_never_labelled(kind: str) -> None:
    data = labelled(kind)
    for n in range(0, len(data), 97):
        report = labeler.verify(data[:n])
        assert report.verdict == "unreadable" and report.error and report.error.message
        with pytest.raises(LabelError):
            labeler.add(data[:n], None, label())


@kinds
def test_mutated_is_never_labelled_as_something_else(kind: str) -> None:
    data, chance = labelled(kind), random.Random(kind)
    verdicts = set()
    for _ in range(400):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            mutant[chance.randrange(len(mutant))] ^= 1 << chance.randrange(8)
        report = labeler.verify(bytes(mutant))
        verdicts.add(report.verdict.value)
        if report.verdict == "labelled" and not same_content(data, bytes(mutant)):
            # the signature's own container was hit too: what is left is a label that says it is bound no more
            assert any(f.code == "c2pa.removed" for f in report.facts)
    assert "tampered" in verdicts


@kinds
def test_appended_bytes_are_seen(kind: str) -> None:
    report = labeler.verify(labelled(kind) + b"\0appended")
    assert report.verdict != "labelled"


HOSTILE_XMP = {
    "dtd": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>',
    "external": b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    "deep": b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b"<a>" * 500 + b"</a>" * 500 + b"</x:xmpmeta>",
    "no rdf": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    "not xml": b"hello",
}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("name", HOSTILE_XMP)
def test_hostile_xmp_is_a_finding_and_is_not_overwritten(kind: str, name: str) -> None:
    out = io.BytesIO()
    identify(io.BytesIO(encode(kind))).splice(io.BytesIO(encode(kind)), out, {Slot.XMP: HOSTILE_XMP[name]})
    report = labeler.verify(out.getvalue())
    assert report.verdict in ("no-evidence", "unreadable")
    with pytest.raises(LabelError):
        labeler.add(out.getvalue(), None, label())


@pytest.mark.parametrize(
    "record",
    [
        "[]",
        "{",
        '{"label": 1}',
        '{"label": {"system": 5}}',
        '{"label": {"system": "x", "time": "now"}}',
        "[" * 5000,
    ],
)
def test_hostile_records_are_findings(record: str) -> None:
    from xml.sax.saxutils import escape

    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tanba="http://ns.tanba.kz/label/1.0/">'
        f"<tanba:Record>{escape(record)}</tanba:Record></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    out = io.BytesIO()
    identify(io.BytesIO(encode("png"))).splice(io.BytesIO(encode("png")), out, {Slot.XMP: packet.encode()})
    report = labeler.verify(out.getvalue(), notice_on_page=True)
    assert report.verdict == "incomplete"
    assert any(f.code == "record.malformed" for f in report.facts)


def test_limits_are_settings() -> None:
    for limits in (Limits(max_bytes=1000), Limits(max_pixels=1000), Limits(max_parts=1)):
        report = labeler.verify(encode("png"), limits=limits)
        assert report.verdict == "unreadable" and report.error and report.error.code == "unreadable.limit"
        with pytest.raises(LimitError):
            labeler.add(encode("png"), None, label(), limits=limits)


def test_folders_and_devices_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "nothing"):
        report = labeler.verify(path)
        assert report.verdict == "unreadable" and report.error and report.error.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode("png"))
    path.chmod(0)
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root could read it all the same
    try:
        report = labeler.verify(path)
    finally:
        os.seteuid(user)
    assert report.verdict == "unreadable" and report.error and "Permission denied" in report.error.message


def test_no_debris_after_failures(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    for data in (encode("png")[:-5], b"", labelled("png")[:-1] + b"?"):
        with pytest.raises(LabelError):
            labeler.add(data, target, label())
    assert os.listdir(tmp_path) == []


def test_streams_are_read_whole_from_where_they_stand() -> None:
    data = encode("png")
    packed = io.BytesIO(gzip.compress(b"??" + data))
    with gzip.open(packed) as unpacked:
        sources: tuple[Any, ...] = (io.BytesIO(b"??" + data), unpacked)
        for source in sources:
            source.seek(2)
            assert whole(source, Limits()) == data and source.tell() == 2
            with pytest.raises(LimitError):
                whole(source, Limits(max_bytes=len(data) - 1))
