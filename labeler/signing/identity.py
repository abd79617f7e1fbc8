"""Identities: who signs, and where identities are kept.

``identities/NAME/`` in the data directory: ``chain.pem``; ``key.pem`` where the key is a file; ``signer.json`` where the
identity was not made here; ``request.pem`` while it waits for its certificate. All of mode 0600.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler.errors import IdentityError
from labeler.signing import chain as chains
from labeler.signing import issue, keyfiles, passwords, pkcs11, profile, proof
from labeler.signing.passwords import Ask
from labeler.signing.pkcs11 import TokenSigner
from labeler.signing.profile import Defect
from labeler.signing.signers import CommandSigner, KeySigner, Signer, algorithm

if TYPE_CHECKING:
    from cryptography import x509

DEFAULT = "default"
_NAME = re.compile(r"[\w][\w .-]{0,63}", re.UNICODE)
_CHAIN, _KEY, _SIGNER, _REQUEST = "chain.pem", "key.pem", "signer.json", "request.pem"


@dataclass(frozen=True)
class Identity:
    """Who signs, ready to do so. ``local`` = made by us; nobody else trusts it."""

    name: str
    signer: Signer
    local: bool = False

    @property
    def chain(self) -> bytes:
        """PEM, leaf first."""
        return self.signer.chain

    @property
    def algorithm(self) -> str:
        """The C2PA name, e.g. ``es256``."""
        return self.signer.algorithm

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Leaf first."""
        return chains.certificates(self.chain)

    @property
    def anchor(self) -> bytes:
        """What others add to their trusted anchors, PEM."""
        return chains.anchor(self.chain)

    def defects(self) -> tuple[Defect, ...]:
        """Why it cannot sign now; see `labeler.signing.profile`."""
        key = self.signer.key if isinstance(self.signer, KeySigner) else None
        return profile.defects(self.chain, key)

    def require(self) -> Identity:
        """Itself.

        Raises:
            IdentityError: it has defects; all are told.
        """
        if found := self.defects():
            more = "".join(f" Also: {d.message}" for d in found[1:])
            raise IdentityError(
                f"The identity {self.name!r} cannot sign: {found[0].message}{more}", found[0].hint
            )
        return self


# ---- those kept here


@dataclass(frozen=True)
class Kept:
    """What is kept of an identity, its secret left alone. Without a chain it waits for its certificate."""

    name: str
    folder: Path
    chain: bytes | None
    settings: Mapping[str, Any] | None = None  # of signer.json

    @property
    def local(self) -> bool:
        """Made by us."""
        return self.settings is None

    @property
    def where(self) -> str:
        """Where its key is, in words."""
        match self.settings or {}:
            case {"command": [str(program), *_]}:
                return f"by the command {program}"
            case {"uri": str(uri)}:
                return f"in a token: {uri}"
        return f"in {self.folder / _KEY}" + (", encrypted" if self._encrypted() else "")

    def _encrypted(self) -> bool:
        with contextlib.suppress(OSError):
            return b"ENCRYPTED" in (self.folder / _KEY).read_bytes()
        return False


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
    """The anchors of the identities made here, PEM; no key is read. (Those of others vouch for others too.)"""
    out = b""
    for name in names():
        folder = _folder(name)
        with contextlib.suppress(OSError, IdentityError):
            if not (folder / _SIGNER).exists():
                out += chains.anchor((folder / _CHAIN).read_bytes())
    return out


def kept(name: str) -> Kept:
    """What is kept under that name.

    Raises:
        IdentityError: nothing is, or it cannot be read.
    """
    folder = _folder(name)
    try:
        if not (folder / _CHAIN).exists() and not (folder / _REQUEST).exists():
            raise IdentityError(
                f"There is no identity {name!r}.",
                "See `label identity list`, or make it with `label identity create`.",
            )
        chain = (folder / _CHAIN).read_bytes() if (folder / _CHAIN).exists() else None
        text = (folder / _SIGNER).read_text("utf-8") if (folder / _SIGNER).exists() else None
    except (OSError, UnicodeDecodeError) as e:
        raise _unreadable(name, e) from e
    return Kept(name, folder, chain, None if text is None else _settings(name, text))


def _unreadable(name: str, e: Exception) -> IdentityError:
    why = e.strerror if isinstance(e, OSError) else str(e)
    return IdentityError(f"The identity {name!r} cannot be read ({why}).", "Check its permissions.")


def _settings(name: str, text: str) -> Mapping[str, Any]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        settings = None
    match settings:
        case {"algorithm": str(), **rest}:
            match rest:
                case {"command": [str(), *words], "timeout": int() | float()} if all(
                    isinstance(w, str) for w in words
                ):
                    return dict(settings)
                case {"uri": str(), **more} if not more:
                    return dict(settings)
            if not rest:
                return dict(settings)
    raise IdentityError(f"The identity {name!r} is damaged ({_SIGNER}).", "Remove it and import it again.")


def load(name: str, password: Ask = passwords.from_environment) -> Identity:
    """An identity kept here, unlocked.

    Raises:
        IdentityError: there is none of that name, it waits for its certificate, it cannot be read, or its password is
        missing or wrong.
    """
    found = kept(name)
    if found.chain is None:
        raise IdentityError(
            f"The identity {name!r} waits for its certificate.",
            f"Send {found.folder / _REQUEST} to the issuer, then `label identity import {name} --cert FILE`.",
        )
    return Identity(name, _unlock(found, found.chain, password), found.local)


def _unlock(found: Kept, chain: bytes, password: Ask) -> Signer:
    settings = found.settings or {}
    wanted = algorithm(chain, settings.get("algorithm"))
    match settings:
        case {"command": command, "timeout": timeout}:
            return CommandSigner(chain, wanted, tuple(command), timeout)
        case {"uri": uri}:
            return pkcs11.signer(uri, chain, password, wanted)
    try:
        key = (found.folder / _KEY).read_bytes()
    except OSError as e:
        raise _unreadable(found.name, e) from e
    if b"ENCRYPTED" in key:
        key = keyfiles.private_key(key, password, f"of identity {found.name!r}")
    return KeySigner(chain, wanted, key)


def from_files(chain: Path, key: Path) -> Identity:
    """An identity that somebody else issued, as PEM files.

    Raises:
        IdentityError: a file cannot be read, or the chain has defects.
    """
    return Identity(chain.name, keyfiles.from_pem(chain, key, passwords.from_environment)).require()


def ensure(name: str = DEFAULT, *, keep: bool = True, password: Ask = passwords.from_environment) -> Identity:
    """The identity of that name; the default one is made on first use (for this once only, unless ``keep``).

    Raises:
        IdentityError: it does not exist and is not the default one, or it cannot be read or written.
    """
    if name != DEFAULT or _folder(name).exists():
        return load(name, password)
    return create(name, exist_ok=True) if keep else _make(name)


# ---- keeping and removing


def create(
    name: str, organisation: str = "", *, password: str | None = None, exist_ok: bool = False
) -> Identity:
    """Make and keep a local identity; safe when several processes do it at once.

    Raises:
        IdentityError: it exists already (unless ``exist_ok``), or the data directory cannot be written.
    """
    folder = _folder(name)
    identity = _make(name, organisation)
    assert isinstance(identity.signer, KeySigner)
    if _store(folder, {_CHAIN: identity.chain, _KEY: _protected(identity.signer.key, password)}, exist_ok):
        return identity
    return load(name)


def _make(name: str, organisation: str = "") -> Identity:
    chain, key = issue.local(name, organisation)
    return Identity(name, KeySigner(chain, algorithm(chain), key), local=True)


def request(
    name: str,
    organisation: str = "",
    country: str = "",
    *,
    algorithm: str = "es256",
    common_name: str = "",
    password: str | None = None,
) -> bytes:
    """Make and keep a key, and give the request for its certificate (PKCS #10, PEM); `complete` takes what is issued.

    Raises:
        IdentityError: the name is taken, the country is none, or the data directory cannot be written.
    """
    folder = _folder(name)
    asked, key = issue.request(common_name or organisation or name, organisation, country, algorithm)
    settings = json.dumps({"algorithm": algorithm}).encode()
    _store(folder, {_REQUEST: asked, _KEY: _protected(key, password), _SIGNER: settings})
    return asked


def complete(name: str, chain: bytes, password: Ask = passwords.from_environment) -> Identity:
    """Give an identity that waits for its certificate the issued chain, or a renewed one to one that has a chain.

    Raises:
        IdentityError: there is none of that name, the chain is not for its key or has defects, or it cannot be written.
    """
    found = kept(name)
    identity = Identity(name, _unlock(found, chain, password)).require()
    proof.trial(identity.signer)
    try:
        if found.local:
            _replace(found.folder / _SIGNER, json.dumps({"algorithm": identity.algorithm}).encode())
        _replace(found.folder / _CHAIN, chain)
        (found.folder / _REQUEST).unlink(missing_ok=True)
    except OSError as e:
        raise _unwritable(found.folder, e) from e
    return identity


def keep(name: str, signer: Signer, *, password: str | None = None) -> Identity:
    """Keep the identity of a signer of others, once it is found to sign for its certificate.

    ``password``: under which to keep a key. Of a token or a command no secret is kept.

    Raises:
        IdentityError: the name is taken, the chain has defects, it does not sign, or it cannot be written.
    """
    identity = Identity(name, signer).require()
    folder = _folder(name)
    if folder.exists():
        raise _taken(name)
    proof.trial(signer)
    settings: dict[str, Any] = {"algorithm": signer.algorithm}
    parts = {_CHAIN: signer.chain}
    match signer:
        case KeySigner(key=key):
            parts[_KEY] = _protected(key, password)
        case CommandSigner(command=command, timeout=timeout):
            settings |= {"command": list(command), "timeout": timeout}
        case TokenSigner(uri=uri):
            settings |= {"uri": uri}
    _store(folder, parts | {_SIGNER: json.dumps(settings).encode()})
    return identity


def remove(name: str) -> None:
    """Forget an identity, its key with it.

    Raises:
        IdentityError: there is none of that name, or it cannot be removed.
    """
    folder = kept(name).folder
    try:
        gone = tempfile.mkdtemp(prefix=".old-", dir=folder.parent)
        os.rename(folder, Path(gone, "it"))  # all of it is gone at once
        shutil.rmtree(gone)
    except OSError as e:
        raise _unwritable(folder, e) from e


def _protected(key: bytes, password: str | None) -> bytes:
    return keyfiles.protected(key, password) if password else key


def _store(folder: Path, parts: Mapping[str, bytes], exist_ok: bool = False) -> bool:
    """The folder, all of it or nothing; False: somebody else was first."""
    scratch: str | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = tempfile.mkdtemp(prefix=".new-", dir=folder.parent)
        for name, data in parts.items():
            _write(Path(scratch, name), data)
        os.rename(scratch, folder)  # fails when the folder is there: the first one wins
    except OSError as e:
        if folder.is_dir():
            if exist_ok:
                return False
            raise _taken(folder.name) from e
        raise _unwritable(folder, e) from e
    finally:
        if scratch:
            with contextlib.suppress(OSError):
                shutil.rmtree(scratch)
    return True


def _taken(name: str) -> IdentityError:
    return IdentityError(f"The identity {name!r} exists already.", "Choose another name.")


def _unwritable(folder: Path, e: OSError) -> IdentityError:
    return IdentityError(
        f"The identity {folder.name!r} cannot be kept in {folder.parent} ({e.strerror}).",
        "Set LABEL_DATA_DIR to a folder that can be written, or sign with --cert and --key.",
    )


def _replace(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(new, data)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
