"""Zip and tar archives read in place."""

from __future__ import annotations

import io
import os
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from batches import tarred, zipped
from pictures import encode, label

import labeler
from labeler import Report
from labeler.batch.archives import Archive
from labeler.batch.listing import Bounds

PNG = encode("png", 64, 48)
FILES = {"b/x.jpg": encode("jpeg", 64, 48), "a.png": PNG, "note.bin": b"\0\1\2\3", "b/.hidden.png": PNG}
FORMS = {
    "zip": zipped(FILES),
    "stored.zip": zipped(FILES, zipfile.ZIP_STORED),
    "lzma.zip": zipped(FILES, zipfile.ZIP_LZMA),
    "tar": tarred(FILES),
    "tar.gz": tarred(FILES, "w:gz"),
    "tbz2": tarred(FILES, "w:bz2"),
    "tar.xz": tarred(FILES, "w:xz"),
}


def verified(path: Path, name: str, data: bytes, **options: object) -> list[Report]:
    (path / name).write_bytes(data)
    return list(labeler.verify_many([path / name], jobs=0, **options))  # type: ignore[arg-type]


def said(reports: list[Report], path: Path) -> dict[str, str]:
    return {r.path.replace(f"{path}/", ""): r.error.message if r.error else r.verdict.value for r in reports}


@pytest.mark.parametrize("form", FORMS)
def test_members_are_files_like_others(form: str, tmp_path: Path) -> None:
    reports = verified(tmp_path, f"site.{form}", FORMS[form])
    name = f"{tmp_path}/site.{form}!/"
    assert [r.path for r in reports] == [f"{name}a.png", f"{name}b/x.jpg", f"{name}note.bin"]
    assert [r.skipped for r in reports] == [False, False, True]
    assert reports[0].sha256 == labeler.verify(PNG).sha256
    assert os.listdir(tmp_path) == [f"site.{form}"]


def test_sidecars_are_matched_inside(tmp_path: Path) -> None:
    svg, photo = encode("svg"), encode("jpeg", 320, 240)
    made = {d: labeler.add(d, None, label(), sidecar=True, notice="none") for d in (svg, photo)}
    files = {
        "a.svg": made[svg].data,
        "a.svg.c2pa": made[svg].sidecar_data,
        "b/c.jpg": made[photo].data,
        "b/c.c2pa": made[photo].sidecar_data,
        "b/gone.png.c2pa": b"x",
    }
    (tmp_path / "x.zip").write_bytes(zipped({k: v for k, v in files.items() if v is not None}))
    run = labeler.verify_many([tmp_path / "x.zip"], jobs=0)
    reports = list(run)
    assert [r.path.rpartition("!/")[2] for r in reports] == ["a.svg", "b/c.jpg"]
    assert all(m.status == "present" for r in reports for m in r.marks if m.kind == "sidecar")
    assert run.orphans == [f"{tmp_path}/x.zip!/b/gone.png.c2pa"]


@pytest.mark.parametrize(
    "name", ["../../a.png", "/etc/a.png", "C:\\x\\..\\..\\a.png", "x/../../../a.png", "..\\a.png", "./a.png"]
)
def test_names_that_lead_elsewhere_lead_nowhere(name: str, tmp_path: Path) -> None:
    for form, data in (("zip", zipped({name: PNG})), ("tar", tarred({name: PNG}))):
        (report,) = verified(tmp_path, f"x.{form}", data)
        inside = report.path.removeprefix(f"{tmp_path}/x.{form}!/")
        assert ".." not in inside and inside.endswith("a.png") and not inside.startswith("/")
        assert report.verdict == "no-evidence"
    assert sorted(os.listdir(tmp_path)) == ["x.tar", "x.zip"]


def test_names_of_russian_windows_and_of_no_encoding(tmp_path: Path) -> None:
    data = zipped({"#" * 6 + ".png": PNG}).replace(b"#" * 6, "Дала_1".encode("cp866"))
    assert [r.path[-10:] for r in verified(tmp_path, "a.zip", data)] == ["Дала_1.png"]
    data = zipped({"#" * 6 + ".png": PNG}).replace(b"#" * 6, "Дал".encode())
    assert [r.path[-7:] for r in verified(tmp_path, "b.zip", data)] == ["Дал.png"]
    (report,) = verified(tmp_path, "c.tar", tarred({"##.png": PNG}).replace(b"##.png", b"\xff\x01.png"))
    assert report.path.endswith("!/\udcff\x01.png") or report.error  # the header's checksum may fail


def test_archives_in_archives(tmp_path: Path) -> None:
    inner = tarred({"deep/x.png": PNG, "y.png": PNG}, "w:gz")
    data = zipped({"a.png": PNG, "b.tgz": inner, "z.png": PNG})
    reports = verified(tmp_path, "x.zip", data)
    assert list(said(reports, tmp_path)) == [
        "x.zip!/a.png",
        "x.zip!/b.tgz!/deep/x.png",
        "x.zip!/b.tgz!/y.png",
        "x.zip!/z.png",
    ]
    deeper = verified(tmp_path, "y.zip", zipped({"in.zip": data}))
    assert "more than 2 deep" in said(deeper, tmp_path)["y.zip!/in.zip!/b.tgz"]
    assert sum(r.error is None for r in deeper) == 2


def locked(data: bytes) -> bytes:
    """With the bit set that says encrypted."""
    out = bytearray(data)
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := data.find(magic, at + 1)) >= 0:
            out[at + flags] |= 1
    return bytes(out)


def test_what_cannot_be_examined_is_told_member_by_member(tmp_path: Path) -> None:
    reports = verified(tmp_path, "x.zip", locked(zipped({"a.png": PNG, "b.png": PNG})))
    assert [r.error and r.error.message for r in reports] == ["it is encrypted."] * 2
    assert all(r.verdict == "unreadable" and r.error and r.error.hint for r in reports)
    damaged = bytearray(zipped({"a.png": PNG, "b.png": PNG}, zipfile.ZIP_STORED))
    damaged[100] ^= 1
    assert "CRC" in said(verified(tmp_path, "y.zip", bytes(damaged)), tmp_path)["y.zip!/a.png"]
    method = zipped({"a.png": PNG}).replace(b"\x08\0", b"\x63\0")
    assert verified(tmp_path, "z.zip", method)[0].error


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_a_cut_archive_is_told(form: str, tmp_path: Path) -> None:
    data = FORMS[form]
    end = len(data.rstrip(b"\0"))  # a tar may end without its zeros
    for n in range(1, end, max(1, end // 40)):
        reports = verified(tmp_path, f"x.{form}", data[:n])
        assert any(r.error and not r.skipped for r in reports), n
        assert all(r.error or not r.path.endswith(form) for r in reports)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    for name, data in {
        "a.zip": b"",
        "b.tar": b"nothing",
        "c.tar.gz": b"\x1f\x8bnothing",
        "d.zip": PNG,
    }.items():
        (report,) = verified(tmp_path, name, data)
        assert report.error and report.path.endswith(name) and not report.skipped
    (report,) = labeler.verify_many([tmp_path / "none.zip"], jobs=0)
    assert report.error and "No such file" in report.error.message


def test_documents_are_no_archives(tmp_path: Path) -> None:
    documents = {
        "a.docx": {"[Content_Types].xml": b"<Types/>", "word/media/image1.png": PNG},
        "b.epub": {"mimetype": b"application/epub+zip", "cover.png": PNG},
        "c.zip": {"mimetype": b"application/vnd.oasis.opendocument.text", "Pictures/1.png": PNG},
    }
    for name, files in documents.items():
        (tmp_path / name).write_bytes(zipped(files))
    reports = list(labeler.verify_many([tmp_path], jobs=0))
    assert [Path(r.path).name for r in reports] == sorted(documents)
    inside = verified(tmp_path, "all.zip", zipped({n: zipped(f) for n, f in documents.items()}))
    assert [r.path.rpartition("!/")[2] for r in inside] == sorted(documents)


def test_bounds_hold(tmp_path: Path) -> None:
    many = zipped({f"{i}.png": PNG for i in range(20)})
    for form, data in (("zip", many), ("tar", tarred({f"{i}.png": PNG for i in range(20)}))):
        *members, archive = verified(tmp_path, f"x.{form}", data, bounds=Bounds(members=10))
        assert len(members) == 10 and not any(m.error for m in members)
        assert archive.error and "more than 10 members" in archive.error.message
    *members, archive = verified(tmp_path, "y.zip", many, bounds=Bounds(inflated=5 * len(PNG)))
    assert len(members) == 5 and archive.error and "unpacks to more" in archive.error.message
    blank = zipped({"blank.svg": b" " * (20 << 20), "a.png": PNG})
    reports = verified(tmp_path, "bomb.zip", blank)
    assert [bool(r.error) for r in reports] == [False, True]
    assert reports[1].error and "packed to less" in reports[1].error.message
    (report,) = verified(tmp_path, "bomb.tar.gz", tarred({"blank.svg": bytes(20 << 20)}, "w:gz"))
    assert report.error and "packed to less" in report.error.message
    (report,) = verified(tmp_path, "z.zip", zipped({"a.png": PNG}), limits=labeler.Limits(max_bytes=10))
    assert report.error and report.error.code == "unreadable.limit"


def test_a_lying_directory_gives_no_more_than_it_says() -> None:
    data = bytearray(zipped({"a.png": PNG}))
    at = data.find(b"PK\1\2")
    struct.pack_into("<I", data, at + 24, 10)  # the size, unpacked
    archive = Archive(_file(bytes(data)), Bounds())
    with pytest.raises(labeler.LabelError):
        archive.read(0, 1000)


def _file(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def test_links_and_devices_in_tars_are_left_alone(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "s.png"),
            (tarfile.LNKTYPE, "l.png"),
            (tarfile.CHRTYPE, "c.png"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("a.png")
        info.size = len(PNG)
        archive.addfile(info, io.BytesIO(PNG))
    assert [r.path[-5:] for r in verified(tmp_path, "x.tar", out.getvalue())] == ["a.png"]


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_mutated_archives_never_raise(form: str) -> None:
    chance = random.Random(form)
    data = zipped({"in.tar": tarred(FILES), "a.png": PNG}) if form == "zip" else FORMS[form]
    for _ in range(150):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        archive = Archive(_file(bytes(mutant)), Bounds(inflated=1 << 26))
        for i in range(len(archive.members)):
            try:
                archive.read(i, 1 << 24)
            except labeler.LabelError as e:
                assert e.hint
