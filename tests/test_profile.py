"""The certificate profile: each defect alone, told from all others; and what c2pa itself makes of it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pki
import pytest
from pictures import encode, encypher, label

import labeler
from labeler.errors import IdentityError
from labeler.marks import c2pa
from labeler.signing import profile
from labeler.signing.identity import Identity
from labeler.signing.signers import KeySigner, algorithms

KEYS = {"key.kind": "ed448", "key.curve": "secp256k1", "key.size": "rsa1024", "key.parameters": "ps256"}
# C2PA 2.4 and RFC 5280 forbid these; c2pa 0.91 signs with them all the same, and others take only some
LENIENT = {"usage.signature", "self-signed", "chain.broken", "chain.issuer", "key.parameters"}


def signed(chain: bytes, key: bytes, algorithm: str) -> bytes:
    """By c2pa, without our checks."""
    content = label()
    record = {"version": 1, "label": content.to_dict(), "notice": {}, "signed": True}
    manifest = c2pa.definition(content, record, title="x", parent=False, drawn=False)
    who = Identity("x", KeySigner(chain, algorithm, key))
    return c2pa.sign(encode("png", 64, 48), "image/png", manifest, who, None)


@pytest.mark.parametrize("code", pki.DEFECTIVE)
def test_each_defect_is_found_alone(code: str) -> None:
    (found,) = profile.defects(pki.pem(*pki.DEFECTIVE[code]()))
    assert found.code == code and found.message.endswith(".") and found.hint.endswith(".")


@pytest.mark.parametrize("code", pki.DEFECTIVE)
def test_c2pa_refuses_them_too(code: str) -> None:
    kind = KEYS.get(code, "es256")
    usual = {"ed448": "ed25519", "secp256k1": "es256", "rsa1024": "ps256"}.get(kind, kind)
    chain, key = pki.pem(*pki.DEFECTIVE[code]()), pki.key_pem(pki.key(kind))
    if code in LENIENT:
        assert signed(chain, key, usual)
    else:
        with pytest.raises(labeler.LabelError):
            signed(chain, key, usual)


def test_every_code_has_its_certificate() -> None:
    source = Path(profile.__file__).read_text("utf-8")
    made = {part.split('"')[1] for part in source.split("Defect(")[1:] if '"' in part.split(",")[0]}
    assert made - {"key.mismatch"} == set(pki.DEFECTIVE)


@pytest.mark.parametrize(
    "chain",
    [
        (pki.leaf(), pki.ca().certificate),
        (pki.leaf(),),
        (
            pki.leaf(
                purposes=(pki.CLAIMS, pki.DOCUMENTS), usage="digital_signature content_commitment", ca=False
            ),
        ),
        (pki.leaf("ed25519"),),
        (pki.leaf("ps256", subject=pki.PERSON),),
        (pki.pss_key(None),),
        pki._intermediate(),
        (pki.leaf(issuer=pki.ca(end=pki.NOW - pki.DAY, start=pki.NOW - 2 * pki.DAY)), pki.ca().certificate),
        pki.nca(),
    ],
)
def test_good_chains_have_none(chain: tuple[object, ...]) -> None:
    assert profile.defects(pki.pem(*chain)) == ()  # type: ignore[arg-type]


def test_validity_is_that_of_the_moment() -> None:
    chain = pki.pem(pki.leaf())
    later = profile.defects(chain, now=pki.NOW + dt.timedelta(days=999))
    assert [d.code for d in later] == ["validity.expired"] and profile.defects(chain) == ()


def test_the_key_must_be_the_first_certificates() -> None:
    chain, stranger = pki.pem(pki.leaf(), pki.ca().certificate), pki.key_pem(pki.key("es384"))
    assert profile.defects(chain, pki.key_pem(pki.key())) == ()
    assert [d.code for d in profile.defects(chain, stranger)] == ["key.mismatch"]
    assert [d.code for d in profile.defects(chain, pki.key_pem(pki.ca().key))] == ["chain.order"]


def test_several_defects_are_all_told() -> None:
    chain = pki.pem(pki.leaf(usage="key_encipherment", purposes=(pki.CLIENT,), authority=False))
    codes = ["usage.signature", "authority-key", "purpose.unsuitable"]
    assert [d.code for d in profile.defects(chain)] == codes
    with pytest.raises(
        IdentityError, match=r"signatures\. Also: .*authority key id.* Also: .*other purposes"
    ):
        Identity("x", KeySigner(chain, "es256", pki.key_pem(pki.key()))).require()


def test_pss_keys_sign_with_the_hash_they_are_bound_to() -> None:
    assert algorithms(pki.pss_key(pki.pss(pki.SHA384, pki.SHA384, 48))) == ("ps384",)
    assert algorithms(pki.pss_key(None)) == ("ps256", "ps384", "ps512")


# ---- Kazakhstan's NCA


def test_nca_certificates_sign_and_say_what_becomes_public() -> None:
    chain, issuer = pki.pem(*pki.nca()), pki.pem(pki.nca()[1]).decode()
    who = Identity("nca", KeySigner(chain, "ps256", pki.key_pem(pki.key("ps256"))))
    receipt = labeler.add(encode("png"), None, label(), identity=who)
    told = "The certificate makes public, in every signed file: name, IIN, BIN."
    assert told in receipt.remarks and "123456789011" not in "".join(receipt.remarks)
    report = encypher(receipt.data, "image/png", trust_pem=issuer)
    assert report["validation_state"].lower() == "trusted"


def test_what_is_personal_is_told_of_others_too() -> None:
    assert profile.personal(pki.pem(pki.leaf())) == ()
    assert profile.personal(pki.pem(pki.leaf(subject=pki.PERSON))) == ("name", "IIN")
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    mail = x509.SubjectAlternativeName([x509.RFC822Name("a@qala.kz")])
    person = ((NameOID.SERIAL_NUMBER, "PNOKZ-123"), (NameOID.COMMON_NAME, "A B"))
    chain = pki.pem(pki.leaf(subject=person, extra=[(mail, False)]))
    assert profile.personal(chain) == ("name", "personal number", "e-mail address")
    number = ((NameOID.SERIAL_NUMBER, "4711"), (NameOID.ORGANIZATION_NAME, "Qala"))  # of a firm's register
    assert profile.personal(pki.pem(pki.leaf(subject=number))) == ()


def test_gost_is_refused_with_the_reason() -> None:
    for code in ("key.gost", "signature.gost"):
        (found,) = profile.defects(pki.pem(*pki.DEFECTIVE[code]()))
        assert (
            "1.2.398.3.10.1.1.2." in found.message and "C2PA allows" in found.message and "RSA" in found.hint
        )


def test_the_purposes_are_those_that_the_verifier_takes() -> None:
    assert set(profile.PURPOSES) < set(c2pa._EKUS)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    code = "import sys, labeler.signing.identity; print(sorted({'cryptography', 'c2pa', 'pkcs11'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_reading_is_bounded() -> None:
    with pytest.raises(IdentityError, match="no certificate"):
        profile.defects(b"nonsense")
