"""Signed PDFs for tests, made and judged by pyHanko: PAdES approvals, and certifications that allow less or more."""

from __future__ import annotations

import datetime
import functools
import io
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@functools.cache
def _signer() -> Any:
    from asn1crypto import keys
    from asn1crypto import x509 as asn1_x509
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test signer")])
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        (
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = serialization.Encoding.DER
    plain = key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    cert = asn1_x509.Certificate.load(made.public_bytes(der))
    return signers.SimpleSigner(
        signing_cert=cert,
        signing_key=keys.PrivateKeyInfo.load(plain),
        cert_registry=SimpleCertificateStore.from_certs([cert]),
    )


def signed(data: bytes, *, certify: int = 0) -> bytes:
    """With a PAdES signature; ``certify``: 1 to 3, what DocMDP allows afterwards (ISO 32000-2, 12.8.2.2)."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    options: dict[str, Any] = (
        {"certify": True, "docmdp_permissions": fields.MDPPerm(certify)} if certify else {}
    )
    meta = signers.PdfSignatureMetadata(
        field_name="Signature1", subfilter=fields.SigSeedSubFilter.PADES, **options
    )
    out = io.BytesIO()
    signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), meta, signer=_signer(), output=out)
    return out.getvalue()


def judged(data: bytes) -> Any:
    """pyHanko's verdict on the only signature: ``intact``, ``valid``, ``docmdp_ok``, ``coverage`` …"""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    (signature,) = PdfFileReader(io.BytesIO(data)).embedded_signatures
    context = ValidationContext(trust_roots=[_signer().signing_cert])
    return validate_pdf_signature(signature, signer_validation_context=context)
