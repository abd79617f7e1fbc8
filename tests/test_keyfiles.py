"""Keys and certificates in files: PEM, DER, PKCS #12, with passwords; what cannot be used is explained."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pki
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import IdentityError
from labeler.signing import asn1, keyfiles, passwords, profile
from labeler.signing import chain as chains


def nobody(what: str) -> str | None:
    """Nobody is there to give a password."""
    return None


def says(text: str) -> Callable[[str], str]:
    return lambda what: text


def test_pem_and_der_in_every_wrapping(tmp_path: Path) -> None:
    key, chain = pki.key(), tmp_path / "chain.cer"
    chain.write_bytes(pki.leaf().public_bytes(ser.Encoding.DER))
    file, plain = tmp_path / "k", ser.NoEncryption()
    for encoding in (ser.Encoding.PEM, ser.Encoding.DER):
        for form in (ser.PrivateFormat.PKCS8, ser.PrivateFormat.TraditionalOpenSSL):
            file.write_bytes(key.private_bytes(encoding, form, plain))
            signer = keyfiles.from_pem(chain, file, nobody)
            assert signer.algorithm == "es256" and profile.defects(signer.chain, signer.key) == ()
    secret = ser.BestAvailableEncryption("құпия".encode())
    for encoding, form in (
        (ser.Encoding.PEM, ser.PrivateFormat.PKCS8),
        (ser.Encoding.DER, ser.PrivateFormat.PKCS8),
        (ser.Encoding.PEM, ser.PrivateFormat.TraditionalOpenSSL),
    ):
        file.write_bytes(key.private_bytes(encoding, form, secret))
        assert keyfiles.from_pem(chain, file, says("құпия")).key == pki.key_pem(key)
        with pytest.raises(IdentityError, match="needs a password"):
            keyfiles.from_pem(chain, file, nobody)
        with pytest.raises(IdentityError, match="is wrong"):
            keyfiles.from_pem(chain, file, says("x"))


def test_a_key_beside_the_certificates_stays_out_of_the_chain(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pki.key_pem(pki.key()) + pki.pem(pki.leaf(), pki.ca().certificate) + b"# a remark\n")
    signer = keyfiles.from_pem(both, both, nobody)
    assert b"PRIVATE" not in signer.chain and signer.chain.count(b"BEGIN") == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no private key"),
        (b"nonsense", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pki.gost_key(), r"GOST key \(1\.2\.398"),
        (bytes(2 << 20), "too large"),
    ],
)
def test_unusable_keys_are_explained(data: bytes, why: str, tmp_path: Path) -> None:
    chain, key = pki.write(tmp_path)
    key.write_bytes(data)
    with pytest.raises(IdentityError, match=why) as caught:
        keyfiles.from_pem(chain, key, nobody)
    assert str(key) in caught.value.message and caught.value.hint


def test_files_that_are_not_there(tmp_path: Path) -> None:
    chain, key = pki.write(tmp_path)
    for a, b in ((tmp_path / "no", key), (chain, tmp_path / "no"), (tmp_path, key)):
        with pytest.raises(IdentityError, match="cannot be read"):
            keyfiles.from_pem(a, b, nobody)
    with pytest.raises(IdentityError, match=r"key\.pem: There is no certificate"):
        keyfiles.read_chain(key)


# ---- PKCS #12


def bundle(path: Path, password: bytes | None, others: list[x509.Certificate], kind: str = "es256") -> Path:
    protection = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    middle = pki.ca(below=pki.ca(), common="Middle CA")
    leaf = pki.leaf(kind, issuer=middle)
    data = pkcs12.serialize_key_and_certificates(b"x", pki.key(kind), leaf, others, protection)
    path.write_bytes(data)
    return path


def test_p12_is_opened_and_its_chain_put_in_order(tmp_path: Path) -> None:
    middle = pki.ca(below=pki.ca(), common="Middle CA").certificate
    stranger = pki.ca(common="Stranger").certificate
    file = bundle(tmp_path / "a.p12", "құпия".encode(), [pki.ca().certificate, stranger, middle])
    signer = keyfiles.from_p12(file, says("құпия"))
    assert chains.certificates(signer.chain)[1:] == (middle, pki.ca().certificate)
    assert profile.defects(signer.chain, signer.key) == () and signer.key == pki.key_pem(pki.key())
    with pytest.raises(IdentityError, match=r"a\.p12 cannot be opened: its password is wrong"):
        keyfiles.from_p12(file, says("x"))
    with pytest.raises(IdentityError, match=r"a\.p12 needs a password"):
        keyfiles.from_p12(file, nobody)


def test_p12_without_a_password(tmp_path: Path) -> None:
    assert keyfiles.from_p12(bundle(tmp_path / "a.p12", None, []), nobody).algorithm == "es256"


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
def test_p12_of_openssl_and_of_java(tmp_path: Path, tool: Callable[[str], str]) -> None:
    chain, key = pki.write(tmp_path)
    made = tmp_path / "o.p12"
    command = [tool("openssl"), "pkcs12", "-export", "-in", chain, "-inkey", key, "-out", made]
    old = ["-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES"]
    for kind in ([], old):
        subprocess.run([*command, *kind, "-passout", "pass:geheim"], check=True)
        assert keyfiles.from_p12(made, says("geheim")).chain == chain.read_bytes()
    private = pki.key().private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    for pieces in (False, True):
        made.write_bytes(pki.p12("geheim", private, [pki.ca().certificate, pki.leaf()], pieces=pieces))
        assert len(chains.certificates(keyfiles.from_p12(made, says("geheim")).chain)) == 2


@pytest.mark.parametrize("pieces", [False, True])
def test_gost_in_p12_is_told_from_a_wrong_password(pieces: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.p12"
    file.write_bytes(pki.p12("Qwerty12", pki.gost_key(), [pki.gost_certificate()], pieces=pieces))
    with pytest.raises(
        IdentityError, match=r"a\.p12 holds a GOST key \(1\.2\.398\.3\.10\.1\.1\.2\.2\.2\)"
    ) as caught:
        keyfiles.from_p12(file, says("Qwerty12"))
    assert "C2PA allows" in caught.value.message and "RSA signing certificate" in caught.value.hint
    with pytest.raises(IdentityError, match="password is wrong") as caught:
        keyfiles.from_p12(file, says("x"))
    assert "GOST" in caught.value.hint


def test_p12_that_lacks_something(tmp_path: Path) -> None:
    file, secret = tmp_path / "a.p12", ser.BestAvailableEncryption(b"x")
    for key, leaf, others, why in (
        (None, None, [pki.leaf()], "no key"),
        (pki.key(), None, [], "no certificate"),
        (pki.key(), None, [pki.ca().certificate], "belongs to its key"),
    ):
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"x", key, leaf, others, secret))
        with pytest.raises(IdentityError, match=why):
            keyfiles.from_p12(file, says("x"))
    file.write_bytes(b"nonsense")
    with pytest.raises(IdentityError, match=r"no PKCS #12"):
        keyfiles.from_p12(file, says("x"))


def test_p12_of_a_curve_that_c2pa_does_not_allow(tmp_path: Path) -> None:
    signer = keyfiles.from_p12(bundle(tmp_path / "a.p12", b"x", [], "secp256k1"), says("x"))
    assert [d.code for d in profile.defects(signer.chain, signer.key)] == ["key.curve"]
    assert isinstance(ser.load_pem_private_key(signer.key, None), ec.EllipticCurvePrivateKey)


WHOLE = [pki.p12("x", pki.gost_key(), [], pieces=pieces) for pieces in (False, True)]


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
@given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 255))
def test_damaged_p12_is_a_typed_error(noise: bytes, at: int, byte: int) -> None:
    whole = WHOLE[at % 2]
    for data in (noise, whole[:at], whole[:at] + bytes([byte]) + whole[at + 1 :], noise + whole):
        file = Path(os.environ["LABEL_DATA_DIR"]).with_name("damaged.p12")
        file.write_bytes(data)
        with pytest.raises(IdentityError):
            keyfiles.from_p12(file, says("x"))


@given(st.binary(max_size=200))
def test_ber_raises_only_value_errors(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert b"".join(e.raw for e in asn1.parse(data)) == data


def test_ber_is_bounded() -> None:
    deep = b"\x30\x80" * 1_000
    with pytest.raises(ValueError, match="deep"):
        asn1.parse(deep)
    nested = b""
    for _ in range(2_000):
        nested = pki.tlv(4, nested)
    assert list(keyfiles._shrouded(asn1.parse(nested))) == []


# ---- passwords


def test_passwords_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pw"
    file.write_text("құпия сөз \nsecond line\n")
    assert passwords.from_file(file) == "құпия сөз "
    assert passwords.from_environment("x") is None
    monkeypatch.setenv("LABEL_PASSWORD", "a")
    assert passwords.from_environment("x") == "a"
    monkeypatch.setenv("LABEL_PASSWORD_FILE", str(file))
    assert passwords.from_environment("x") == "құпия сөз "
    for data in (b"", b"\xff\n"):
        file.write_bytes(data)
        with pytest.raises(IdentityError, match="password file"):
            passwords.from_file(file)
    with pytest.raises(IdentityError, match="No such file"):
        passwords.from_file(tmp_path / "none")
