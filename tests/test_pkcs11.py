"""Keys in a token, with SoftHSM for the hardware."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pki
import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ed25519
from test_signers import judged

from labeler.errors import IdentityError
from labeler.signing import chain as chains
from labeler.signing import identity, pkcs11, proof

MODULES = [
    Path(folder, "libsofthsm2.so")
    for folder in (
        "/usr/lib/softhsm",
        "/usr/local/lib/softhsm",
        "/opt/homebrew/lib/softhsm",
        "/usr/lib64/pkcs11",
    )
]
PIN = "1234"
KINDS = ("es256", "es384", "es512", "ps256", "ed25519")


@dataclass(frozen=True)
class Token:
    module: Path
    conf: Path

    def uri(self, label: str = "es256", token: str = "qala") -> str:
        return f"pkcs11:token={token};object={label}?module-path={self.module}"

    def signer(self, label: str = "es256", pin: str | None = PIN, **more: Any) -> pkcs11.TokenSigner:
        return pkcs11.signer(self.uri(label), None, lambda what: pin, **more)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]) -> Any:
    """A token with a key of each kind, its certificate beside it, and the CA's."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (the extra pkcs11)")
    util = tool("softhsm2-util")
    module = next((m for m in MODULES if m.exists()), None)
    if module is None:
        pytest.skip("libsofthsm2.so is not where it is looked for")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(conf))
        made = ["--init-token", "--free", "--label", "qala", "--pin", PIN, "--so-pin", "5678"]
        subprocess.run([util, *made], check=True, capture_output=True)
        _fill(module)
        yield Token(module, conf)


def _fill(module: Path) -> None:
    from pkcs11 import Attribute, CertificateType, KeyType, ObjectClass, lib

    with lib(str(module)).get_token(token_label="qala").open(rw=True, user_pin=PIN) as session:
        certificates = {b"ca": pki.ca().certificate}
        for kind in KINDS:
            public = _generate(session, kind, KeyType)
            certificates[kind.encode()] = pki.certificate(public, pki.ca().by, pki.name(pki.ORG))
        _generate(session, "bare", KeyType)
        for label, certificate in certificates.items():
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
                    Attribute.ID: label,
                    Attribute.LABEL: label.decode(),
                    Attribute.SUBJECT: certificate.subject.public_bytes(),
                    Attribute.VALUE: certificate.public_bytes(ser.Encoding.DER),
                    Attribute.TOKEN: True,
                }
            )


def _generate(session: Any, kind: str, types: Any) -> Any:
    from pkcs11 import Attribute
    from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters
    from pkcs11.util.rsa import encode_rsa_public_key

    options = {"id": kind.encode(), "label": kind, "store": True}
    if kind == "ps256":
        public, _ = session.generate_keypair(types.RSA, 2048, **options)
        spki = pki.tlv(3, b"\0", encode_rsa_public_key(public))
        rsa = pki.tlv(0x30, pki.oid("1.2.840.113549.1.1.1"), pki.NULL)
        return ser.load_der_public_key(pki.tlv(0x30, rsa, spki))
    if kind == "ed25519":
        parameters = {Attribute.EC_PARAMS: pki.oid("1.3.101.112")}
        made = session.create_domain_parameters(types.EC_EDWARDS, parameters, local=True)
        public, _ = made.generate_keypair(**options)
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes(public[Attribute.EC_POINT])[-32:])
    curve = {"es384": "secp384r1", "es512": "secp521r1"}.get(kind, "secp256r1")
    parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
    public, _ = session.create_domain_parameters(types.EC, parameters, local=True).generate_keypair(**options)
    return ser.load_der_public_key(encode_ec_public_key(public))


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"])
def test_tokens_sign_with_every_algorithm(algorithm: str, token: Token) -> None:
    label = "ps256" if algorithm.startswith("ps") else algorithm
    signer = token.signer(label, wanted=algorithm)
    assert signer.algorithm == algorithm and len(chains.certificates(signer.chain)) == 2
    judged(signer)


def test_a_token_is_kept_without_its_pin(
    token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path))
    identity.keep("hsm", token.signer())
    kept = {p.name: p.read_text() for p in (tmp_path / "identities" / "hsm").iterdir()}
    assert set(kept) == {"chain.pem", "signer.json"} and PIN not in "".join(kept.values())
    proof.trial(identity.load("hsm", lambda what: PIN).signer)
    assert PIN not in repr(token.signer())


def test_what_is_wrong_with_a_token_is_explained(token: Token) -> None:
    def trial(uri: str, chain: bytes | None = None) -> None:
        proof.trial(pkcs11.signer(uri, chain, lambda what: PIN))

    chain = pki.pem(pki.leaf())
    for uri, why in (
        (token.uri("nobody"), "no such private key"),
        (token.uri(token="elsewhere"), "no such token"),
        (token.uri("bare"), "no certificate for the key 'bare'"),
        (token.uri().replace(str(token.module), __file__), "loading"),
    ):
        with pytest.raises(IdentityError, match=why) as caught:
            trial(uri)
        assert caught.value.hint
    with pytest.raises(
        IdentityError, match=r"The key 'bare' of the token 'qala' gave a signature that .* another key"
    ):
        trial(token.uri("bare"), chain)


def test_a_wrong_pin_is_not_tried_again(token: Token) -> None:
    """In a process of its own: one login counts for the whole process."""
    code = (
        "import sys\nfrom labeler.errors import IdentityError\nfrom labeler.signing import pkcs11\n"
        "for _ in range(5):\n"
        "    try: pkcs11.signer(sys.argv[1], None, lambda what: '9999')\n"
        "    except IdentityError as e: print(e.message)\n"
        "pkcs11._session(__import__('os').getpid(), pkcs11.address(sys.argv[1]), '1234')\n"
        "print(len(pkcs11._WRONG))\n"
    )
    run = subprocess.run([sys.executable, "-c", code, token.uri()], capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == 6 and all("the PIN is wrong" in line for line in lines[:5]), run.stdout + run.stderr
    assert lines[5] == "1"


def test_a_forked_process_logs_in_for_itself(token: Token) -> None:
    code = (
        "import os, sys\nfrom labeler.signing import pkcs11, proof\n"
        "signer = pkcs11.signer(sys.argv[1], None, lambda what: '1234')\nproof.trial(signer)\n"
        "if child := os.fork(): sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "proof.trial(signer)\nos._exit(7)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, token.uri()], capture_output=True, text=True)
    assert run.returncode == 7, run.stderr


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of python-pkcs11 itself
def test_a_token_that_went_away_is_found_again(token: Token) -> None:
    signer = token.signer()
    pkcs11._session(os.getpid(), pkcs11.address(signer.uri), PIN).close()
    with pytest.raises(IdentityError, match="cannot be used"):
        proof.trial(signer)
    proof.trial(signer)
    proof.trial(replace(signer, uri=signer.uri.replace("object=es256", "id=es256")))


# ---- addresses


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("", "cannot be used"),
        ("http://x", "cannot be used"),
        ("pkcs11:token=a;object=b", "names no module"),
        ("pkcs11:token=a;object=b?module-path=libx.so", "no PKCS #11 module 'libx.so'"),
        ("pkcs11:token=a;object=b?module-path=./x.so", "no PKCS #11 module"),
        ("pkcs11:token=a;object=b?module-path=/nowhere/x.so", "no PKCS #11 module"),
        (f"pkcs11:token=a?module-path={__file__}", "no token or no key"),
        (f"pkcs11:object=a?module-path={__file__}", "no token or no key"),
        (f"pkcs11:token=a;object=b;color=c?module-path={__file__}", "color is not understood"),
        (f"pkcs11:token=a;token=b;object=c?module-path={__file__}", "cannot be used"),
        (f"pkcs11:token=a;object=b;type=cert?module-path={__file__}", "cannot be used"),
        (f"pkcs11:token=%ff;object=b?module-path={__file__}", "no UTF-8"),
        (f"pkcs11:token=a;object=b?pin-value=1234&module-path={__file__}", "PIN has no place"),
    ],
)
def test_addresses_that_cannot_be_used(uri: str, why: str) -> None:
    with pytest.raises(IdentityError, match=why) as caught:
        pkcs11.address(uri)
    assert "1234" not in str(caught.value)


def test_an_address_is_rfc_7512() -> None:
    found = pkcs11.address(f"pkcs11:serial=4711;id=%01%ff;type=private?module-path={__file__}")
    assert found == pkcs11.Address(__file__, serial=b"4711", id=b"\x01\xff")
    assert str(found) == "the key of id 01ff of the token '4711'"
    named = pkcs11.address(f"pkcs11:token=%D2%9A;object=a%20b?module-path={__file__}")
    assert (named.token, named.label) == ("Қ", "a b")


def test_without_the_extra_the_way_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pkcs11'] = None\nfrom labeler.signing import pkcs11\n"
        "try: pkcs11.signer(sys.argv[1], None, lambda what: None)\nexcept Exception as e: print(e)"
    )
    uri = f"pkcs11:token=a;object=b?module-path={__file__}"
    run = subprocess.run([sys.executable, "-c", code, uri], capture_output=True, text=True)
    assert "pip install 'tanba[pkcs11]'" in run.stdout, run.stderr
