"""Signing identities: a key, its certificate chain, and where they are kept.

Certificate profile: C2PA 2.4, section 14 (leaf with digitalSignature, an accepted EKU and an authority key id).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labeler.errors import IdentityError

if TYPE_CHECKING:
    from cryptography import x509

DEFAULT = "default"
_CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"
_YEARS = dt.timedelta(days=3652)
_NOBODY = "Tanba local identity"  # no certificate of ours claims a publisher that nobody checked
_NAME = re.compile(r"[\w][\w .-]{0,63}", re.UNICODE)


@dataclass(frozen=True)
class Identity:
    """Who signs: a PEM chain (leaf first) and a PEM key. ``local`` = made by us; nobody else trusts it."""

    name: str
    chain: bytes
    key: bytes
    local: bool = False

    @property
    def algorithm(self) -> str:
        """The C2PA name, e.g. ``es256``.

        Raises:
            IdentityError: the key is of a kind that C2PA does not allow, or does not fit the certificate.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key, None)
            fits = key.public_key() == self.certificates[0].public_key()
        except (ValueError, TypeError) as e:
            raise IdentityError(
                f"The key of identity {self.name!r} cannot be read ({e}).", "Give an unencrypted PEM key."
            ) from e
        if not fits:
            raise IdentityError(
                f"The key of identity {self.name!r} does not belong to its first certificate.",
                "Put the signer's own certificate first in the chain.",
            )
        match key:
            case ec.EllipticCurvePrivateKey(curve=curve) if curve.name in _CURVES:
                return _CURVES[curve.name]
            case rsa.RSAPrivateKey(key_size=size) if size >= 2048:
                return "ps256"
            case ed25519.Ed25519PrivateKey():
                return "ed25519"
        raise IdentityError(
            f"The key of identity {self.name!r} is of a kind that C2PA does not allow.",
            "Use P-256, P-384, P-521, Ed25519, or RSA of at least 2048 bits.",
        )

    @property
    def certificates(self) -> list[x509.Certificate]:
        """Leaf first.

        Raises:
            IdentityError: the chain cannot be read.
        """
        from cryptography import x509

        try:
            return x509.load_pem_x509_certificates(self.chain)
        except ValueError as e:
            raise IdentityError(
                f"The certificates of identity {self.name!r} cannot be read ({e}).", "Give a PEM chain."
            ) from e

    @property
    def anchor(self) -> bytes:
        """The last certificate of the chain as PEM: what others add to their trusted anchors."""
        return self.chain[self.chain.rindex(b"-----BEGIN ") :]


_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def data_dir() -> Path:
    """Where identities live: ``LABEL_DATA_DIR``, else the user's data directory."""
    if chosen := os.environ.get("LABEL_DATA_DIR"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("tanba", appauthor=False))


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise IdentityError(
            f"{name!r} is no name for an identity.", "Use letters, digits, spaces, dots and hyphens."
        )
    return data_dir() / "identities" / name


def names() -> list[str]:
    """Of all identities kept here."""
    try:
        return sorted(n for n in os.listdir(data_dir() / "identities") if _NAME.fullmatch(n))
    except OSError:
        return []


def anchors() -> bytes:
    """The anchors of all identities kept here, PEM; no key is read."""
    out = b""
    for name in names():
        with contextlib.suppress(OSError, ValueError):
            chain = (_folder(name) / "chain.pem").read_bytes()
            out += chain[chain.rindex(b"-----BEGIN ") :]
    return out


def load(name: str) -> Identity:
    """An identity kept here.

    Raises:
        IdentityError: there is none of that name, or it cannot be read.
    """
    folder = _folder(name)
    try:
        return Identity(
            name, (folder / "chain.pem").read_bytes(), (folder / "key.pem").read_bytes(), local=True
        )
    except FileNotFoundError as e:
        raise IdentityError(
            f"There is no identity {name!r}.",
            "See `label identity list`, or make it with `label identity create`.",
        ) from e
    except OSError as e:
        raise IdentityError(
            f"The identity {name!r} cannot be read ({e.strerror}).", "Check its permissions."
        ) from e


def from_files(chain: Path, key: Path) -> Identity:
    """An identity that somebody else issued, as PEM files.

    Raises:
        IdentityError: a file cannot be read, or key and certificate do not fit.
    """
    try:
        identity = Identity(chain.name, chain.read_bytes(), key.read_bytes())
    except OSError as e:
        raise IdentityError(
            f"{e.filename} cannot be read ({e.strerror}).", "Check path and permissions."
        ) from e
    _ = identity.algorithm
    return identity


def ensure(name: str = DEFAULT, *, keep: bool = True) -> Identity:
    """The identity of that name; the default one is made on first use (for this once only, unless ``keep``).

    Raises:
        IdentityError: it does not exist and is not the default one, or it cannot be written.
    """
    if name != DEFAULT or (_folder(name) / "key.pem").exists():
        return load(name)
    return create(name, exist_ok=True) if keep else _make(name, _NOBODY)


def create(name: str, organisation: str = "", *, exist_ok: bool = False) -> Identity:
    """Make and keep a local identity; safe when several processes do it at once.

    Raises:
        IdentityError: it exists already (unless ``exist_ok``), or the data directory cannot be written.
    """
    folder = _folder(name)
    identity = _make(name, organisation or _NOBODY)
    scratch: str | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = tempfile.mkdtemp(prefix=".new-", dir=folder.parent)
        _write(Path(scratch, "chain.pem"), identity.chain)
        _write(Path(scratch, "key.pem"), identity.key)
        os.rename(scratch, folder)  # fails when the folder is there: the first one wins
    except OSError as e:
        if folder.is_dir():
            if exist_ok:
                return load(name)
            raise IdentityError(f"The identity {name!r} exists already.", "Choose another name.") from e
        raise IdentityError(
            f"The identity {name!r} cannot be kept in {folder.parent} ({e.strerror}).",
            "Set LABEL_DATA_DIR to a folder that can be written, or sign with --cert and --key.",
        ) from e
    finally:
        if scratch:
            with contextlib.suppress(OSError):
                shutil.rmtree(scratch)
    return identity


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


def _make(name: str, organisation: str) -> Identity:
    """A throw-away root signs one leaf and is forgotten: nothing else can ever be issued under it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as ser
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)  # clocks of others may be behind

    def subject(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
                x509.NameAttribute(NameOID.COMMON_NAME, common[:64]),
            ]
        )

    def certificate(
        common: str,
        key: ec.EllipticCurvePrivateKey,
        extra: list[tuple[x509.ExtensionType, bool]],
        sign_bit: bool,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(common))
            .issuer_name(subject(f"{name} (local root)"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + _YEARS)
            .add_extension(
                x509.KeyUsage(sign_bit, False, False, False, False, not sign_bit, not sign_bit, False, False),
                True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        for extension, critical in extra:
            builder = builder.add_extension(extension, critical)
        return builder.sign(root_key, hashes.SHA256())

    root = certificate(f"{name} (local root)", root_key, [(x509.BasicConstraints(True, 0), True)], False)
    usages = [ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier(_CLAIM_SIGNING)]
    leaf = certificate(
        f"{name} (local)",
        leaf_key,
        [
            (x509.BasicConstraints(False, None), True),
            (x509.ExtendedKeyUsage(usages), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False),
        ],
        True,
    )
    pem = b"".join(c.public_bytes(ser.Encoding.PEM) for c in (leaf, root))
    key = leaf_key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    return Identity(name, pem, key, local=True)
