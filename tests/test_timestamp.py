"""RFC 3161 time-stamps: real answers of a local authority, and every way in which one can fail."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import authority
import pytest
from authority import DAY, NOW, REJECTED, Web, clock, drip, hang, send, serve
from cryptography.hazmat.primitives import serialization as ser
from cryptography.x509.oid import ExtendedKeyUsageOID
from pictures import MIMES, c2pa_reader, encode, encypher, label
from pki import key_pem
from variants.pdf import document, saved

import labeler
from labeler.errors import ConfigError, SigningError, TimeStampError
from labeler.label import Label
from labeler.marks import c2pa
from labeler.policy.engine import RuleStatus
from labeler.signing.identity import Identity
from labeler.signing.signers import KeySigner
from labeler.signing.timestamp import Authority

ROOT, CLOCKS = authority.root("Studio Root"), authority.root("Clock Root")
STAMPER = authority.stamper(CLOCKS)
SIGNER = authority.signer(ROOT)


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, list[Path]]:
    """Who vouches for signers, and who for the time."""
    return {
        "trust": [ROOT.save(tmp_path / "studios.pem")],
        "trust_tsa": [CLOCKS.save(tmp_path / "clocks.pem")],
    }


def codes(report: labeler.Report, *starts: str) -> set[str]:
    return {f.code for f in report.facts if f.code.startswith(starts or ("c2pa.signer", "c2pa.time"))}


def in_time(report: labeler.Report) -> RuleStatus:
    return next(r.status for r in report.rules if r.id == "kz.mark.in-time")


def stamped(kind: str = "png", **more: object) -> labeler.Receipt:
    with clock(STAMPER) as web:
        return labeler.add(encode(kind), None, label(), identity=SIGNER, tsa=web.url, **more)  # type: ignore[arg-type]


# ---- a good one


@pytest.mark.parametrize("kind", MIMES)
@pytest.mark.parametrize("sidecar", [False, True])
def test_the_time_is_confirmed_in_every_container_and_beside(
    kind: str, sidecar: bool, lists: dict[str, list[Path]]
) -> None:
    receipt = stamped(kind, sidecar=sidecar)
    store = receipt.sidecar_data
    assert receipt.time_stamp and receipt.time_stamp["authority"] == "Test Clock"
    assert receipt.degradations == (
        ("the picture was encoded again at quality 95",) if kind == "avif" else ()
    )
    assert b"sigTst2" in (store or receipt.data) or kind == "svg"  # base64 there
    failures, _ = c2pa_reader(receipt.data, MIMES[kind], store)
    assert failures == "signingCredential.untrusted"
    assert encypher(receipt.data, MIMES[kind], store)["integrity"] == "valid"
    report = labeler.verify(receipt.data, sidecar=store, **lists)
    assert codes(report) == {
        "c2pa.signer.trusted",
        "c2pa.time.trusted",
        "c2pa.signer.revocation-unchecked",
    }
    assert in_time(report) is RuleStatus.HOLDS and report.verdict == "labelled"
    mark = next(m for m in report.marks if m.kind == ("sidecar" if sidecar else "c2pa"))
    assert mark.details["trust_list"] == {"name": "studios.pem", "date": "", "own": False}
    assert mark.details["trusted"] is mark.details["time_trusted"] is True
    assert mark.details["time_list"] == {"name": "clocks.pem", "date": "", "own": False}
    where = {f.code: f.where for f in report.facts}
    assert where["c2pa.signer.trusted"] == "Example Studio; studios.pem"
    assert where["c2pa.time.trusted"].endswith(", Test Clock; clocks.pem")


def test_openssl_takes_our_authority_for_a_real_one(tmp_path: Path, tool: Callable[[str], str]) -> None:
    openssl = tool("openssl")
    (tmp_path / "data").write_bytes(b"some bytes")
    query = [openssl, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "q.tsq"]
    subprocess.run(query, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "r.tsr").write_bytes(authority.answer((tmp_path / "q.tsq").read_bytes(), STAMPER))
    CLOCKS.save(tmp_path / "root.pem")
    verify = [openssl, "ts", "-verify", "-queryfile", "q.tsq", "-in", "r.tsr", "-CAfile", "root.pem"]
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout, done.stderr


def test_each_purpose_needs_its_own_list(lists: dict[str, list[Path]]) -> None:
    receipt = stamped()
    signers, clocks = lists["trust"], lists["trust_tsa"]
    nobody = codes(labeler.verify(receipt.data))
    assert {"c2pa.signer.untrusted", "c2pa.time.untrusted"} <= nobody
    assert labeler.verify(receipt.data).marks[0].details["time_trusted"] is False
    assert any("is on no trust list" in r for r in receipt.remarks)
    # c2pa itself believes each list about everything
    for report in (
        labeler.verify(receipt.data, trust=clocks, trust_tsa=signers),
        labeler.verify(receipt.data, trust_identity=[*signers, *clocks]),
    ):
        assert codes(report) == nobody and in_time(report) is RuleStatus.FAILS
    assert "c2pa.time.untrusted" in codes(labeler.verify(receipt.data, trust=[*signers, *clocks]))
    assert "c2pa.signer.untrusted" in codes(labeler.verify(receipt.data, trust_tsa=[*signers, *clocks]))


def test_an_authority_cannot_name_the_list_that_vouches_for_it(tmp_path: Path) -> None:
    liar = authority.stamper(CLOCKS, "Clock, trust list: 0")
    with clock(liar) as web:
        data = labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=web.url).data
    other = authority.root("Famous Root").save(tmp_path / "famous.pem")
    report = labeler.verify(data, trust_tsa=[other, CLOCKS.save(tmp_path / "clocks.pem")])
    where = next(f.where for f in report.facts if f.code == "c2pa.time.trusted")
    assert where.endswith("; clocks.pem")


def test_the_network_is_asked_once_for_each_signature_and_nothing_else() -> None:
    with clock(STAMPER) as web:
        receipt = labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=f"{web.url}/stamp?x=1")
        assert [(how, path) for how, path, _ in web.asked] == [("POST", "/stamp?x=1")]
        labeler.verify(receipt.data)
        again = labeler.add(receipt.data, None, label(), identity=SIGNER, tsa=web.url)
        assert again.unchanged and again.time_stamp == receipt.time_stamp
        dry = labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=web.url, dry_run=True)
        assert not dry.unchanged and dry.time_stamp is None
        assert len(web.asked) == 1


@dataclass(frozen=True)
class Elsewhere:
    """A signer that c2pa calls back, as it does commands and tokens."""

    inner: KeySigner

    @property
    def chain(self) -> bytes:
        return self.inner.chain

    @property
    def algorithm(self) -> str:
        return self.inner.algorithm

    def sign(self, data: bytes) -> bytes:
        return self.inner.sign(data)


@pytest.mark.parametrize("sidecar", [False, True])
def test_signatures_made_elsewhere_are_stamped_too(sidecar: bool, lists: dict[str, list[Path]]) -> None:
    assert isinstance(SIGNER.signer, KeySigner)
    identity = Identity("hsm", Elsewhere(SIGNER.signer))
    with clock(STAMPER) as web:
        receipt = labeler.add(encode("png"), None, label(), identity=identity, tsa=web.url, sidecar=sidecar)
    report = labeler.verify(receipt.data, sidecar=receipt.sidecar_data, **lists)
    assert {"c2pa.signer.trusted", "c2pa.time.trusted"} <= codes(report)
    with clock(STAMPER, change_nonce=True) as web, pytest.raises(TimeStampError, match="nonce mismatch"):
        labeler.add(encode("png"), None, label(), identity=identity, tsa=web.url, sidecar=sidecar)


def test_where_we_embed_ourselves_an_authority_is_asked_a_few_times_at_most() -> None:
    manifest = c2pa.definition(Label(system="X"), {}, title="t", parent=False, drawn=False)
    data = encode("png")
    with clock(STAMPER) as web:
        made = c2pa.sign_exact(
            lambda store: (data + store, len(data), len(store)), manifest, SIGNER, None, Authority(web.url)
        )
        assert made.startswith(data) and b"sigTst2" in made and len(web.asked) <= 2
        rooms = itertools.count()
        with pytest.raises(SigningError, match="does not settle"):
            c2pa.sign_exact(
                lambda store: (data + store, len(data), next(rooms)),
                manifest,
                SIGNER,
                None,
                Authority(web.url),
            )
        assert len(web.asked) <= 6


def test_a_document_whose_manifest_we_embed_is_stamped_too(lists: dict[str, list[Path]]) -> None:
    data = saved(document())
    with clock(STAMPER) as web:
        receipt = labeler.add(data, None, label(), identity=SIGNER, tsa=web.url)
        assert len(web.asked) <= 2
    assert receipt.time_stamp and receipt.data.startswith(data) and b"sigTst2" in receipt.data
    assert encypher(receipt.data, "application/pdf")["integrity"] == "valid"
    report = labeler.verify(receipt.data, **lists)
    assert {"c2pa.signer.trusted", "c2pa.time.trusted"} <= codes(report) and report.verdict == "labelled"


def test_a_label_without_a_time_stamp_gets_one_when_asked() -> None:
    first = labeler.add(encode("png"), None, label(), identity=SIGNER)
    assert first.time_stamp is None
    with clock(STAMPER) as web:
        second = labeler.add(first.data, None, label(), identity=SIGNER, tsa=web.url)
    assert not second.unchanged and second.time_stamp
    assert second.label.content_id == first.label.content_id


def test_an_authority_whose_clock_is_off_is_remarked() -> None:
    with clock(STAMPER, at=dt.datetime.now(dt.UTC) - DAY) as web:
        receipt = labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=web.url)
    assert any("minutes away" in r for r in receipt.remarks)
    assert not any("minutes away" in r for r in stamped().remarks)


# ---- a signature outlives its certificate


@pytest.fixture(scope="module")
def outlived() -> tuple[bytes, bytes]:
    """Signed while the certificate was valid, which it is no more: with a time-stamp, and without."""
    for seconds in (2, 4, 8, 16):  # c2pa refuses to sign once it is over
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        brief = authority.signer(ROOT, end=end)
        try:
            with clock(STAMPER) as web:
                made = [
                    labeler.add(
                        encode("png", 200, 100), None, label(), notice="none", identity=brief, tsa=tsa
                    ).data
                    for tsa in (web.url, None)
                ]
        except labeler.LabelError:
            continue
        time.sleep(max(0.0, (end - dt.datetime.now(dt.UTC)).total_seconds()) + 1)
        return made[0], made[1]
    pytest.fail("this machine takes more than 16 seconds to sign")


def test_a_signature_outlives_its_certificate(
    outlived: tuple[bytes, bytes], lists: dict[str, list[Path]]
) -> None:
    with_time, without = outlived
    report = labeler.verify(with_time, **lists)
    assert codes(report) == {
        "c2pa.signer.trusted",
        "c2pa.time.trusted",
        "c2pa.signer.revocation-unchecked",
    }
    assert report.verdict != "tampered" and in_time(report) is RuleStatus.HOLDS
    # whoever does not trust the clock, or has no time at all, sees an expired certificate and no more than that
    for late in (
        labeler.verify(without, **lists),
        labeler.verify(with_time, trust=lists["trust"]),
        labeler.verify(with_time, trust=[*lists["trust"], *lists["trust_tsa"]]),
        labeler.verify(with_time),
    ):
        assert {"c2pa.signer.expired", "c2pa.signer.untrusted"} <= codes(late)
        assert "c2pa.intact" in {f.code for f in late.facts} and late.verdict == report.verdict
        assert next(m.status for m in late.marks if m.kind == "c2pa") == "present"


# ---- bad ones

FAT = (CLOCKS.certificate.public_bytes(ser.Encoding.DER),) * 40
LIES: dict[str, tuple[Callable[[], AbstractContextManager[Web]], str]] = {
    "the wrong imprint": (lambda: clock(STAMPER, change_imprint=True), "does not match data"),
    "the wrong nonce": (lambda: clock(STAMPER, change_nonce=True), "nonce mismatch"),
    "a signature of something else": (lambda: clock(STAMPER, spoil_signature=True), "untrusted"),
    "a certificate that expired": (
        lambda: clock(authority.stamper(CLOCKS, start=NOW - 9 * DAY, end=NOW - 2 * DAY)),
        "expired certificate",
    ),
    "a certificate for something else": (
        lambda: clock(authority.leaf(CLOCKS, "Mail", [ExtendedKeyUsageOID.EMAIL_PROTECTION])),
        "does not fit",
    ),
    "more certificates than fit": (
        lambda: serve(lambda h, q: send(h, authority.answer(q, STAMPER, chain=FAT))),
        "does not fit",
    ),
    "garbage": (lambda: serve(lambda h, q: send(h, b"<html>")), "does not fit"),
    "nothing": (lambda: serve(lambda h, q: send(h, b"")), "does not fit"),
    "half an answer": (
        lambda: serve(lambda h, q: send(h, authority.answer(q, STAMPER)[:400])),
        "does not fit",
    ),
    "a refusal": (lambda: serve(lambda h, q: send(h, REJECTED)), "refuses (PKIStatus 2)"),
    "too much": (lambda: serve(lambda h, q: send(h, bytes(1 << 17))), "more than 65536 bytes"),
    "an HTTP error": (lambda: serve(lambda h, q: send(h, b"", 500)), "status 500"),
    "another place": (lambda: serve(lambda h, q: send(h, b"", 302, Location="http://x/")), "sends elsewhere"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_bad_time_stamp_is_an_error_that_names_the_authority(lie: str, tmp_path: Path) -> None:
    serving, says = LIES[lie]
    target = tmp_path / "out.png"
    with serving() as web, pytest.raises(TimeStampError) as caught:
        labeler.add(encode("png"), target, label(), identity=SIGNER, tsa=web.url)
    assert says in caught.value.message and web.url.removeprefix("http://") in caught.value.message
    assert "--tsa-optional" in caught.value.hint and not list(tmp_path.iterdir())


@pytest.mark.parametrize("reply", [hang, drip])
def test_a_hanging_authority_has_an_end(reply: authority.Reply) -> None:
    manifest = c2pa.definition(Label(system="X"), {}, title="t", parent=False, drawn=False)
    with serve(reply) as web, pytest.raises(TimeStampError, match=r"within 0\.4 seconds"):
        c2pa.sign(encode("png"), "image/png", manifest, SIGNER, None, Authority(web.url, timeout=0.4))
    with serve(reply) as web, pytest.raises(TimeStampError, match=r"within 0\.4 seconds"):
        c2pa.sign_detached(encode("png"), manifest, SIGNER, None, Authority(web.url, timeout=0.4))


def test_optional_means_signed_all_the_same_and_told(lists: dict[str, list[Path]]) -> None:
    with serve(lambda h, q: send(h, b"", 503)) as web:
        receipt = labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=web.url, tsa_optional=True)
        assert receipt.time_stamp is None and "c2pa" in receipt.marks
        assert len(receipt.degradations) == 1 and "status 503" in receipt.degradations[0]
        # nothing is signed again only to be without a time-stamp again
        again = labeler.add(receipt.data, None, label(), identity=SIGNER, tsa=web.url, tsa_optional=True)
        assert again.unchanged and again.data == receipt.data and len(again.degradations) == 1
    report = labeler.verify(receipt.data, **lists)
    assert "c2pa.time.absent" in codes(report) and report.verdict == "labelled"


def test_a_bad_identity_is_not_blamed_on_the_authority() -> None:
    bad = authority.leaf(ROOT, "Web server", [ExtendedKeyUsageOID.SERVER_AUTH])
    key = key_pem(bad.key)
    with clock(STAMPER) as web, pytest.raises(labeler.LabelError) as caught:
        labeler.add(
            encode("png"),
            None,
            label(),
            identity=Identity("x", KeySigner(bad.pem, "es256", key)),
            tsa=web.url,
        )
    assert not isinstance(caught.value, TimeStampError)


@pytest.mark.parametrize("url", ["file:///tmp/x", "ftp://x/", "stamp.example", "http://a:b@stamp.example/"])
def test_what_is_no_authority_is_refused_before_anything_is_done(url: str) -> None:
    with pytest.raises(ConfigError):
        labeler.add(encode("png"), None, label(), identity=SIGNER, tsa=url)


def test_the_loopback_answers_nobody_but_c2pa() -> None:
    from labeler import network
    from labeler.errors import NetworkError
    from labeler.signing.timestamp import relay

    with clock(STAMPER) as web, relay(Authority(web.url)) as state:
        assert state.url
        base = state.url.rpartition("/")[0]
        for url, query in (
            (f"{base}/", b"x"),
            (f"{base}/guess", b"x"),
            (state.url, bytes(5000)),
            (state.url, None),
        ):
            with pytest.raises(NetworkError):
                network.fetch(url, body=query, limit=1000, timeout=20.0)
        assert not web.asked and not state.asked


def test_a_broken_time_stamp_in_a_file_is_no_tampering(lists: dict[str, list[Path]]) -> None:
    """It is outside what the signature covers: anybody can spoil it, and it proves nothing then."""
    data = stamped().data
    chunk = data.index(b"caBX")
    size = int.from_bytes(data[chunk - 4 : chunk], "big")
    body = bytearray(data[chunk : chunk + 4 + size])
    body[body.index(b"\x18\x0f20", body.index(b"sigTst2")) + 3] ^= 1  # the year
    spoilt = data[:chunk] + body + zlib.crc32(body).to_bytes(4, "big") + data[chunk + 8 + size :]
    report = labeler.verify(spoilt, **lists)
    assert report.verdict == "labelled" and codes(report, "c2pa.time") == {"c2pa.time.mismatch"}
    assert next(m.status for m in report.marks if m.kind == "c2pa") == "present"


# ---- the command


def test_the_command_takes_it_from_option_environment_and_configuration(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(encode("png"))
    CLOCKS.save(tmp_path / "clocks.pem")

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "labeler", *args]
        environment = {**os.environ, "LABEL_DATA_DIR": str(tmp_path / "data"), **env}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)

    base = ["add", "in.png", "--system", "K", "--publisher", "Q", "-o"]
    with clock(STAMPER) as web:
        (tmp_path / "config.toml").write_text(f'tsa = "{web.url}/configured"\n')
        assert run(*base, "a.png", "--tsa", f"{web.url}/option").returncode == 0
        assert run(*base, "b.png", LABEL_TSA=f"{web.url}/environment").returncode == 0
        assert run(*base, "c.png", LABEL_CONFIG=str(tmp_path / "config.toml")).returncode == 0
        assert [path for _, path, _ in web.asked] == ["/option", "/environment", "/configured"]
        url = web.url
    told = run("verify", "a.png", "--trust-tsa", "clocks.pem")
    assert told.returncode == 0 and "Test Clock; clocks.pem" in told.stdout
    dead = run(*base, "d.png", "--tsa", url)
    assert (
        dead.returncode == 3 and "there is no time-stamp" in dead.stderr and "--tsa-optional" in dead.stderr
    )
    assert not (tmp_path / "d.png").exists()
    warned = run(*base, "d.png", "--tsa", url, "--tsa-optional")
    assert warned.returncode == 0 and "second best: there is no time-stamp" in warned.stdout
    assert run(*base, "e.png", "--tsa-optional").returncode == 2
    assert run(*base, "e.png", "--tsa", "file:///x").returncode == 2
    assert io.BytesIO((tmp_path / "d.png").read_bytes()).read(4) == b"\x89PNG"
