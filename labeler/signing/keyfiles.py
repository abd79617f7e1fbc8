"""Keys and certificates in files: PEM, DER and PKCS #12 (RFC 7292), with passwords; GOST keys are told from wrong passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeler.errors import IdentityError
from labeler.signing import asn1, passwords
from labeler.signing import chain as chains
from labeler.signing.passwords import Ask
from labeler.signing.signers import KeySigner, algorithm

_MOST = 1 << 20  # bytes of a file
_DEPTH = 4  # of octet strings that hold elements
_SHROUDED_KEY = bytes.fromhex("2a864886f70d010c0a0102")  # 1.2.840.113549.1.12.10.1.2, pkcs8ShroudedKeyBag
GOST = re.compile(r"1\.2\.(?:398\.3\.10\.1\.1|643\.2\.2|643\.7\.1\.1)\.[\d.]*\d")  # of Kazakhstan, of Russia
NO_GOST = (
    "C2PA allows ECDSA, RSASSA-PSS and Ed25519 only (C2PA 2.4, 13.2), and no validator can check GOST.",
    "Ask the NCA for an RSA signing certificate, or another issuer; see docs/signing.md.",
)


def read(file: Path) -> bytes:
    """The file, or what a pipe gives.

    Raises:
        IdentityError: it cannot be read, or has more than 1 MiB.
    """
    try:
        with open(file, "rb") as f:
            data = f.read(_MOST + 1)
    except OSError as e:
        raise IdentityError(f"{file} cannot be read ({e.strerror}).", "Check path and permissions.") from e
    if len(data) > _MOST:
        raise IdentityError(f"{file} is too large for a key or certificates.", "Check the path.")
    return data


def read_chain(file: Path) -> bytes:
    """The certificates in a PEM or DER file, as PEM; a key beside them is left out.

    Raises:
        IdentityError: it cannot be read or holds none.
    """
    try:
        return chains.pem(chains.certificates(read(file)))
    except IdentityError as e:
        raise _about(file, e) from e


def from_pem(chain: Path, key: Path, ask: Ask, wanted: str | None = None) -> KeySigner:
    """A signer of a chain and a key (PKCS #8 or older, PEM or DER, encrypted or not).

    Raises:
        IdentityError: a file cannot be read, or the password is wrong.
    """
    certificates = read_chain(chain)
    return KeySigner(certificates, algorithm(certificates, wanted), private_key(read(key), ask, str(key)))


def private_key(data: bytes, ask: Ask, what: str) -> bytes:
    """An unencrypted PEM key (PKCS #8).

    Raises:
        IdentityError: it cannot be read, or the password is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as ser

    load = ser.load_pem_private_key if b"-----BEGIN " in data else ser.load_der_private_key
    try:
        try:
            key = load(data, None)
        except TypeError:  # it is encrypted
            key = _unlocked(load, data, passwords.needed(f"the key {what}", ask), what)
    except UnsupportedAlgorithm as e:
        raise _unsupported(str(e), what) from e
    except ValueError as e:
        raise IdentityError(f"{what} holds no private key that can be read.", "Give a PEM key.") from e
    return _pem(key)


def _unlocked(load: Any, data: bytes, password: str, what: str) -> Any:
    try:
        return load(data, password.encode())
    except ValueError as e:
        raise IdentityError(f"The password of the key {what} is wrong.", "Check it.") from e


def _pem(key: Any, password: str | None = None) -> bytes:
    from cryptography.hazmat.primitives import serialization as ser

    protection = ser.BestAvailableEncryption(password.encode()) if password else ser.NoEncryption()
    pem: bytes = key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, protection)
    return pem


def protected(key: bytes, password: str) -> bytes:
    """The same PEM key under a password."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return _pem(load_pem_private_key(key, None), password)


def from_p12(file: Path, ask: Ask, wanted: str | None = None) -> KeySigner:
    """The signer in a PKCS #12 file, its chain put in order.

    Raises:
        IdentityError: it cannot be read, the password is wrong, a key or its certificate is missing, or it is GOST.
    """
    data = read(file)
    bundle = _open(data, ask, file)
    found = [c.certificate for c in (bundle.cert, *bundle.additional_certs) if c]
    if bundle.key is None or not found:
        raise IdentityError(
            f"{file} holds {'no key' if found else 'no certificate'}.", "Export both into one file."
        )

    mine = chains.public_bytes(bundle.key.public_key())
    for certificate in found:
        if chains.key_of(certificate) == mine:
            chain = chains.pem(chains.ordered(certificate, found))
            return KeySigner(chain, algorithm(chain, wanted), _pem(bundle.key))
    raise IdentityError(
        f"No certificate in {file} belongs to its key.", "Export key and certificate together."
    )


def _open(data: bytes, ask: Ask, file: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    def tries() -> Iterator[bytes | None]:
        yield from (None, b"")
        yield passwords.needed(f"the file {file}", ask).encode()

    if (elements := _elements(data)) is None:
        raise IdentityError(f"{file} is no PKCS #12 file.", "Give a .p12 or .pfx file, or --cert and --key.")
    password: bytes | None = None
    for password in tries():
        try:
            return load_pkcs12(data, password)
        except UnsupportedAlgorithm as e:
            raise _unsupported(str(e), str(file)) from e
        except ValueError:
            if kind := _unsupported_key(elements, password):
                raise _unsupported(kind, str(file)) from None
    raise IdentityError(
        f"{file} cannot be opened: its password is wrong, or it is damaged or of a kind that is not supported.",
        "Check the password. A GOST key (the NCA names such files GOST...) could not be used in any case.",
    )


def _elements(data: bytes) -> tuple[asn1.Element, ...] | None:
    try:
        elements = asn1.parse(data)
    except ValueError:
        return None
    return elements if elements and elements[0].tag == asn1.SEQUENCE else None


def _unsupported_key(elements: tuple[asn1.Element, ...], password: bytes | None) -> str | None:
    """What kind of key this password opens, if it is one that cryptography does not know."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    for bag in _shrouded(elements) if password else ():
        try:
            load_der_private_key(bag, password)
        except UnsupportedAlgorithm as e:
            return str(e)
        except (ValueError, TypeError):
            continue
    return None


def _shrouded(elements: tuple[asn1.Element, ...], depth: int = 0) -> Iterator[bytes]:
    """Encrypted keys (RFC 5958) in a PKCS #12 file, wherever they are not themselves in something encrypted."""
    for element in elements:
        match element.children:
            case (asn1.Element(tag=asn1.OID, content=kind), asn1.Element(children=(bag,)), *_) if (
                kind == _SHROUDED_KEY
            ):
                yield bag.raw
            case children:
                yield from _shrouded(children, depth)
        if element.tag == asn1.OCTETS and depth < _DEPTH:
            yield from _shrouded(_elements(element.content) or (), depth + 1)


def _unsupported(why: str, what: str) -> IdentityError:
    if gost := GOST.search(why):
        return IdentityError(f"{what} holds a GOST key ({gost[0]}): {NO_GOST[0]}", NO_GOST[1])
    return IdentityError(
        f"{what} holds a key of a kind that C2PA does not allow ({why}).",
        "Use P-256, P-384, P-521, Ed25519, or RSA of at least 2048 bits.",
    )


def _about(file: Path, error: IdentityError) -> IdentityError:
    message = error.message if str(file) in error.message else f"{file}: {error.message}"
    return IdentityError(message, error.hint)
