"""Signing identities: made once, kept private, explained when unusable."""

from __future__ import annotations

import datetime as dt
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pictures import c2pa_reader, encode, label

import labeler
from labeler.errors import ConfigError, IdentityError
from labeler.signing import identity, trust


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
    code = "from labeler.signing import identity; print(identity.ensure().key.hex())"
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
    assert [f.where for f in trusted] == ["qala.pem"]


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


def issue(key: object, tmp_path: Path, other: object = None) -> tuple[Path, Path]:
    """PEM files of a leaf for ``key``, issued by a throw-away root."""
    root = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Org"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "Leaf"),
        ]
    )
    from cryptography.hazmat.primitives import hashes

    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Root")]))
        .public_key(key.public_key())  # type: ignore[attr-defined]
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.KeyUsage(True, *[False] * 8), True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
        .sign(root, hashes.SHA256())
    )
    chain, path = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(leaf.public_bytes(ser.Encoding.PEM))
    path.write_bytes(
        (other or key).private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())  # type: ignore[attr-defined]
    )
    return chain, path


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "es256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "es512"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "ps256"),
    ],
)
def test_identities_of_others_sign(make: object, name: str, tmp_path: Path) -> None:
    signer = identity.from_files(*issue(make(), tmp_path))  # type: ignore[operator]
    assert signer.algorithm == name
    data = labeler.add(encode("png"), None, label(), identity=signer).data
    assert c2pa_reader(data, "image/png")[0] == "signingCredential.untrusted"


def test_unusable_keys_are_explained(tmp_path: Path) -> None:
    weak = issue(rsa.generate_private_key(65537, 1024), tmp_path)
    with pytest.raises(IdentityError, match="kind that C2PA does not allow"):
        identity.from_files(*weak)
    strange = issue(ec.generate_private_key(ec.SECP256K1()), tmp_path)
    with pytest.raises(IdentityError, match="kind that C2PA does not allow"):
        identity.from_files(*strange)
    mixed = issue(ec.generate_private_key(ec.SECP256R1()), tmp_path, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(IdentityError, match="does not belong"):
        identity.from_files(*mixed)
    (tmp_path / "key.pem").write_bytes(b"nonsense")
    with pytest.raises(IdentityError, match="cannot be read"):
        identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")
    with pytest.raises(IdentityError, match=r"nowhere\.pem"):
        identity.from_files(tmp_path / "nowhere.pem", tmp_path / "key.pem")


def test_no_library_is_taken_from_the_working_directory(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "artifacts", tmp_path / "libs"):
        folder.mkdir(exist_ok=True)
        (folder / "libc2pa_c.so").write_bytes(b"not a library: loading it fails")
    code = "from labeler.marks.c2pa import _c2pa; c = _c2pa(); print(c.c2pa._lib._name)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not run.stdout.strip().startswith(str(tmp_path))
