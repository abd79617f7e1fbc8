"""What makes a signature: a key in memory, a command of the user's; a token is in `labeler.signing.pkcs11`.

Algorithms: C2PA 2.4, 13.2. Forms of signatures: COSE (RFC 9053 for ECDSA and Ed25519, RFC 8230 for RSASSA-PSS).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from labeler.errors import IdentityError
from labeler.signing import asn1
from labeler.signing import chain as chains

if TYPE_CHECKING:
    import io

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
RSA = ("ps256", "ps384", "ps512")
ALGORITHMS = (*CURVES.values(), *RSA, "ed25519")
TIMEOUT = 60.0  # seconds
_MOST = 65536  # bytes of a command's output that are looked at
_RSASSA_PSS = bytes.fromhex("2a864886f70d01010a")  # 1.2.840.113549.1.1.10


class Signer(Protocol):
    """Signs with one key. ``str()`` of it says which, for errors; its ``repr`` holds no secret."""

    @property
    def chain(self) -> bytes:
        """PEM, the signer's own certificate first."""

    @property
    def algorithm(self) -> str:
        """One of `ALGORITHMS`."""

    def sign(self, data: bytes) -> bytes:
        """A raw signature over ``data`` (not over its digest); ECDSA as DER or as r and s.

        Raises:
            IdentityError: there is none.
        """


def algorithms(certificate: x509.Certificate) -> tuple[str, ...]:
    """The C2PA algorithms that the certificate's key can sign with, the usual one first; none for other keys."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        match certificate.public_key():
            case ec.EllipticCurvePublicKey(curve=curve) if curve.name in CURVES:
                return (CURVES[curve.name],)
            case rsa.RSAPublicKey():
                return _rsa(certificate)
            case ed25519.Ed25519PublicKey():
                return ("ed25519",)
    except (UnsupportedAlgorithm, ValueError):
        pass
    return ()


def _rsa(certificate: x509.Certificate) -> tuple[str, ...]:
    """A key for RSASSA-PSS alone may be bound to one hash (RFC 4055, 3.1)."""
    kind = asn1.parse(certificate.tbs_certificate_bytes)[0].children[6].children[0]
    if kind.children[0].content != _RSASSA_PSS or len(kind.children) == 1:
        return RSA
    hashed, mask = chains.pss_hashes(kind)
    return (f"ps{hashed}",) if hashed and hashed == mask else ()


def algorithm(chain: bytes, wanted: str | None = None) -> str:
    """The algorithm to sign with: ``wanted``, else the usual one of the key.

    Raises:
        IdentityError: the key cannot sign so.
    """
    possible = algorithms(chains.certificates(chain)[0])
    if wanted and possible and wanted not in possible:
        raise IdentityError(
            f"The certificate's key cannot sign with {wanted}.", f"Choose from {', '.join(possible)}."
        )
    return wanted or (possible[0] if possible else "")


@dataclass(frozen=True)
class KeySigner:
    """A key in memory, as unencrypted PEM (PKCS #8)."""

    chain: bytes
    algorithm: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return "the key"

    def sign(self, data: bytes) -> bytes:
        """See `Signer`."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        match load_pem_private_key(self.key, None):
            case ec.EllipticCurvePrivateKey() as key:
                return key.sign(data, ec.ECDSA(hash_of(self.algorithm)))
            case rsa.RSAPrivateKey() as key:
                hashed = hash_of(self.algorithm)
                return key.sign(data, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
            case ed25519.Ed25519PrivateKey() as key:
                return key.sign(data)
        raise IdentityError("The key is of a kind that C2PA does not allow.", "See `label identity check`.")


@dataclass(frozen=True)
class CommandSigner:
    """A command that reads the bytes and writes the signature, raw or as base64: for HSMs and cloud KMS.

    It is run without a shell, finds the algorithm's name in ``LABEL_ALGORITHM``, and never sees ``LABEL_PASSWORD``.
    """

    chain: bytes
    algorithm: str
    command: tuple[str, ...]
    timeout: float = TIMEOUT  # seconds

    def __str__(self) -> str:
        return f"the signer command {Path(self.command[0]).name!r}"

    def sign(self, data: bytes) -> bytes:
        """See `Signer`."""
        code, out, err = self._run(data)
        if code:
            end = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise IdentityError(f"{titled(self)} {end}{_said(err)}", "Run it by hand with a small file.")
        if not out:
            raise IdentityError(f"{titled(self)} wrote no signature{_said(err)}", _CONTRACT)
        return out

    def _run(self, data: bytes) -> tuple[int, bytes, bytes]:
        environment = {k: v for k, v in os.environ.items() if k != "LABEL_PASSWORD"}
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment | {"LABEL_ALGORITHM": self.algorithm},
                start_new_session=True,  # a group of its own, so that what it starts ends with it
            )
        except OSError as e:
            raise IdentityError(
                f"{titled(self)} cannot be run ({e.strerror}).", "Check its path and permissions."
            ) from e
        assert process.stdin and process.stdout and process.stderr
        out, err = bytearray(), bytearray()
        helpers = [
            threading.Thread(target=_feed, args=(process.stdin, data), daemon=True),
            threading.Thread(target=_drain, args=(process.stdout, out), daemon=True),
            threading.Thread(target=_drain, args=(process.stderr, err), daemon=True),
        ]
        try:
            for helper in helpers:
                helper.start()
            code = process.wait(self.timeout)
            for helper in helpers:
                helper.join(1)  # what it started may still hold its output open
        except subprocess.TimeoutExpired as e:
            raise IdentityError(
                f"{titled(self)} did not end within {self.timeout:g} seconds{_said(bytes(err))}",
                "Check its connection, or raise --signer-timeout.",
            ) from e
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return code, bytes(out), bytes(err)


_CONTRACT = (
    "It gets the bytes to be signed on standard input (not a digest) and writes the signature to standard output, "
    "raw or as base64."
)


def command(text: str) -> tuple[str, ...]:
    """A command line as its words, the program by its full path: no shell, and nothing that depends on the folder.

    Raises:
        IdentityError: it is empty, its quotes do not close, or there is no such program.
    """
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise IdentityError(f"The signer command cannot be read ({e}).", "Check its quotes.") from e
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise IdentityError(
            f"There is no program {words[0]!r}." if words else "The signer command is empty.",
            "Give the command's full path; it is run without a shell.",
        )
    if not os.path.isabs(program):
        if os.sep not in words[0]:
            raise IdentityError(
                f"{words[0]!r} would be run from the working directory.", "Give its full path."
            )
        program = os.path.abspath(program)
    return (program, *words[1:])


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:  # it may end without reading
        pipe.write(data)


def _drain(pipe: IO[bytes], into: bytearray) -> None:
    """All of it, keeping what is looked at, so that the command can end."""
    with contextlib.suppress(OSError, ValueError), pipe:
        while part := cast("io.BufferedReader", pipe).read1(_MOST):
            into += part[: _MOST - len(into)]


def _said(err: bytes) -> str:
    """The end of what a command wrote to its standard error."""
    text = " ".join("".join(c if c.isprintable() else " " for c in err.decode("utf-8", "replace")).split())
    return f"; it said: {text[-500:]!r}." if text else "."


def titled(signer: Signer) -> str:
    """Its name at the beginning of a sentence."""
    text = str(signer)
    return text[:1].upper() + text[1:]


def hash_of(algorithm: str) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """The hash of an ECDSA or RSASSA-PSS algorithm."""
    from cryptography.hazmat.primitives import hashes

    match algorithm[-3:]:
        case "256":
            return hashes.SHA256()
        case "384":
            return hashes.SHA384()
    return hashes.SHA512()
