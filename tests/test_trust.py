"""Trust lists: kept by purpose, fetched only when asked, told by name and date."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import authority
import pytest
from authority import Issuer, Web, send, serve
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from pictures import encode, label

import labeler
from labeler.errors import ConfigError, NetworkError
from labeler.marks import c2pa
from labeler.signing import trust
from labeler.signing.trust import Purpose, Source

ROOT, OTHER = authority.root("Studio Root"), authority.root("Other Root")
TIME_CA = authority.leaf(OTHER, "Clocks Only", [ExtendedKeyUsageOID.TIME_STAMPING])
SIGNER = authority.signer(ROOT)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def signed() -> bytes:
    return labeler.add(encode("png", 200, 100), None, label(), notice="none", identity=SIGNER).data


def told(data: bytes, **more: Any) -> dict[str, str]:
    return {f.code: f.where for f in labeler.verify(data, **more).facts if f.code.startswith("c2pa.signer")}


# ---- kept lists


def test_nothing_is_trusted_until_it_is_kept_and_no_more_once_removed(signed: bytes, tmp_path: Path) -> None:
    assert trust.known() == () and "c2pa.signer.untrusted" in told(signed)
    kept = trust.add(ROOT.save(tmp_path / "studios.pem"))
    assert trust.kept() == (kept,) == (trust.load("studios"),)
    assert kept.purpose is Purpose.SIGNER and kept.date and kept.source == str(tmp_path / "studios.pem")
    assert told(signed)["c2pa.signer.trusted"] == f"Example Studio; studios ({kept.date})"
    trust.remove("studios")
    assert trust.kept() == () and "c2pa.signer.untrusted" in told(signed)


def test_a_list_is_believed_about_its_purpose_alone(signed: bytes, tmp_path: Path) -> None:
    pem = ROOT.save(tmp_path / "studios.pem")
    trust.add(pem, purpose=Purpose.TSA, name="clocks")
    trust.add(pem, purpose=Purpose.IDENTITY, name="people")
    assert "c2pa.signer.untrusted" in told(signed)


def test_the_first_list_that_holds_a_certificate_is_the_one_told(signed: bytes, tmp_path: Path) -> None:
    first, second = ROOT.save(tmp_path / "one.pem"), ROOT.save(tmp_path / "two.pem")
    second.write_bytes(OTHER.pem + ROOT.pem)
    trust.add(first, name="kept")
    for _ in range(8):  # c2pa itself asks its lists in no order
        assert told(signed, trust=[first, second])["c2pa.signer.trusted"] == "Example Studio; one.pem"
        assert told(signed, trust=[second, first])["c2pa.signer.trusted"] == "Example Studio; two.pem"


def test_a_file_cannot_pass_itself_off_as_the_own_identities(signed: bytes, tmp_path: Path) -> None:
    found = told(signed, trust=[ROOT.save(tmp_path / trust.OWN)])
    assert "c2pa.signer.trusted" in found and "c2pa.signer.own" not in found


def test_only_certificates_are_kept_each_once(tmp_path: Path) -> None:
    messy = tmp_path / "messy.pem"
    key = ROOT.key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    messy.write_bytes(b"# anything \xff\n" + ROOT.pem + key + b"\n" + ROOT.pem + OTHER.pem)
    kept = trust.add(messy)
    assert (
        kept.pem == ROOT.pem + OTHER.pem
        and b"PRIVATE" not in (tmp_path / "data/trust/messy.json").read_bytes()
    )


def test_certificates_for_time_stamping_alone_vouch_for_no_signer(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.pem"
    mixed.write_bytes(ROOT.pem + TIME_CA.pem)
    assert trust.from_files([mixed])[0].pem == ROOT.pem
    assert trust.from_files([mixed], Purpose.TSA)[0].pem == ROOT.pem + TIME_CA.pem


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"{}", b"{", b'{"LoTE": []}', ROOT.pem[:-80], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"[" * 100_000, b"{" + b'"a":{' * 100_000, TIME_CA.pem],
)  # fmt: skip
def test_what_is_no_list_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"x\.pem"):
        trust.add(path)
    assert trust.kept() == ()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a b", "x" * 65])
def test_a_name_is_no_path(name: str, tmp_path: Path) -> None:
    pem = ROOT.save(tmp_path / "x.pem")
    for call in (lambda: trust.add(pem, name=name), lambda: trust.load(name), lambda: trust.remove(name)):
        with pytest.raises(ConfigError):
            call()


def test_names_are_not_taken_twice_nor_removed_unknown(tmp_path: Path) -> None:
    pem = ROOT.save(tmp_path / "x.pem")
    trust.add(pem)
    with pytest.raises(ConfigError, match="already"):
        trust.add(pem)
    with pytest.raises(ConfigError, match="No trust list"):
        trust.remove("y")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"purpose": "king", "pem": ""}'])
def test_a_broken_list_is_an_error_not_a_gap(content: bytes, tmp_path: Path) -> None:
    trust.add(ROOT.save(tmp_path / "x.pem"))
    (tmp_path / "data/trust/x.json").write_bytes(content)
    with pytest.raises(ConfigError, match="label trust remove x"):
        labeler.verify(encode("png"))
    trust.remove("x")


@pytest.mark.parametrize("revoked", [False, True])
def test_a_revoked_certificate_is_told_and_not_trusted(
    revoked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is fetched here, since c2pa cannot be made to staple one; `labeler.verify` fetches none."""
    responder = authority.leaf(ROOT, "OCSP", [ExtendedKeyUsageOID.OCSP_SIGNING])
    certificates: list[x509.Certificate] = []
    with serve(lambda h, q: send(h, authority.status(ROOT, responder, certificates[0], revoked))) as web:
        where = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(web.url)
        )
        identity = authority.signer(ROOT, extensions=(x509.AuthorityInformationAccess([where]),))
        certificates += identity.certificates
        data = labeler.add(encode("png", 200, 100), None, label(), notice="none", identity=identity).data
        trusted = [ROOT.save(tmp_path / "studios.pem")]
        assert set(told(data, trust=trusted)) == {"c2pa.signer.trusted", "c2pa.signer.revocation-unchecked"}
        assert not web.asked
        report = labeler.verify(data, trust=trusted)
        assert "whether the signer's certificate was revoked" in report.not_checked
        ours = c2pa._settings
        monkeypatch.setattr(c2pa, "_settings", lambda t: merged(ours(t), verify={"ocsp_fetch": True}))
        c2pa._context_of.cache_clear()
        found = labeler.verify(data, trust=trusted)
    c2pa._context_of.cache_clear()
    codes = {f.code for f in found.facts if f.code.startswith("c2pa.signer")}
    assert codes == (
        {"c2pa.signer.revoked"} if revoked else {"c2pa.signer.trusted", "c2pa.signer.not-revoked"}
    )
    assert found.verdict == report.verdict != "tampered"
    assert found.marks[0].details["trusted"] is not revoked


def merged(settings: dict[str, Any], verify: dict[str, Any]) -> dict[str, Any]:
    core = {k: v for k, v in settings["core"].items() if k != "allowed_network_hosts"}
    return {**settings, "core": core, "verify": {**settings["verify"], **verify}}


# ---- lists that others publish


def entities(*issuers: Issuer, issued: str = "2026-08-05", status: str = "trusted") -> bytes:
    """As C2PA publishes its lists."""
    services = [
        {
            "ServiceInformation": {
                "ServiceDigitalIdentity": {
                    "X509Certificates": [
                        {"val": base64.b64encode(i.certificate.public_bytes(ser.Encoding.DER)).decode()}
                    ]
                },
                "ServiceStatus": f"http://c2pa.org/conformance/trust-list/{status}",
            }
        }
        for i in issuers
    ]
    scheme = {"ListIssueDateTime": f"{issued}T00:11:47Z", "NextUpdate": "2027-08-05T00:11:47Z"}
    entity = {"TrustedEntityInformation": {}, "TrustedEntityServices": services}
    return json.dumps(
        {"LoTE": {"ListAndSchemeInformation": scheme, "TrustedEntitiesList": [entity]}}
    ).encode()


class Published:
    """A server that publishes one list, which tests change."""

    def __init__(self, web: Web) -> None:
        self.web, self.content = web, b""

    @property
    def source(self) -> Source:
        return Source("studio", Purpose.SIGNER, f"{self.web.url}/list.json")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    root, context = authority.tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    with serve(lambda h, q: send(h, there.content), context=context) as web:
        there = Published(web)
        yield there


def test_a_published_list_is_fetched_and_told_with_its_date(published: Published, signed: bytes) -> None:
    published.content = entities(ROOT, OTHER)
    first = trust.update(published.source)
    assert first.now and len(first.added) == 2 and not first.removed
    assert (first.now.date, first.now.due) == ("2026-08-05", "2027-08-05")
    assert told(signed)["c2pa.signer.trusted"] == "Example Studio; studio (2026-08-05)"
    published.content = entities(OTHER, issued="2026-09-01")
    second = trust.update(published.source)
    assert second.removed == ("CN=Studio Root,O=Studio Root",) and not second.added
    assert "c2pa.signer.untrusted" in told(signed)


def test_withdrawn_services_are_not_on_the_list(published: Published) -> None:
    published.content = entities(ROOT, status="withdrawn")
    assert isinstance(trust.update(published.source).error, ConfigError) and trust.kept() == ()


def test_pem_is_dated_by_the_day_it_was_fetched(published: Published) -> None:
    published.content = b"## interim\n" + ROOT.pem + TIME_CA.pem
    made = trust.update(published.source).now
    assert made and made.pem == ROOT.pem and made.date == trust._today() and not made.due
    clocks = trust.update(Source("clocks", Purpose.TSA, published.source.url, restricted=True)).now
    assert clocks and clocks.pem == TIME_CA.pem


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"{}", entities(), entities(OTHER, issued="2026-08-04"), bytes((4 << 20) + 1)],
    ids=["nothing", "a page", "no list", "nobody", "an older issue", "too much"],
)
def test_the_old_list_stays_when_the_new_one_will_not_do(content: bytes, published: Published) -> None:
    published.content = entities(ROOT)
    before = trust.update(published.source).now
    published.content = content
    assert trust.update(published.source).error
    assert trust.kept() == (before,)


def test_only_https_to_a_server_that_the_system_trusts(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.content = entities(ROOT)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert isinstance(trust.update(published.source).error, NetworkError) and trust.kept() == ()
    plain = Source("studio", Purpose.SIGNER, published.source.url.replace("https", "http"))
    assert isinstance(trust.update(plain).error, ConfigError)


def test_the_sources_that_ship_are_sound() -> None:
    found = trust.sources()
    assert {s.name: s.purpose for s in found} == {
        "c2pa": Purpose.SIGNER,
        "c2pa-tsa": Purpose.TSA,
        "c2pa-interim": Purpose.SIGNER,
        "c2pa-interim-tsa": Purpose.TSA,
    }
    assert all(s.url.startswith("https://") and s.title for s in found)


def test_the_lists_of_the_corpus_are_understood(corpus: Path) -> None:
    sizes = {
        p.name: (len(trust.subjects(trust.from_files([p])[0])), len(trust.subjects(trust.from_files([p], Purpose.TSA)[0])))
        for p in (corpus / "trust").glob("*.pem")
    }  # fmt: skip
    assert sizes["c2pa-trust-list-2026-08.pem"] == (30, 30)
    assert sizes["c2pa-tsa-trust-list-2026-08.pem"] == (16, 22)
    assert sizes["interim-anchors-frozen-2026-01.pem"] == (16, 18)


# ---- the command


def run(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labeler", "trust", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})


def test_the_command_adds_lists_shows_and_removes(tmp_path: Path) -> None:
    pem = ROOT.save(tmp_path / "My Studios.pem")
    assert "None is kept" in run("list").stderr
    added = run("add", pem, "--for", "identity")
    assert added.returncode == 0 and "My-Studios" in added.stdout and "CN=Studio Root" in added.stdout
    assert "My-Studios: for persons named, 1 certificates" in run("list").stdout
    assert "SHA-256" in run("show", "My-Studios").stdout
    assert run("show", "My-Studios", "--pem").stdout.encode() == ROOT.pem
    assert run("remove", "My-Studios").returncode == 0 and run("show", "My-Studios").returncode == 2


def test_the_command_updates_what_is_kept(published: Published, tmp_path: Path) -> None:
    sources = tmp_path / "sources.json"
    lists = [
        {"name": n, "purpose": "signer", "url": f"{published.web.url}/{n}"} for n in ("studio", "another")
    ]
    sources.write_text(json.dumps({"lists": lists}))
    published.content = entities(ROOT)
    named = run("update", "studio", "--sources", sources)
    assert named.returncode == 0, named.stderr
    assert "studio (2026-08-05): 1 new, 0 gone" in named.stdout and "+ CN=Studio Root" in named.stdout
    assert "not kept: another" in named.stderr
    published.content = b"<html>"
    failed = run("update", LABEL_SOURCES=str(sources))
    assert failed.returncode == 2 and "stays" in failed.stderr
    assert [path for _, path, _ in published.web.asked] == ["/studio", "/studio"]
    assert run("update", "nobody", "--sources", sources).returncode == 2
    sources.write_text(json.dumps({"lists": [{**lists[0], "url": "http://127.0.0.1/"}]}))
    assert run("update", "--sources", sources).returncode == 2
