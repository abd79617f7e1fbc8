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
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pki import DAY, INT, KINDS, NOW, NULL, OCT, SEQ, SHA256, certificate, key_pem, name, oid, pem, tlv

from labeler.signing import asn1
from labeler.signing.identity import Identity
from labeler.signing.signers import KeySigner


@dataclass(frozen=True)
class Issuer:
    """A root, or whoever stands below it; each has a key of its own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return pem(self.certificate)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.pem)
        return path


def _name(common: str) -> x509.Name:
    return name(((NameOID.ORGANIZATION_NAME, common), (NameOID.COMMON_NAME, common)))


def root(common: str = "Test Root") -> Issuer:
    key, subject = KINDS["es256"](), _name(common)
    usage = "key_cert_sign crl_sign"
    made = certificate(
        key.public_key(), (key, subject), subject, start=NOW - 3650 * DAY, usage=usage, purposes=(), ca=True
    )
    return Issuer(made, key)


def leaf(
    issuer: Issuer,
    common: str,
    usages: list[x509.ObjectIdentifier],
    *,
    start: dt.datetime = NOW - 30 * DAY,
    end: dt.datetime = NOW + 30 * DAY,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> Issuer:
    key = KINDS["es256"]()
    made = certificate(
        key.public_key(),
        (issuer.key, issuer.certificate.subject),
        _name(common),
        start=start,
        end=end,
        purposes=(),
        ca=False,
        extra=[
            # for time-stamping: critical, and alone (RFC 3161, 2.3)
            (x509.ExtendedKeyUsage(usages), usages == [ExtendedKeyUsageOID.TIME_STAMPING]),
            *((e, False) for e in extensions),
        ],
    )
    return Issuer(made, key)


def signer(issuer: Issuer, name: str = "Example Studio", **more: Any) -> Identity:
    """An identity that this root vouches for; ``more`` as in `leaf`."""
    made = leaf(issuer, name, [ExtendedKeyUsageOID.EMAIL_PROTECTION], **more)
    return Identity(name, KeySigner(made.pem + issuer.pem, "es256", key_pem(made.key)))


def stamper(issuer: Issuer, name: str = "Test Clock", **more: Any) -> Issuer:
    return leaf(issuer, name, [ExtendedKeyUsageOID.TIME_STAMPING], **more)


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


def seq(*parts: bytes) -> bytes:
    return tlv(SEQ, *parts)


def integer(value: int) -> bytes:
    return tlv(INT, value.to_bytes(value.bit_length() // 8 + 1, "big"))


_SHA256 = seq(oid(SHA256), NULL)
_TST_INFO, _SIGNED_DATA = oid("1.2.840.113549.1.9.16.1.4"), oid("1.2.840.113549.1.7.2")


def _attribute(kind: str, value: bytes) -> bytes:
    return seq(oid(kind), tlv(0x31, value))


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
    asked = asn1.parse(query)[0].children
    imprint, nonce = asked[1].raw, next(e for e in asked[2:] if e.tag == INT)
    reflected = nonce.raw
    if change_imprint:
        imprint = imprint[:-1] + bytes((imprint[-1] ^ 1,))
    if change_nonce:
        reflected = integer(int.from_bytes(nonce.content, "big") ^ 2)
    info = seq(
        integer(1),
        oid("1.2.3.4.1"),
        imprint,
        integer(int.from_bytes(os.urandom(8), "big")),
        tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
        reflected,
    )
    encoded = authority.certificate.public_bytes(ser.Encoding.DER)
    attributes = sorted(
        (
            _attribute("1.2.840.113549.1.9.3", _TST_INFO),
            _attribute("1.2.840.113549.1.9.4", tlv(OCT, hashlib.sha256(info).digest())),
            _attribute(
                "1.2.840.113549.1.9.16.2.47", seq(seq(seq(tlv(OCT, hashlib.sha256(encoded).digest()))))
            ),
        )
    )
    signed = tlv(0x31, *attributes)
    signature = authority.key.sign(signed + b"!" * spoil_signature, ec.ECDSA(hashes.SHA256()))
    signer_info = seq(
        integer(1),
        seq(authority.certificate.issuer.public_bytes(), integer(authority.certificate.serial_number)),
        _SHA256,
        tlv(0xA0, *attributes),
        seq(oid("1.2.840.10045.4.3.2")),
        tlv(OCT, signature),
    )
    data = seq(
        integer(3),
        tlv(0x31, _SHA256),
        seq(_TST_INFO, tlv(0xA0, tlv(OCT, info))),
        tlv(0xA0, encoded, *chain),
        tlv(0x31, signer_info),
    )
    return seq(seq(integer(0)), seq(_SIGNED_DATA, tlv(0xA0, data)))


REJECTED = seq(seq(integer(2), seq(tlv(0x0C, b"not today")), tlv(0x03, b"\x00\x00\x00\x01")))


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
    for header, value in {"Content-Type": "application/timestamp-reply", **headers}.items():
        handler.send_header(header.replace("_", "-"), value)
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
    (folder / "web.pem").write_bytes(key_pem(made.key) + made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "web.pem")
    return issuer.save(folder / "web-root.pem"), context
