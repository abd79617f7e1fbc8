"""What a signer gives is proved with its own certificate before anybody else sees it, and explained when it is wrong."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labeler.errors import IdentityError
from labeler.signing import chain as chains
from labeler.signing.signers import Signer, hash_of, titled

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

_TRIAL = (
    b"Tanba asks whether this key signs for its certificate."  # can be no manifest's claim, which is CBOR
)


def checked(signer: Signer, data: bytes) -> bytes:
    """The signer's signature over ``data`` in COSE's form, once the certificate confirms it.

    Validators would only say that it does not fit, and c2pa swallows what a signer raises.

    Raises:
        IdentityError: the signer gives none, or not one that the certificate confirms.
    """
    given = signer.sign(data)
    key: Any = chains.certificates(signer.chain)[0].public_key()
    readings = [_cose(key, reading) for reading in _readings(given)]
    for cose in readings:
        if _holds(key, cose, data, signer.algorithm):
            return cose
    cose = next((r for r in readings if len(r) == _size(key)), given)
    raise IdentityError(
        f"{titled(signer)} gave a signature that the certificate does not confirm: "
        f"{_reason(key, cose, data, signer.algorithm)}.",
        f"It must be {signer.algorithm} by the key of the chain's first certificate.",
    )


def trial(signer: Signer) -> None:
    """Let it sign something that means nothing.

    Raises:
        IdentityError: as `checked`.
    """
    checked(signer, _TRIAL)


def _readings(given: bytes) -> Iterator[bytes]:
    """As it came; as the base64 that cloud services print."""
    yield given
    with contextlib.suppress(binascii.Error):
        yield base64.b64decode(b"".join(given.split()), validate=True)


def _cose(key: Any, signature: bytes) -> bytes:
    """ECDSA as r and s, both as long as the curve (RFC 9053, 2.1); all else, and what is none, as it is."""
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    size = _size(key)
    if isinstance(key, ec.EllipticCurvePublicKey) and len(signature) != size:
        with contextlib.suppress(ValueError, OverflowError):
            return b"".join(x.to_bytes(size // 2) for x in utils.decode_dss_signature(signature))
    return signature


def _size(key: Any) -> int:
    """Of a signature in COSE's form, in bytes."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * ((key.key_size + 7) // 8)
    return key.key_size // 8 if isinstance(key, rsa.RSAPublicKey) else 64


def _holds(key: Any, cose: bytes, data: bytes, algorithm: str, padding: Any = None) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS

    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            half = len(cose) // 2
            r, s = int.from_bytes(cose[:half]), int.from_bytes(cose[half:])
            key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hash_of(algorithm)))
        elif isinstance(key, rsa.RSAPublicKey):
            hashed = hash_of(algorithm)
            key.verify(cose, data, padding or PSS(MGF1(hashed), hashed.digest_size), hashed)
        else:
            key.verify(cose, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _reason(key: Any, cose: bytes, data: bytes, algorithm: str) -> str:
    """Why it does not hold, as far as trying the usual mistakes can tell."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    rsa_key = isinstance(key, rsa.RSAPublicKey)
    if len(cose) != _size(key):
        text = " of text" if cose.isascii() and cose.decode("ascii").strip().isprintable() else ""
        return f"it has {len(cose)} bytes{text} instead of {_size(key)}"
    for name in ("256", "384", "512"):
        other, hashed = algorithm[:2] + name, hash_of(name)
        if _holds(key, cose, _digest(data, hashed), other if algorithm != "ed25519" else algorithm):
            return "it is over a digest of the bytes instead of the bytes"
        if algorithm == "ed25519":
            continue
        wrong_hash = f"it uses SHA-{name} instead of SHA-{algorithm[-3:]}" if other != algorithm else ""
        if wrong_hash and _holds(key, cose, data, other):
            return wrong_hash
        if rsa_key and _holds(key, cose, data, other, padding.PKCS1v15()):
            return "it has PKCS #1 v1.5 padding instead of PSS"
        if rsa_key and _holds(key, cose, data, other, padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO)):
            return wrong_hash or f"its salt is not {hashed.digest_size} bytes long"
    return "it is by another key, or over other bytes"


def _digest(data: bytes, hashed: hashes.HashAlgorithm) -> bytes:
    from cryptography.hazmat.primitives import hashes

    digest = hashes.Hash(hashed)
    digest.update(data)
    return digest.finalize()
