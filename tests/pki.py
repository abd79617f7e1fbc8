"""A public key infrastructure for tests, made here: certificates as they should be, and each defect alone."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.x509.oid import NameOID

from labeler.signing import asn1

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
EMAIL, DOCUMENTS, CLAIMS = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1"
CLIENT, TIME, ANY = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.8", "2.5.29.37.0"
GOST_KEY, GOST_SIGNATURE = "1.2.398.3.10.1.1.2.2.2", "1.2.398.3.10.1.1.2.3.2"
ORG = ((NameOID.ORGANIZATION_NAME, "Qala Media"), (NameOID.COMMON_NAME, "Qala"))
KINDS: dict[str, Callable[[], Any]] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "ed448": ed448.Ed448PrivateKey.generate,
}


def key(kind: str = "es256", which: int = 0) -> Any:
    """A key of that kind; the same each time."""
    return _key(kind, which)


@functools.cache
def _key(kind: str, which: int) -> Any:
    return KINDS["ps256" if kind.startswith("ps") else kind]()


def name(parts: Sequence[tuple[x509.ObjectIdentifier, str]]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _hash(signing: Any) -> Any:
    return None if isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()


def certificate(
    public: Any,
    by: tuple[Any, x509.Name],
    subject: x509.Name,
    *,
    start: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + 300 * DAY,
    usage: str = "digital_signature",
    purposes: Sequence[str] = (EMAIL,),
    ca: bool | None = None,
    authority: bool = True,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    """Signed ``by`` (key, name); ``usage`` in words, "" for none."""
    bits = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    )
    words = dict.fromkeys((*bits, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1])
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    )
    if usage:
        builder = builder.add_extension(x509.KeyUsage(**words | dict.fromkeys(usage.split(), True)), True)
    if purposes:
        usages = x509.ExtendedKeyUsage([x509.ObjectIdentifier(p) for p in purposes])
        builder = builder.add_extension(usages, False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
    if authority:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by[0].public_key())
        builder = builder.add_extension(issuer, False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by[0], _hash(by[0]))


@dataclass(frozen=True)
class CA:
    """Who issues: a self-signed root, or below another."""

    key: Any
    certificate: x509.Certificate

    @property
    def by(self) -> tuple[Any, x509.Name]:
        return self.key, self.certificate.subject


@functools.cache
def ca(kind: str = "es256", below: CA | None = None, common: str = "Test CA", **over: Any) -> CA:
    mine, subject = key(kind, which=1 if below is None else 2), name([(NameOID.COMMON_NAME, common)])
    options = {
        "usage": "key_cert_sign crl_sign",
        "purposes": (),
        "ca": True,
        "authority": below is not None,
    } | over
    by = below.by if below else (mine, subject)
    return CA(mine, certificate(mine.public_key(), by, subject, **options))


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(ser.Encoding.PEM) for c in certificates)


def key_pem(private: Any, password: bytes | None = None) -> bytes:
    protection = ser.BestAvailableEncryption(password) if password else ser.NoEncryption()
    return bytes(private.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, protection))


def leaf(
    kind: str = "es256", issuer: CA | None = None, subject: Sequence[Any] = ORG, **over: Any
) -> x509.Certificate:
    return certificate(key(kind).public_key(), (issuer or ca()).by, name(subject), **over)


def write(folder: Path, kind: str = "es256", password: bytes | None = None, **over: Any) -> tuple[Path, Path]:
    """A chain and its key as PEM files."""
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(pem(leaf(kind, **over), ca().certificate))
    private.write_bytes(key_pem(key(kind), password))
    return chain, private


# ---- what cryptography does not write


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    length = (size.bit_length() + 7) // 8
    return bytes([tag, size] if size < 128 else [tag, 0x80 + length, *size.to_bytes(length)]) + body


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        out += bytes(reversed(groups))
    return tlv(6, bytes(out))


SEQ, OCT, INT, NULL = 0x30, 4, 2, tlv(5)
SHA1 = "1.3.14.3.2.26"
SHA224, SHA256, SHA384 = (f"2.16.840.1.101.3.4.2.{n}" for n in (4, 1, 2))
_RSA, _PSS, _MGF1, _SHA1_RSA = (f"1.2.840.113549.1.1.{n}" for n in (1, 10, 8, 5))


def pss(hashed: str, mask: str, salt: int) -> bytes:
    """An RSASSA-PSS algorithm identifier."""
    return tlv(
        SEQ,
        oid(_PSS),
        tlv(
            SEQ,
            tlv(0xA0, tlv(SEQ, oid(hashed))),
            tlv(0xA1, tlv(SEQ, oid(_MGF1), tlv(SEQ, oid(mask)))),
            tlv(0xA2, tlv(INT, bytes([salt]))),
        ),
    )


def edited(
    source: x509.Certificate,
    edit: Callable[[list[bytes]], None],
    algorithm: bytes,
    sign: Callable[[bytes], bytes],
) -> x509.Certificate:
    """The certificate with its fields edited and signed again."""
    fields = [c.raw for c in asn1.parse(source.tbs_certificate_bytes)[0].children]
    fields[2] = algorithm
    edit(fields)
    tbs = tlv(SEQ, *fields)
    return x509.load_der_x509_certificate(tlv(SEQ, tbs, algorithm, tlv(3, b"\0", sign(tbs))))


def _again(source: x509.Certificate, edit: Callable[[list[bytes]], None]) -> x509.Certificate:
    """Edited, by the usual CA."""
    algorithm = tlv(SEQ, oid("1.2.840.10045.4.3.2"))
    return edited(source, edit, algorithm, lambda tbs: ca().key.sign(tbs, ec.ECDSA(hashes.SHA256())))


def _rsa_signed(algorithm: bytes, scheme: Any, hashed: Any) -> tuple[x509.Certificate, x509.Certificate]:
    issuer = ca("ps256", common="RSA CA")
    made = edited(
        leaf(issuer=issuer), lambda f: None, algorithm, lambda tbs: issuer.key.sign(tbs, scheme, hashed)
    )
    return made, issuer.certificate


def pss_key(parameters: bytes | None) -> x509.Certificate:
    """A certificate whose RSA key is for RSASSA-PSS alone."""

    def edit(fields: list[bytes]) -> None:
        _, bits = asn1.parse(fields[6])[0].children
        fields[6] = tlv(SEQ, parameters or tlv(SEQ, oid(_PSS)), bits.raw)

    return _again(leaf("ps256"), edit)


def _without_extensions(fields: list[bytes]) -> None:
    del fields[7:], fields[0]


def gost_certificate() -> x509.Certificate:
    """As the NCA of Kazakhstan issues since 2022, but for its numbers."""

    def edit(fields: list[bytes]) -> None:
        kind = tlv(SEQ, oid(GOST_KEY), tlv(SEQ, oid("1.2.398.3.10.1.1.2.2.2.1")))
        fields[6] = tlv(SEQ, kind, tlv(3, b"\0", tlv(OCT, os.urandom(128))))

    return _again(leaf(subject=PERSON), edit)


def _gost_signed() -> x509.Certificate:
    return edited(leaf(), lambda f: None, tlv(SEQ, oid(GOST_SIGNATURE)), lambda tbs: os.urandom(128))


def _intermediate(**over: Any) -> tuple[x509.Certificate, ...]:
    middle = ca(below=ca(), common="Middle CA", **over)
    return leaf(issuer=middle), middle.certificate, ca().certificate


DEFECTIVE: dict[str, Callable[[], tuple[x509.Certificate, ...]]] = {
    "version": lambda: (_again(leaf(), _without_extensions),),
    "unique-id": lambda: (_again(leaf(), lambda f: f.insert(7, tlv(0x82, b"\0\1"))),),
    "key.kind": lambda: (leaf("ed448"),),
    "key.curve": lambda: (leaf("secp256k1"),),
    "key.size": lambda: (leaf("rsa1024"),),
    "key.parameters": lambda: (pss_key(pss(SHA224, SHA224, 28)),),
    "key.gost": lambda: (gost_certificate(),),
    "signature.gost": lambda: (_gost_signed(),),
    "signature.algorithm": lambda: _rsa_signed(
        tlv(SEQ, oid(_SHA1_RSA), NULL), padding.PKCS1v15(), hashes.SHA1()
    ),
    "signature.parameters": lambda: _rsa_signed(
        pss(SHA256, SHA384, 32), padding.PSS(padding.MGF1(hashes.SHA384()), 32), hashes.SHA256()
    ),
    "usage.absent": lambda: (leaf(usage=""),),
    "usage.signature": lambda: (leaf(usage="content_commitment key_encipherment"),),
    "usage.certificates": lambda: (leaf(usage="digital_signature key_cert_sign"),),
    "purpose.absent": lambda: (leaf(purposes=()),),
    "purpose.any": lambda: (leaf(purposes=(EMAIL, ANY)),),
    "purpose.unsuitable": lambda: (leaf(purposes=(CLIENT,)),),
    "purpose.mixed": lambda: (leaf(purposes=(EMAIL, TIME)),),
    "authority-key": lambda: (leaf(authority=False),),
    "ca": lambda: (leaf(ca=True, usage="digital_signature key_cert_sign"),),
    "self-signed": lambda: (certificate(key().public_key(), (key(), name(ORG)), name(ORG)),),
    "extension.critical": lambda: (
        leaf(extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), NULL), True)]),
    ),
    "extension.malformed": lambda: (
        leaf(
            purposes=(), extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.37"), NULL), False)]
        ),
    ),
    "validity.expired": lambda: (leaf(start=NOW - 9 * DAY, end=NOW - DAY),),
    "validity.not-yet": lambda: (leaf(start=NOW + DAY),),
    "chain.order": lambda: (ca().certificate, leaf()),
    "chain.broken": lambda: (leaf(), ca(common="Stranger").certificate),
    "chain.issuer": lambda: _intermediate(ca=False, usage="digital_signature", purposes=(EMAIL,)),
}


# ---- lookalikes of Kazakhstan's NCA

PERSON = (
    (NameOID.COMMON_NAME, "ТЕСТОВ ТЕСТ"),
    (NameOID.SURNAME, "ТЕСТОВ"),
    (NameOID.SERIAL_NUMBER, "IIN123456789011"),
    (NameOID.COUNTRY_NAME, "KZ"),
    (NameOID.GIVEN_NAME, "ТЕСТОВИЧ"),
)
FIRM = (
    *PERSON,
    (NameOID.ORGANIZATION_NAME, 'АО "ТЕСТ"'),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "BIN123456789021"),
)


def nca(subject: Sequence[Any] = FIRM) -> tuple[x509.Certificate, x509.Certificate]:
    """An RSA signing certificate as the NCA issues, and its CA."""
    issuer = ca("ps256", common="ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (RSA)")
    usage = "digital_signature content_commitment"
    return leaf(
        "ps256", issuer, subject, usage=usage, purposes=(EMAIL, "1.2.398.3.3.4.1.1")
    ), issuer.certificate


# ---- PKCS #12 with what cryptography does not put into it


def gost_key() -> bytes:
    """A private key (PKCS #8) that nothing here can read."""
    kind = tlv(SEQ, oid(GOST_KEY), tlv(SEQ, oid("1.2.398.3.10.1.1.2.2.2.1")))
    return tlv(SEQ, tlv(INT, b"\0"), kind, tlv(OCT, tlv(OCT, os.urandom(64))))


def p12(
    password: str, private: bytes, certificates: Sequence[x509.Certificate], *, pieces: bool = False
) -> bytes:
    """A PKCS #12 file as Java writes them (RFC 7292): SHA-1 and triple DES; in ``pieces``: BER without lengths."""
    salt = os.urandom(8)
    pad = 8 - len(private) % 8
    cipher = Cipher(TripleDES(_kdf(password, salt, 1, 24)), modes.CBC(_kdf(password, salt, 2, 8))).encryptor()
    hidden = cipher.update(private + bytes([pad]) * pad) + cipher.finalize()
    parameters = tlv(SEQ, tlv(OCT, salt), tlv(INT, (2048).to_bytes(2)))
    bag_types = "1.2.840.113549.1.12.10.1"
    shrouded = tlv(SEQ, tlv(SEQ, oid("1.2.840.113549.1.12.1.3"), parameters), tlv(OCT, hidden))
    keys = tlv(SEQ, tlv(SEQ, oid(f"{bag_types}.2"), tlv(0xA0, shrouded)))
    bags = [
        tlv(SEQ, oid("1.2.840.113549.1.9.22.1"), tlv(0xA0, tlv(OCT, c.public_bytes(ser.Encoding.DER))))
        for c in certificates
    ]
    others = tlv(SEQ, *(tlv(SEQ, oid(f"{bag_types}.3"), tlv(0xA0, bag)) for bag in bags))
    safe = tlv(SEQ, _data(others, pieces), _data(keys, pieces))
    mac = hmac.new(_kdf(password, salt, 3, 20), safe, "sha1").digest()
    digest = tlv(SEQ, tlv(SEQ, oid(SHA1), NULL), tlv(OCT, mac))
    tail = tlv(SEQ, digest, tlv(OCT, salt), tlv(INT, (2048).to_bytes(2)))
    return tlv(SEQ, tlv(INT, b"\3"), _data(safe, pieces), tail)


def _data(content: bytes, pieces: bool) -> bytes:
    kind = oid("1.2.840.113549.1.7.1")
    if not pieces:
        return tlv(SEQ, kind, tlv(0xA0, tlv(OCT, content)))
    parts = b"".join(tlv(OCT, content[n : n + 100]) for n in range(0, len(content), 100))
    return b"\x30\x80" + kind + b"\xa0\x80\x24\x80" + parts + bytes(6)


def _kdf(password: str, salt: bytes, use: int, size: int) -> bytes:
    """RFC 7292, appendix B, over SHA-1."""
    block, text = 64, password.encode("utf-16-be") + b"\0\0"
    filled = b"".join((x * block)[: block * -(-len(x) // block)] for x in (salt, text))
    out = b""
    while len(out) < size:
        digest = hashlib.sha1(bytes([use]) * block + filled).digest()
        for _ in range(2047):
            digest = hashlib.sha1(digest).digest()
        out += digest
        step = int.from_bytes((digest * block)[:block]) + 1
        rows = [filled[n : n + block] for n in range(0, len(filled), block)]
        filled = b"".join(((int.from_bytes(row) + step) % (1 << 8 * block)).to_bytes(block) for row in rows)
    return out[:size]
