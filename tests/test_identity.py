"""Signing identities: made once, kept private, explained when unusable."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pki
import pytest
from cryptography import x509
from pictures import c2pa_reader, encode, label

import labeler
from labeler.errors import ConfigError, IdentityError
from labeler.signing import identity, signers, trust
from labeler.signing.signers import CommandSigner, KeySigner


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path / "data"))


def test_the_first_use_makes_it_and_the_key_is_private(tmp_path: Path) -> None:
    made = identity.ensure()
    assert identity.ensure() == made and identity.names() == ["default"]
    folder = tmp_path / "data" / "identities" / "default"
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {
        "chain.pem": 0o600,
        "key.pem": 0o600,
    }
    assert made.algorithm == "es256" and made.local


def test_eight_processes_at_once_make_one() -> None:
    code = "from labeler.signing import identity; print(identity.ensure().signer.key.hex())"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(8)]
    keys = {run.communicate()[0] for run in runs}
    assert len(keys) == 1 and all(run.returncode == 0 for run in runs)
    assert os.listdir(identity.data_dir() / "identities") == ["default"]


def test_the_profile_is_what_c2pa_asks_for() -> None:
    leaf, root = identity.ensure().certificates
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    ekus = {e.dotted_string for e in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value}
    assert ekus == {"1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"}
    leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    leaf.verify_directly_issued_by(root)
    assert leaf.not_valid_after_utc - dt.datetime.now(dt.UTC) > dt.timedelta(days=3000)


def test_others_trust_it_once_they_have_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = labeler.add(encode("png"), None, label()).data
    pem = tmp_path / "qala.pem"
    pem.write_bytes(identity.load("default").anchor)
    assert {f.code for f in labeler.verify(data).facts} >= {"c2pa.signer.own", "c2pa.intact"}
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path / "elsewhere"))
    assert "c2pa.signer.untrusted" in {f.code for f in labeler.verify(data).facts}
    trusted = [f for f in labeler.verify(data, trust=[pem]).facts if f.code == "c2pa.signer.trusted"]
    assert [f.where for f in trusted] == ["Tanba local identity; qala.pem"]


@pytest.mark.parametrize("bad", [b"", b"nonsense", None])
def test_unusable_anchors_are_a_typed_error(bad: bytes | None, tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    if bad is not None:
        pem.write_bytes(bad)
    with pytest.raises(ConfigError, match=r"x\.pem"):
        trust.from_files([pem])


def test_names_stay_in_their_folder() -> None:
    for bad in ("../x", "a/b", "", ".", ".hidden", "x" * 100):
        with pytest.raises(IdentityError, match="no name"):
            identity.create(bad)


def test_a_second_of_the_same_name_is_refused() -> None:
    made = identity.create("qala", "Qala Media")
    with pytest.raises(IdentityError, match="exists already"):
        identity.create("qala")
    assert identity.load("qala") == made
    with pytest.raises(IdentityError, match="label identity list"):
        identity.load("nobody")


# ---- of others


def test_identities_of_others_sign(tmp_path: Path) -> None:
    signer = identity.from_files(*pki.write(tmp_path))
    data = labeler.add(encode("png"), None, label(), identity=signer, notice="none").data
    assert c2pa_reader(data, "image/png")[0] == "signingCredential.untrusted"
    pki.write(tmp_path, start=pki.NOW - 2 * pki.DAY, end=pki.NOW - pki.DAY)
    with pytest.raises(IdentityError, match=r"'chain\.pem' cannot sign: The certificate expired"):
        identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")


def test_add_refuses_before_anything_is_written(tmp_path: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    source.write_bytes(encode("png"))
    bad = KeySigner(pki.pem(pki.leaf(purposes=())), "es256", pki.key_pem(pki.key()))
    with pytest.raises(IdentityError, match=r"a\.png: The identity 'x' cannot sign: .*purpose") as caught:
        labeler.add(source, target, label(), identity=identity.Identity("x", bad))
    assert "label identity request" in caught.value.hint and not target.exists()


def kept(name: str) -> dict[str, bytes]:
    folder = identity.data_dir() / "identities" / name
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in folder.iterdir())
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def key_signer(kind: str = "es256", algorithm: str = "es256") -> KeySigner:
    return KeySigner(pki.pem(pki.leaf(kind), pki.ca().certificate), algorithm, pki.key_pem(pki.key(kind)))


def test_a_key_is_kept_under_its_password() -> None:
    identity.keep("qala", key_signer("ps256", "ps384"), password="құпия")
    assert kept("qala")["key.pem"].startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    loaded = identity.load("qala", lambda what: "құпия")
    assert loaded.algorithm == "ps384" and not loaded.local
    for password, why in ((None, "needs a password"), ("x", "is wrong")):
        with pytest.raises(IdentityError, match=why):
            identity.load("qala", lambda what, p=password: p)


def test_a_command_is_kept_once_it_signs(tmp_path: Path) -> None:
    _, key = pki.write(tmp_path)
    chain = key_signer().chain
    line = shlex.join(["openssl", "dgst", "-sha256", "-sign", str(key)])
    identity.keep("kms", CommandSigner(chain, "es256", signers.command(line), 9))
    assert set(kept("kms")) == {"chain.pem", "signer.json"}
    data = labeler.add(encode("png"), None, label(), identity="kms", notice="none").data
    assert "c2pa.intact" in {f.code for f in labeler.verify(data).facts}
    with pytest.raises(IdentityError, match="SHA-384 instead"):
        wrong = signers.command(line.replace("256", "384"))
        identity.keep("other", CommandSigner(chain, "es256", wrong))
    assert identity.names() == ["kms"]


def test_what_is_kept_may_be_damaged() -> None:
    identity.keep("qala", key_signer())
    folder = identity.data_dir() / "identities" / "qala"
    for text in (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"algorithm": 1}',
        '{"algorithm": "es256", "command": [1]}',
        '{"algorithm": "es256", "key": 1}',
    ):
        (folder / "signer.json").write_text(text)
        with pytest.raises(IdentityError, match="damaged"):
            identity.load("qala")
    (folder / "signer.json").unlink()
    for name, text in (("key.pem", "x"), ("chain.pem", "x")):
        (folder / name).write_text(text)
        with pytest.raises(IdentityError):
            identity.load("qala").require()


def test_a_request_becomes_an_identity_and_is_renewed() -> None:
    for algorithm in ("es256", "es512", "ps256", "ed25519"):
        asked = identity.request(algorithm, "Qala Media", "kz", algorithm=algorithm)
        csr = x509.load_pem_x509_csr(asked)
        assert csr.is_signature_valid and csr.subject.rfc4514_string() == "CN=Qala Media,O=Qala Media,C=KZ"
        purposes = csr.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert {p.dotted_string for p in purposes} == {pki.EMAIL, pki.CLAIMS}
        with pytest.raises(IdentityError, match="waits for its certificate"):
            identity.load(algorithm)
        assert set(kept(algorithm)) == {"key.pem", "request.pem", "signer.json"}
        stranger = pki.pem(pki.leaf(), pki.ca().certificate)
        with pytest.raises(IdentityError, match=r"does not belong|cannot sign with"):
            identity.complete(algorithm, stranger)
        for _ in range(2):  # issued, then renewed
            issued = pki.certificate(csr.public_key(), pki.ca().by, csr.subject, purposes=(pki.CLAIMS,))
            identity.complete(algorithm, pki.pem(issued, pki.ca().certificate))
            made = identity.load(algorithm)
            assert made.certificates[0] == issued and made.algorithm == algorithm
            assert set(kept(algorithm)) == {"key.pem", "chain.pem", "signer.json"}
    with pytest.raises(IdentityError, match="exists already"):
        identity.request("es256")
    with pytest.raises(IdentityError, match="country"):
        identity.request("x", country="Qazaqstan")


def test_only_roots_made_here_are_own(tmp_path: Path) -> None:
    """The CA of an identity of others vouches for all its customers."""
    identity.keep("qala", key_signer())
    assert identity.anchors() == b""
    made = identity.ensure()
    assert identity.anchors() == made.anchor
    csr_key = made.certificates[0].public_key()
    issued = pki.certificate(csr_key, pki.ca().by, pki.name(pki.ORG))
    identity.complete("default", pki.pem(issued, pki.ca().certificate))
    assert identity.anchors() == b"" and not identity.load("default").local


def test_removed_is_gone() -> None:
    identity.keep("qala", key_signer())
    identity.remove("qala")
    assert identity.names() == [] and os.listdir(identity.data_dir() / "identities") == []
    with pytest.raises(IdentityError, match="no identity"):
        identity.remove("qala")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(IdentityError, match="cannot be kept"):
        identity.keep("qala", key_signer())


def test_no_library_is_taken_from_the_working_directory(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "artifacts", tmp_path / "libs"):
        folder.mkdir(exist_ok=True)
        (folder / "libc2pa_c.so").write_bytes(b"not a library: loading it fails")
    code = "from labeler.marks.c2pa import _c2pa; c = _c2pa(); print(c.c2pa._lib._name)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not run.stdout.strip().startswith(str(tmp_path))
