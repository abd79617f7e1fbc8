"""Trust anchors: whom the verifier believes to be who they say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labeler.errors import ConfigError
from labeler.signing import identity


def own_anchors() -> bytes:
    """PEM anchors of the identities kept on this machine."""
    return b"".join(identity.load(name).anchor for name in identity.names())


def anchors(files: Iterable[Path]) -> bytes:
    """Own anchors and those of PEM files, as one PEM bundle.

    Raises:
        ConfigError: a file cannot be read or holds no certificate.
    """
    from cryptography import x509

    bundle = [own_anchors()]
    for file in files:
        try:
            data = file.read_bytes()
            x509.load_pem_x509_certificates(data)
        except OSError as e:
            raise ConfigError(
                f"The trust anchors {file} cannot be read ({e.strerror}).", "Check --trust."
            ) from e
        except ValueError as e:
            raise ConfigError(f"{file} holds no PEM certificates.", "Pass a PEM file to --trust.") from e
        bundle.append(data)
    return b"\n".join(bundle)
