"""Trust lists: certificates of those whom the verifier believes when they say who signed, when, or who is named.

Nothing is trusted but what the user names or keeps. C2PA's published lists are unsigned: TLS to the address in
``schemas/trust-lists.json`` is all that vouches for them. Formats: PEM, and the list of trusted entities of
ETSI TS 119 602 (JSON), in which C2PA publishes its own.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import functools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labeler import files, network
from labeler.errors import ConfigError, LabelError, UnreadableError
from labeler.signing import identity

if TYPE_CHECKING:
    from cryptography import x509

OWN = "own identities"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
_NAME = re.compile(r"\w[\w.-]{0,63}")
_MAX_BYTES = 4 << 20
_MAX_CERTIFICATES = 2000
_TIMEOUT = 30.0  # seconds
_TRUSTED = "/trusted"  # how the status of a service ends that is on the list


class Purpose(StrEnum):
    """What a list's certificates are believed about: the signer, the time, a person or organisation named (CAWG)."""

    SIGNER = "signer"
    TSA = "tsa"
    IDENTITY = "identity"


@dataclass(frozen=True)
class TrustList:
    """Anchors under a name. ``source``: a file's name or an address; ``date``: when whoever publishes it issued it,
    else when it was put here (ISO, "" = unknown); ``due``: when a new issue was announced for."""

    name: str
    purpose: Purpose
    pem: bytes
    source: str = ""
    date: str = ""
    due: str = ""

    @property
    def own(self) -> bool:
        """The identities of this machine; a file of that name is not."""
        return self.name == OWN and not self.source

    @property
    def title(self) -> str:
        """Name and date, as reports say it."""
        return f"{self.name} ({self.date})" if self.date else self.name


Anchors = tuple[TrustList, ...]


# ---- those that the verifier is told of


def own_anchors() -> Anchors:
    """The list of the identities kept on this machine."""
    pem = identity.anchors()
    return (TrustList(OWN, Purpose.SIGNER, pem),) if pem else ()


def from_files(paths: Iterable[str | Path], purpose: Purpose = Purpose.SIGNER) -> Anchors:
    """One list for each file, named after it.

    Raises:
        ConfigError: a file cannot be read or holds no certificate.
    """
    return tuple(_from_file(Path(path), purpose) for path in paths)


def chosen(
    signers: Iterable[str | Path] = (), times: Iterable[str | Path] = (), persons: Iterable[str | Path] = ()
) -> Anchors:
    """The lists in these files, by purpose, and every list kept here.

    Raises:
        ConfigError: one cannot be read or holds no certificate.
    """
    return (
        *from_files(signers),
        *from_files(times, Purpose.TSA),
        *from_files(persons, Purpose.IDENTITY),
        *kept(),
    )


def known() -> Anchors:
    """The own identities and every list kept here."""
    return (*own_anchors(), *kept())


def _from_file(path: Path, purpose: Purpose) -> TrustList:
    try:
        found = _parse(files.read(path, _MAX_BYTES), purpose)
    except UnreadableError as e:
        raise ConfigError(f"The trust list {path}: {e.message}", e.hint) from e
    except ValueError as e:
        raise ConfigError(f"{path} is no trust list ({e}).", "Name a file with PEM certificates.") from e
    return TrustList(path.name, purpose, found.pem, path.name, found.date, found.due)


# ---- those kept here


def _folder() -> Path:
    return identity.data_dir() / "trust"


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a trust list.", "Use letters, digits, dots and hyphens.")
    return _folder() / f"{name}.json"


def kept() -> Anchors:
    """Every list kept here, by name.

    Raises:
        ConfigError: one cannot be read: leaving it out would change what is believed.
    """
    try:
        names = sorted(n for n in os.listdir(_folder()) if n.endswith(".json") and not n.startswith("."))
    except OSError:
        return ()
    return tuple(load(n.removesuffix(".json")) for n in names)


def load(name: str) -> TrustList:
    """A list kept here.

    Raises:
        ConfigError: there is none of that name, or it cannot be read.
    """
    path = _path(name)
    try:
        status = path.stat()
        return _load(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError as e:
        raise ConfigError(f"No trust list {name!r} is kept here.", "See `label trust list`.") from e
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise ConfigError(
            f"The trust list {path} cannot be read ({e}).", f"Remove it with `label trust remove {name}`."
        ) from e


@functools.lru_cache(32)
def _load(path: Path, changed: int, size: int) -> TrustList:
    """By path and state: a batch asks for every file."""
    data = json.loads(path.read_text("utf-8"))
    text = {k: str(data.get(k, "")) for k in ("source", "date", "due")}
    return TrustList(path.stem, Purpose(data["purpose"]), data["pem"].encode("ascii"), **text)


def keep(new: TrustList) -> None:
    """Write it as a whole; one of the same name is replaced.

    Raises:
        ConfigError: its name cannot be one. WriteError: it cannot be written.
    """
    path = _path(new.name)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = asdict(new) | {"pem": new.pem.decode("ascii")}
    files.write(path, json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


def add(path: Path, *, name: str = "", purpose: Purpose = Purpose.SIGNER) -> TrustList:
    """Keep the certificates of a file as a list, dated today unless it has a date of its own.

    Raises:
        ConfigError: the file, or the name; there is one of that name. WriteError: it cannot be written.
    """
    found = _from_file(path, purpose)
    name = name or re.sub(r"[^\w.-]+", "-", path.stem)
    if _path(name).exists():
        raise ConfigError(
            f"A trust list {name!r} is kept here already.", "Remove it first, or choose another --name."
        )
    new = TrustList(name, purpose, found.pem, str(path.resolve()), found.date or _today(), found.due)
    keep(new)
    return new


def remove(name: str) -> None:
    """Trust these no more.

    Raises:
        ConfigError: there is none of that name, or it cannot be removed.
    """
    try:
        _path(name).unlink()
    except FileNotFoundError as e:
        raise ConfigError(f"No trust list {name!r} is kept here.", "See `label trust list`.") from e
    except OSError as e:
        raise ConfigError(
            f"The trust list {name!r} cannot be removed ({e.strerror}).", "Check permissions."
        ) from e


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


# ---- those that others publish


@dataclass(frozen=True)
class Source:
    """A published list. ``restricted``: of its certificates only those that are made for time-stamping alone."""

    name: str
    purpose: Purpose
    url: str
    title: str = ""
    restricted: bool = False


@dataclass(frozen=True)
class Update:
    """What came of one source: the list as it is now, certificates that came and went, or why it stays as it was."""

    name: str
    now: TrustList | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    error: LabelError | None = None


def sources(path: Path | None = None) -> tuple[Source, ...]:
    """The published lists, as ``schemas/trust-lists.json`` knows them, or as a file of the same form does.

    Raises:
        ConfigError: the file cannot be used.
    """
    try:
        if path is None:
            text = resources.files("labeler.schemas").joinpath("trust-lists.json").read_text("utf-8")
        else:
            text = files.read(path, _MAX_BYTES).decode("utf-8")
        entries = json.loads(text)["lists"]
        found = tuple(
            Source(e["name"], Purpose(e["purpose"]), e["url"], e.get("title", ""), bool(e.get("restricted")))
            for e in entries
        )
    except (UnreadableError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise ConfigError(
            f"The sources {path} cannot be read ({e}).", "See docs/trust.md for their form."
        ) from e
    for source in found:
        _path(source.name)
        network.split(source.url, ("https",))
    return found


def update(source: Source) -> Update:
    """Fetch one published list and keep it. What fails is in the result, not raised, and the old list stays."""
    try:
        found = _parse(
            network.fetch(source.url, limit=_MAX_BYTES, timeout=_TIMEOUT, schemes=("https",)),
            source.purpose,
            source.restricted,
        )
        old = load(source.name) if _path(source.name).exists() else None
        if old and found.date and old.source == source.url and found.date < old.date:
            raise ConfigError(
                f"{source.url} gives an issue of {found.date}, older than the one kept here ({old.date}).",
                "Ask whoever runs it; remove the list first if that is meant.",
            )
        new = TrustList(source.name, source.purpose, found.pem, source.url, found.date or _today(), found.due)
        keep(new)
    except ValueError as e:
        why = ConfigError(
            f"{source.url} gives no trust list ({e}).", "The one kept here stays; try again later."
        )
        return Update(source.name, error=why)
    except LabelError as e:
        return Update(source.name, error=e)
    before, now = subjects(old) if old else {}, subjects(new)
    return Update(
        source.name,
        new,
        tuple(now[k] for k in now.keys() - before.keys()),
        tuple(before[k] for k in before.keys() - now.keys()),
    )


def subjects(list_: TrustList) -> Mapping[bytes, str]:
    """Whose certificates these are, by the certificate's encoding."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    found = x509.load_pem_x509_certificates(list_.pem)
    return {c.public_bytes(Encoding.DER): c.subject.rfc4514_string() for c in found}


# ---- taking lists apart


@dataclass(frozen=True)
class _Found:
    pem: bytes
    date: str = ""
    due: str = ""


def _parse(data: bytes, purpose: Purpose, restricted: bool = False) -> _Found:
    """The certificates for this purpose, each once, and nothing else of the file.

    Raises:
        ValueError: there are none, too many, or something that is no certificate.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    date = due = ""
    if data.lstrip()[:1] == b"{":
        ders, date, due = _entities(data)
        certificates = [x509.load_der_x509_certificate(d) for d in ders]
    else:
        try:
            certificates = x509.load_pem_x509_certificates(data)
        except ValueError as e:
            raise ValueError("it holds no PEM certificates, or one that is damaged") from e
    if len(certificates) > _MAX_CERTIFICATES:
        raise ValueError(f"it holds more than {_MAX_CERTIFICATES} certificates")
    chosen = [c for c in certificates if _fits(c, purpose, restricted)]
    if not chosen:
        raise ValueError("it holds no certificate for this purpose")
    unique = {c.public_bytes(Encoding.DER): c for c in chosen}
    return _Found(b"".join(c.public_bytes(Encoding.PEM) for c in unique.values()), date, due)


def _fits(certificate: x509.Certificate, purpose: Purpose, restricted: bool) -> bool:
    """Certificates that are for time-stamping alone vouch for nobody's signature."""
    from cryptography import x509

    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        only_time = False
    else:
        only_time = [u.dotted_string for u in usages] == [TIME_STAMPING]
    return only_time if restricted else (purpose is Purpose.TSA or not only_time)


def _entities(data: bytes) -> tuple[Sequence[bytes], str, str]:
    """Certificates (DER) of the services whose status is trusted, day of issue, and day of the next (TS 119 602)."""
    try:
        document: Any = json.loads(data)["LoTE"]
        scheme = document["ListAndSchemeInformation"]
        ders = [
            base64.b64decode(certificate["val"], validate=True)
            for entity in document["TrustedEntitiesList"]
            for service in entity["TrustedEntityServices"]
            if str(service["ServiceInformation"]["ServiceStatus"]).endswith(_TRUSTED)
            for certificate in service["ServiceInformation"]["ServiceDigitalIdentity"]["X509Certificates"]
        ]
        days = [
            dt.datetime.fromisoformat(scheme[k]).date().isoformat()
            for k in ("ListIssueDateTime", "NextUpdate")
        ]
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as e:
        raise ValueError(f"its JSON is no list of trusted entities: {type(e).__name__} {e}") from e
    return ders, *days  # type: ignore[return-value]
