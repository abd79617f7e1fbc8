"""Whether a certificate chain can sign Content Credentials: C2PA 2.4, 14.5 (X.509 certificates), and RFC 5280.

Every defect is found, not only the first, and each says what it is and what to do.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labeler.errors import IdentityError
from labeler.signing import asn1
from labeler.signing import chain as chains
from labeler.signing.keyfiles import GOST, NO_GOST
from labeler.signing.signers import algorithms

if TYPE_CHECKING:
    from cryptography import x509

# purposes (extended key usages) that a claim's signer may have: e-mail, documents, C2PA claims, Microsoft's C2PA claims
PURPOSES = (
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.36",
    "1.3.6.1.4.1.62558.2.1",
    "1.3.6.1.4.1.311.76.59.1.9",
)
_ANY = "2.5.29.37.0"
_LONE = ("1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9")  # time-stamping and OCSP: for nothing else
_RSASSA_PSS = "1.2.840.113549.1.1.10"
_SIGNATURES = {
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.2.840.10045.4.3.4",
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    _RSASSA_PSS,
    "1.3.101.112",
}
_UNIQUE_IDS = (0x81, 0x82, 0xA1, 0xA2)
_KNOWN = {  # extensions that validators process: RFC 5280, 4.2
    f"2.5.29.{n}" for n in (14, 15, 17, 18, 19, 30, 31, 32, 33, 35, 36, 37, 46, 54)
} | {"1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11"}
_REISSUE = "Ask the issuer for a certificate with the C2PA claim-signing profile: `label identity request`."
_SHA2 = "Ask the issuer for one signed with SHA-256, SHA-384 or SHA-512."


@dataclass(frozen=True)
class Defect:
    """Why a chain cannot sign. ``code`` is stable; ``message`` explains; ``hint`` is the next step."""

    code: str
    message: str
    hint: str


def defects(chain: bytes, key: bytes | None = None, now: dt.datetime | None = None) -> tuple[Defect, ...]:
    """All defects of a PEM chain as the signer of a C2PA claim; ``key`` is its unencrypted PEM key, where one is at hand.

    Raises:
        IdentityError: the chain or the key cannot be read.
    """
    now = now or dt.datetime.now(dt.UTC)
    return (*_lasting(chain, key), *_validity(chains.certificates(chain), now))


@functools.lru_cache(16)
def _lasting(chain: bytes, key: bytes | None) -> tuple[Defect, ...]:
    """Those that no time heals."""
    certificates = chains.certificates(chain)
    found = list(_order(certificates, key))
    if any(d.code == "chain.order" for d in found):
        return tuple(found)  # all else would speak of the wrong certificate
    found += _leaf(certificates[0])
    for n, certificate in enumerate(certificates[1:], 2):
        found += _issuer(certificate, f"The chain's certificate {n}")
    return tuple(found)


def _validity(certificates: Sequence[x509.Certificate], now: dt.datetime) -> Iterator[Defect]:
    for n, certificate in enumerate(certificates, 1):
        what = "The certificate" if n == 1 else f"The chain's certificate {n}"
        if n > 1 and certificate.issuer == certificate.subject:
            continue  # an anchor is a name and a key (RFC 5280, 6.1.1)
        if now > certificate.not_valid_after_utc:
            yield Defect(
                "validity.expired",
                f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d}.",
                "Renew it and import the new chain: `label identity import`.",
            )
        if now < certificate.not_valid_before_utc:
            yield Defect(
                "validity.not-yet",
                f"{what} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC.",
                "Wait until then, or set this machine's clock right.",
            )


def _order(certificates: Sequence[x509.Certificate], key: bytes | None) -> Iterator[Defect]:
    if key is not None:
        mine = _public(key)
        owner = next((n for n, c in enumerate(certificates, 1) if chains.key_of(c) == mine), None)
        if owner is None:
            yield Defect(
                "key.mismatch",
                "The key does not belong to the certificate.",
                "Put the key and the signer's own certificate together.",
            )
        elif owner > 1:
            yield _disordered(owner)
            return
    for n, (certificate, issuer) in enumerate(itertools.pairwise(certificates), 2):
        if chains.issued(certificate, issuer):
            continue
        if any(chains.issued(a, b) for a in certificates for b in certificates if a is not b):
            yield _disordered(n)
        else:
            yield Defect(
                "chain.broken",
                f"The chain's certificate {n} did not issue the one before it.",
                "Put each issuer after the certificate that it issued, and leave out all others.",
            )
        return


def _disordered(place: int) -> Defect:
    return Defect(
        "chain.order",
        f"The chain is not in order (at certificate {place}).",
        "Put the signer's own certificate first, then its issuer, then that one's issuer.",
    )


def _public(key: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return chains.public_bytes(load_pem_private_key(key, None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise IdentityError("The key cannot be read.", "Give it again, as unencrypted PEM.") from e


def _leaf(certificate: x509.Certificate) -> Iterator[Defect]:
    from cryptography import x509

    yield from _key(certificate, "The certificate")
    yield from _signature(certificate, "The certificate")
    if certificate.version is not x509.Version.v3:
        yield Defect("version", "The certificate is not of X.509 version 3, so it says no purpose.", _REISSUE)
        return
    if any(c.tag in _UNIQUE_IDS for c in asn1.parse(certificate.tbs_certificate_bytes)[0].children):
        yield Defect("unique-id", "The certificate has an issuer or subject unique id.", _REISSUE)
    if certificate.issuer == certificate.subject:
        yield Defect(
            "self-signed",
            "The certificate is signed by itself, so nobody vouches for it.",
            "Have it issued (`label identity request`), or make a local identity (`label identity create`).",
        )
    try:
        extensions = certificate.extensions
    except ValueError as e:
        yield Defect(
            "extension.malformed", f"The certificate has an extension that is malformed ({e}).", _REISSUE
        )
        return
    yield from _extensions(extensions)


def _extensions(extensions: x509.Extensions) -> Iterator[Defect]:
    from cryptography import x509

    there = {e.oid.dotted_string: e.value for e in extensions}
    for extension in extensions:
        if extension.critical and extension.oid.dotted_string not in _KNOWN:
            yield Defect(
                "extension.critical",
                f"The certificate has a critical extension that validators do not know ({extension.oid.dotted_string}).",
                _REISSUE,
            )
    constraints = there.get("2.5.29.19")
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        yield Defect(
            "ca", "The certificate is a CA's: it issues certificates and signs no content.", _REISSUE
        )
    usage = there.get("2.5.29.15")
    if not isinstance(usage, x509.KeyUsage):
        yield Defect("usage.absent", "The certificate does not say its key usage.", _REISSUE)
    else:
        if not usage.digital_signature:
            yield Defect(
                "usage.signature",
                "The certificate's key usage does not allow digital signatures.",
                "Use the signing certificate of the pair: this one is for signing in or for encryption.",
            )
        if usage.key_cert_sign and not (isinstance(constraints, x509.BasicConstraints) and constraints.ca):
            yield Defect(
                "usage.certificates", "The certificate's key usage is a CA's (keyCertSign).", _REISSUE
            )
    if "2.5.29.35" not in there:
        yield Defect(
            "authority-key", "The certificate does not say which key issued it (authority key id).", _REISSUE
        )
    purposes = there.get("2.5.29.37")
    yield from _purposes(
        [p.dotted_string for p in purposes] if isinstance(purposes, x509.ExtendedKeyUsage) else None
    )


def _purposes(purposes: list[str] | None) -> Iterator[Defect]:
    if not purposes:
        yield Defect(
            "purpose.absent", "The certificate does not say its purpose (extended key usage).", _REISSUE
        )
        return
    if _ANY in purposes:
        yield Defect(
            "purpose.any",
            "The certificate is for any purpose (anyExtendedKeyUsage), which C2PA forbids.",
            _REISSUE,
        )
    if len(purposes) > 1 and any(p in purposes for p in _LONE):
        yield Defect(
            "purpose.mixed",
            "The certificate is for time-stamping or OCSP beside other purposes, which C2PA forbids.",
            _REISSUE,
        )
    elif not any(p in purposes for p in (*PURPOSES, _ANY)):
        yield Defect(
            "purpose.unsuitable",
            f"The certificate is for other purposes ({', '.join(purposes)}): none of e-mail protection, document "
            "signing, C2PA claim signing.",
            "Use the signing certificate of the pair, or ask the issuer for one of these purposes.",
        )


def _issuer(certificate: x509.Certificate, what: str) -> Iterator[Defect]:
    from cryptography import x509

    if certificate.issuer == certificate.subject:
        return  # an anchor: nobody asks what it is
    yield from _key(certificate, what)
    yield from _signature(certificate, what)
    try:
        ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        signs = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except (ValueError, x509.ExtensionNotFound):
        ca = signs = False
    if not (ca and signs):
        yield Defect(
            "chain.issuer", f"{what} is no CA's, so it cannot have issued the one before it.", _REISSUE
        )


def _key(certificate: x509.Certificate, what: str) -> Iterator[Defect]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    oid = certificate.public_key_algorithm_oid.dotted_string
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        key = None
    if GOST.fullmatch(oid):
        yield Defect("key.gost", f"{what} has a GOST key ({oid}): {NO_GOST[0]}", NO_GOST[1])
    elif isinstance(key, ec.EllipticCurvePublicKey) and not algorithms(certificate):
        yield Defect(
            "key.curve",
            f"{what} has a key on the curve {key.curve.name}, which C2PA does not allow.",
            "Use P-256, P-384 or P-521.",
        )
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        yield Defect("key.size", f"{what} has an RSA key of {key.key_size} bits.", "Use at least 2048 bits.")
    elif isinstance(key, rsa.RSAPublicKey) and not algorithms(certificate):
        yield Defect(
            "key.parameters",
            f"{what} has an RSASSA-PSS key that is bound to another hash than SHA-256, SHA-384 or SHA-512.",
            "Use one of these, or an RSA key that is bound to none.",
        )
    elif not algorithms(certificate):
        yield Defect(
            "key.kind",
            f"{what} has a key of a kind that C2PA does not allow ({oid}).",
            "Use P-256, P-384, P-521, Ed25519, or RSA of at least 2048 bits.",
        )


def _signature(certificate: x509.Certificate, what: str) -> Iterator[Defect]:
    from cryptography.hazmat.primitives.serialization import Encoding

    oid = certificate.signature_algorithm_oid.dotted_string
    if GOST.fullmatch(oid):
        if not GOST.fullmatch(certificate.public_key_algorithm_oid.dotted_string):
            yield Defect("signature.gost", f"{what} is signed with GOST ({oid}): {NO_GOST[0]}", NO_GOST[1])
        return
    if oid not in _SIGNATURES:
        name = getattr(certificate.signature_algorithm_oid, "_name", oid)
        yield Defect(
            "signature.algorithm", f"{what} is signed with {name}, which C2PA does not allow.", _SHA2
        )
    if oid != _RSASSA_PSS:
        return
    hashed, mask = chains.pss_hashes(asn1.parse(certificate.public_bytes(Encoding.DER))[0].children[1])
    if hashed is None or mask != hashed:
        yield Defect(
            "signature.parameters",
            f"{what} is signed with RSASSA-PSS of parameters that C2PA does not allow.",
            "It must use SHA-256, SHA-384 or SHA-512, and the same for the mask.",
        )


# ---- what a signature makes public

_PERSON = {"2.5.4.4": "name", "2.5.4.42": "name", "1.2.840.113549.1.9.1": "e-mail address"}
_NUMBERS = re.compile(r"(IIN|BIN|PNO|PAS|IDC)(?=[A-Z-]*\d)")  # of the NCA RK; of ETSI EN 319 412-1, 5.1.3


def personal(chain: bytes) -> tuple[str, ...]:
    """What the signer's certificate says of a person or enterprise, and so every signed file does.

    The NCA of Kazakhstan puts the IIN into serialNumber and the BIN into organizationalUnitName.
    """
    from cryptography import x509

    certificate = chains.certificates(chain)[0]
    found = set()
    for attribute in certificate.subject:
        if (kind := _PERSON.get(attribute.oid.dotted_string)) is not None:
            found.add(kind)
        elif number := _NUMBERS.match(str(attribute.value)):
            found |= {"name", number[1] if number[1] in ("IIN", "BIN") else "personal number"}
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found |= {"e-mail address" for _ in names.get_values_for_type(x509.RFC822Name)}
    except (ValueError, x509.ExtensionNotFound):
        pass
    return tuple(k for k in ("name", "IIN", "BIN", "personal number", "e-mail address") if k in found)
