"""Keys, certificates and requests made here: with the profile that C2PA 2.4, 14.5 asks of a claim's signer."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from labeler.errors import IdentityError

if TYPE_CHECKING:
    from cryptography import x509

_PURPOSES = (
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.4.1.62558.2.1",
)  # e-mail protection, which all take; C2PA claim signing
_YEARS = dt.timedelta(days=3652)
_RSA_BITS = {"ps256": 3072, "ps384": 3072, "ps512": 4096}
_NOBODY = "Tanba local identity"  # no certificate of ours claims a publisher that nobody checked


def local(name: str, organisation: str = "") -> tuple[bytes, bytes]:
    """A chain and its key, as PEM: a throw-away root signs one leaf and is forgotten, so nothing else is issued under it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from labeler.signing import chain

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)  # clocks of others may be behind
    organisation = organisation or _NOBODY
    issuer = _subject(f"{name} (local root)", organisation)

    def certificate(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, extra: list[tuple[x509.ExtensionType, bool]]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + _YEARS)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        for extension, critical in extra:
            builder = builder.add_extension(extension, critical)
        return builder.sign(root_key, hashes.SHA256())

    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    root = certificate(issuer, root_key, [(x509.BasicConstraints(True, 0), True), (usage, True)])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = certificate(_subject(f"{name} (local)", organisation), leaf_key, [*_profile(), (authority, False)])
    return chain.pem((leaf, root)), _pem(leaf_key)


def request(
    name: str, organisation: str = "", country: str = "", algorithm: str = "es256"
) -> tuple[bytes, bytes]:
    """A certificate signing request (PKCS #10) with the claim-signing profile, and its key, as PEM.

    Raises:
        IdentityError: ``country`` is no ISO 3166 code of two letters.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from labeler.signing.signers import hash_of

    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise IdentityError(f"{country!r} is no country code.", "Use two letters, like KZ.")
    key = _key(algorithm)
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        _subject(name, organisation, country.upper())
    )
    for extension, critical in _profile():
        builder = builder.add_extension(extension, critical)
    signed = builder.sign(key, None if algorithm == "ed25519" else hash_of(algorithm))
    return signed.public_bytes(Encoding.PEM), _pem(key)


def _profile() -> list[tuple[x509.ExtensionType, bool]]:
    """What the certificate of a claim's signer must say, and whether it is critical."""
    from cryptography import x509

    return [
        (x509.BasicConstraints(False, None), True),
        (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
        (x509.ExtendedKeyUsage([x509.ObjectIdentifier(p) for p in _PURPOSES]), False),
    ]


def _subject(common: str, organisation: str, country: str = "") -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = (
        (NameOID.COUNTRY_NAME, country),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name(
        [x509.NameAttribute(oid, text[:64]) for oid, text in parts if text]
    )  # RFC 5280, ub-common-name


def _key(algorithm: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm in _RSA_BITS:
        return rsa.generate_private_key(65537, _RSA_BITS[algorithm])
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}
    return ec.generate_private_key(curves[algorithm])


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as ser

    pem: bytes = key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    return pem
