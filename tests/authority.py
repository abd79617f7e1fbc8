"""Certificate authorities, signers and an RFC 3161 time-stamp authority, all made by code; the servers on the loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import ipaddress
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labeler.signing.identity import Identity
from labeler.signing.signers import KeySigner

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issuer:
    """A root, or whoever issues below it."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(ser.Encoding.PEM)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.pem)
        return path


def root(
    name: str = "Test Root", *, start: dt.datetime = NOW - 3650 * DAY, end: dt.datetime = NOW + 3650 * DAY
) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    built = (
        _builder(subject, subject, key, start, end)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(usage, True)
    )
    return Issuer(built.sign(key, hashes.SHA256()), key)


def leaf(
    issuer: Issuer,
    name: str,
    usages: list[x509.ObjectIdentifier],
    *,
    start: dt.datetime = NOW - 30 * DAY,
    end: dt.datetime = NOW + 30 * DAY,
    extensions: tuple[x509.ExtensionType, ...] = (),
    key: Key | None = None,
) -> Issuer:
    key = key or ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    built = (
        _builder(_name(name), issuer.certificate.subject, key, start, end)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage, True)
        # RFC 3161, 2.3: critical, and alone
        .add_extension(x509.ExtendedKeyUsage(usages), usages == [ExtendedKeyUsageOID.TIME_STAMPING])
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    )
    for extension in extensions:
        built = built.add_extension(extension, False)
    return Issuer(built.sign(issuer.key, hashes.SHA256()), key)


def signer(issuer: Issuer, name: str = "Example Studio", **more: Any) -> Identity:
    """An identity that this root vouches for; ``more`` as in `leaf`."""
    made = leaf(issuer, name, [ExtendedKeyUsageOID.EMAIL_PROTECTION], **more)
    key = made.key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    return Identity(name, KeySigner(made.pem + issuer.pem, "es256", key))


def stamper(issuer: Issuer, name: str = "Test Clock", **more: Any) -> Issuer:
    return leaf(issuer, name, [ExtendedKeyUsageOID.TIME_STAMPING], **more)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, common),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def status(issuer: Issuer, responder: Issuer, certificate: x509.Certificate, revoked: bool) -> bytes:
    """An OCSP response (RFC 6960)."""
    built = ocsp.OCSPResponseBuilder().add_response(
        certificate,
        issuer.certificate,
        hashes.SHA1(),
        ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        NOW - DAY,
        NOW + DAY,
        NOW - 2 * DAY if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None,
    )
    built = built.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
    signed = built.certificates([responder.certificate]).sign(responder.key, hashes.SHA256())
    return signed.public_bytes(ser.Encoding.DER)


# ---- RFC 3161, in DER


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


def seq(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray([first * 40 + second])
    for arc in rest:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | (arc & 0x7F))
        out += bytes(reversed(septets))
    return der(0x06, bytes(out))


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of a DER body, as tag and whole encoding."""
    out, at = [], 0
    while at < len(data):
        head, size = 2, data[at + 1]
        if size & 0x80:
            head, size = 2 + (size & 0x7F), int.from_bytes(data[at + 2 : at + 2 + (size & 0x7F)], "big")
        out.append((data[at], data[at : at + head + size]))
        at += head + size
    return out


def body(encoded: bytes) -> bytes:
    size = encoded[1]
    return encoded[2 + (size & 0x7F if size & 0x80 else 0) :]


_SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"), der(0x05))
_TST_INFO, _SIGNED_DATA = oid("1.2.840.113549.1.9.16.1.4"), oid("1.2.840.113549.1.7.2")


def _attribute(kind: str, value: bytes) -> bytes:
    return seq(oid(kind), der(0x31, value))


def answer(
    query: bytes,
    authority: Issuer,
    *,
    at: dt.datetime = NOW,
    chain: tuple[bytes, ...] = (),
    change_imprint: bool = False,
    change_nonce: bool = False,
    spoil_signature: bool = False,
) -> bytes:
    """A TimeStampResp (RFC 3161, 2.4.2) with a token over CMS SignedData (RFC 5652) and ESSCertIDv2 (RFC 5816)."""
    asked = elements(body(query))
    imprint, nonce = asked[1][1], next((e for tag, e in asked[2:] if tag == 0x02), b"")
    if change_imprint:
        imprint = imprint[:-1] + bytes((imprint[-1] ^ 1,))
    if change_nonce:
        nonce = integer(int.from_bytes(body(nonce), "big") ^ 2)
    info = seq(
        integer(1),
        oid("1.2.3.4.1"),
        imprint,
        integer(int.from_bytes(os.urandom(8), "big")),
        der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
        nonce,
    )
    certificate = authority.certificate
    encoded = certificate.public_bytes(ser.Encoding.DER)
    attributes = sorted(
        (
            _attribute("1.2.840.113549.1.9.3", _TST_INFO),
            _attribute("1.2.840.113549.1.9.4", der(0x04, hashlib.sha256(info).digest())),
            _attribute(
                "1.2.840.113549.1.9.16.2.47", seq(seq(seq(der(0x04, hashlib.sha256(encoded).digest()))))
            ),
        )
    )
    signed = der(0x31, *attributes)
    key = authority.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    if spoil_signature:
        signature = key.sign(signed + b"!", ec.ECDSA(hashes.SHA256()))
    signer_info = seq(
        integer(1),
        seq(certificate.issuer.public_bytes(), integer(certificate.serial_number)),
        _SHA256,
        der(0xA0, *attributes),
        seq(oid("1.2.840.10045.4.3.2")),
        der(0x04, signature),
    )
    data = seq(
        integer(3),
        der(0x31, _SHA256),
        seq(_TST_INFO, der(0xA0, der(0x04, info))),
        der(0xA0, encoded, *chain),
        der(0x31, signer_info),
    )
    return seq(seq(integer(0)), seq(_SIGNED_DATA, der(0xA0, data)))


REJECTED = seq(seq(integer(2), seq(der(0x0C, b"not today")), der(0x03, b"\x00\x00\x00\x01")))


# ---- servers


class Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@dataclass
class Web:
    """A server on the loopback: what it was asked, and where it is."""

    url: str = ""
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)


Reply = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextlib.contextmanager
def serve(reply: Reply, *, context: ssl.SSLContext | None = None) -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            web.asked.append((self.command, self.path, asked))
            with contextlib.suppress(OSError):
                reply(self, asked)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        scheme = "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        web.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield web
        finally:
            server.shutdown()


def send(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/timestamp-reply", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


@contextlib.contextmanager
def clock(authority: Issuer, *, at: dt.datetime | None = None, **lies: bool) -> Iterator[Web]:
    """A time-stamp authority that says it is ``at``; ``lies`` as in `answer`."""
    with serve(lambda h, q: send(h, answer(q, authority, at=at or dt.datetime.now(dt.UTC), **lies))) as web:
        yield web


def hang(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    time.sleep(5)


def drip(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    """One byte at a time, each within any time limit on a single read."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"0")
        handler.wfile.flush()
        time.sleep(0.05)


def tls(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A server's context for 127.0.0.1, and the root that vouches for it."""
    issuer = root("Web Root")
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = leaf(issuer, "Web", [ExtendedKeyUsageOID.SERVER_AUTH], extensions=(names,))
    private = made.key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    (folder / "web.pem").write_bytes(private + made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "web.pem")
    return issuer.save(folder / "web-root.pem"), context
