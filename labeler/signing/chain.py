"""Certificate chains: PEM bytes, the signer's own certificate first (RFC 5280)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from labeler.errors import IdentityError
from labeler.signing import asn1

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_HASHES = {
    bytes.fromhex(f"608648016503040{n}"): name for n, name in (("201", "256"), ("202", "384"), ("203", "512"))
}
_BEGIN = b"-----BEGIN CERTIFICATE-----"


@functools.lru_cache(16)
def certificates(chain: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM chain, or of one DER certificate.

    Raises:
        IdentityError: there is none, or one cannot be read.
    """
    from cryptography import x509

    try:
        if _BEGIN in chain:
            return tuple(x509.load_pem_x509_certificates(chain))
        return (x509.load_der_x509_certificate(chain),)
    except ValueError as e:
        raise IdentityError(
            "There is no certificate that can be read.",
            "Give a PEM file: the signer's own certificate, then those of its issuers.",
        ) from e


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """As PEM, and nothing but certificates."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


def anchor(chain: bytes) -> bytes:
    """The last certificate as PEM: what others add to their trusted anchors."""
    return pem(certificates(chain)[-1:])


def ordered(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, then its issuers as far as they are among ``others``, whatever their order."""
    path = [leaf]
    while issuer := next((c for c in others if c not in path and issued(path[-1], c)), None):
        path.append(issuer)
    return path


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed it, under the issuer's name."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError):
        return False
    except (UnsupportedAlgorithm, ValueError):
        pass  # SHA-1, GOST: what cryptography does not check, others do not accept
    return True


def key_of(certificate: x509.Certificate) -> bytes:
    """Its public key as DER; empty where cryptography does not know the kind."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return public_bytes(certificate.public_key())
    except (UnsupportedAlgorithm, ValueError):
        return b""


def public_bytes(key: PublicKeyTypes) -> bytes:
    """A public key as DER (SubjectPublicKeyInfo; RSASSA-PSS as RSA)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pss_hashes(algorithm: asn1.Element) -> tuple[str | None, str | None]:
    """The hash of an RSASSA-PSS algorithm identifier and that of its mask: "256", "384", "512", None for others.

    What it does not say is SHA-1 (RFC 4055, 3.1).
    """
    parameters = algorithm.children[1].children if len(algorithm.children) > 1 else ()
    said = {p.tag: p.children[0].children for p in parameters if p.children}
    hashed = said[0xA0][0].content if said.get(0xA0) else b""
    mask = (
        said[0xA1][1].children[0].content if len(said.get(0xA1, ())) > 1 and said[0xA1][1].children else b""
    )
    return _HASHES.get(hashed), _HASHES.get(mask)
