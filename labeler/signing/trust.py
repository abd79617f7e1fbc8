"""Trust anchors: whom the verifier believes to be who they say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labeler.errors import ConfigError
from labeler.signing import identity

OWN = "own identities"
Anchors = tuple[tuple[str, bytes], ...]  # lists by name, PEM


def own_anchors() -> Anchors:
    """The list of the identities kept on this machine."""
    pem = identity.anchors()
    return ((OWN, pem),) if pem else ()


def from_files(files: Iterable[Path]) -> Anchors:
    """One list for each PEM file, named after it.

    Raises:
        ConfigError: a file cannot be read or holds no certificate.
    """
    return tuple((file.name, _pem(file)) for file in files)


def _pem(file: Path) -> bytes:
    from cryptography import x509

    try:
        data = file.read_bytes()
        x509.load_pem_x509_certificates(data)
    except OSError as e:
        raise ConfigError(f"The trust anchors {file} cannot be read ({e.strerror}).", "Check --trust.") from e
    except ValueError as e:
        raise ConfigError(f"{file} holds no PEM certificates.", "Pass a PEM file to --trust.") from e
    return data
