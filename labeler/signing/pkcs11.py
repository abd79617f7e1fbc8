"""Keys in a token: hardware security modules and smart cards, through PKCS #11 (extra ``pkcs11``).

Which key, in which token, by which module: a PKCS #11 URI (RFC 7512).
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from labeler.errors import IdentityError
from labeler.signing import chain as chains
from labeler.signing.passwords import Ask
from labeler.signing.signers import algorithm, hash_of

_LOCK = threading.Lock()  # a session does one thing at a time
_LOADED: dict[str, int] = {}  # module -> the process that set it up
_WRONG: set[tuple[Address, str | None]] = set()  # PINs that are not tried again: tokens lock themselves
_FORM = "Give pkcs11:token=TOKEN;object=KEY?module-path=/path/to/module.so (RFC 7512)."
_WHY = {
    "PinIncorrect": ("the PIN is wrong", "Check it: a token locks itself after a few wrong ones."),
    "PinLocked": ("the PIN is locked", "Unlock it with the token's own tool."),
    "PinLenRange": ("the PIN is wrong", "Check it: a token locks itself after a few wrong ones."),
    "UserNotLoggedIn": ("it wants a PIN", "Give --password-file FILE, or set LABEL_PASSWORD."),
    "NoSuchToken": ("there is no such token", "Check the token's label in the URI, and that it is there."),
    "TokenNotPresent": ("the token is not there", "Put it in."),
    "MultipleTokensReturned": ("several tokens fit", "Name one by its token label or serial."),
    "NoSuchKey": (
        "it holds no such private key",
        "Check object and id in the URI; some tokens want a PIN first.",
    ),
    "MultipleObjectsReturned": ("several keys fit", "Name one by its id in the URI."),
    "MechanismInvalid": (
        "the token cannot sign so",
        "Use a key that it can use for ECDSA, RSA-PSS or EdDSA.",
    ),
    "MechanismParamInvalid": ("the token cannot sign so", "Choose another --algorithm."),
}


@dataclass(frozen=True)
class Address:
    """What a PKCS #11 URI says."""

    module: str
    token: str | None = None
    serial: bytes | None = None
    label: str | None = None
    id: bytes | None = None

    def __str__(self) -> str:
        key = repr(self.label) if self.label else f"of id {self.id.hex()}" if self.id else "there is"
        return f"the key {key} of the token {self.token or (self.serial or b'').decode('ascii', 'replace')!r}"


def address(uri: str) -> Address:
    """Take a PKCS #11 URI apart.

    Raises:
        IdentityError: it is malformed, says what is not understood, holds a PIN, or names no module or no token.
    """
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    pairs = [p.partition("=") for p in (*path.split(";"), *query.split("&")) if p]
    values = {name: unquote_to_bytes(value) for name, _, value in pairs}
    if "pin-value" in values or "pin-source" in values:
        raise IdentityError(
            "A PIN has no place in a PKCS #11 URI, which others can see.",
            "Leave it out; give --password-file FILE, or set LABEL_PASSWORD.",
        )
    odd = values.keys() - {"token", "serial", "object", "id", "type", "module-path"}
    if scheme != "pkcs11" or odd or len(values) != len(pairs) or values.get("type", b"private") != b"private":
        what = f" ({', '.join(sorted(odd))} is not understood)" if odd else ""
        raise IdentityError(f"The PKCS #11 URI cannot be used{what}.", _FORM)
    try:
        text = {name: values[name].decode() for name in ("token", "object", "module-path") if name in values}
    except UnicodeDecodeError as e:
        raise IdentityError("The PKCS #11 URI is no UTF-8.", _FORM) from e
    module = text.get("module-path", "")
    if not os.path.isabs(module) or not os.path.isfile(module):
        raise IdentityError(
            f"There is no PKCS #11 module {module!r}." if module else "The PKCS #11 URI names no module.",
            f"{_FORM} The module's path is absolute.",
        )
    if not values.keys() & {"token", "serial"} or not values.keys() & {"object", "id"}:
        raise IdentityError("The PKCS #11 URI names no token or no key in it.", _FORM)
    return Address(module, text.get("token"), values.get("serial"), text.get("object"), values.get("id"))


@dataclass(frozen=True)
class TokenSigner:
    """A key in a token; without a ``pin`` it is tried without logging in."""

    chain: bytes
    algorithm: str
    uri: str
    pin: str | None = field(repr=False)

    def __str__(self) -> str:
        return str(address(self.uri))

    def sign(self, data: bytes) -> bytes:
        """See `labeler.signing.signers.Signer`."""
        where = address(self.uri)
        with _LOCK:
            try:
                return self._sign(where, data)
            except (ImportError, RuntimeError) as e:
                _session.cache_clear()  # a token that was pulled out and put back works again
                raise _explained(e, where) from e

    def _sign(self, where: Address, data: bytes) -> bytes:
        import pkcs11
        from cryptography.hazmat.primitives.hashes import Hash

        key = _found(_session(os.getpid(), where, self.pin), where, pkcs11.ObjectClass.PRIVATE_KEY)
        if self.algorithm == "ed25519":
            return bytes(key.sign(data, mechanism=pkcs11.Mechanism.EDDSA))
        hashed = hash_of(self.algorithm)
        digest = Hash(hashed)
        digest.update(data)
        if self.algorithm.startswith("es"):
            return bytes(key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
        name = hashed.name.upper()  # SHA256
        parameters = (pkcs11.Mechanism[name], pkcs11.MGF[name], hashed.digest_size)
        return bytes(
            key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.RSA_PKCS_PSS, mechanism_param=parameters)
        )


def signer(uri: str, chain: bytes | None, ask: Ask, wanted: str | None = None) -> TokenSigner:
    """The signer at a PKCS #11 URI; its chain is read from the token where none is given.

    Raises:
        IdentityError: the URI, the module or the token cannot be used, or there is no certificate.
    """
    where = address(uri)
    pin = ask(f"the token of {where}")
    chain = chain or _certificates(where, pin)
    return TokenSigner(chain, algorithm(chain, wanted), uri, pin)


def _certificates(where: Address, pin: str | None) -> bytes:
    """The certificate beside the key (of its id, else of its label), and its issuers as far as they are in the token."""
    with _LOCK:
        try:
            import pkcs11

            session = _session(os.getpid(), where, pin)
            key = _found(session, where, pkcs11.ObjectClass.PRIVATE_KEY)
            kept = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE})
            there = [
                (c[pkcs11.Attribute.ID], c[pkcs11.Attribute.LABEL], c[pkcs11.Attribute.VALUE]) for c in kept
            ]
            own = (key[pkcs11.Attribute.ID], key[pkcs11.Attribute.LABEL])
        except (ImportError, RuntimeError) as e:
            _session.cache_clear()
            raise _explained(e, where) from e
    found = [chains.certificates(bytes(value))[0] for _, _, value in there]
    for n in (0, 1):
        for entry, certificate in zip(there, found, strict=True):
            if own[n] and entry[n] == own[n]:
                return chains.pem(chains.ordered(certificate, found))
    raise IdentityError(f"The token holds no certificate for {where}.", "Give the chain: --cert FILE.")


@functools.lru_cache(8)
def _session(process: int, where: Address, pin: str | None) -> Any:
    """An open session; a process that was forked sets the module up for itself (PKCS #11 3.0, 2.2)."""
    import pkcs11

    if (where, pin) in _WRONG:
        raise pkcs11.PinIncorrect
    library = pkcs11.lib(where.module)
    if _LOADED.setdefault(where.module, process) != process:
        library.reinitialize()
        _LOADED[where.module] = process
    token = library.get_token(token_label=where.token, token_serial=where.serial)
    try:
        return token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        return token.open()
    except pkcs11.PinIncorrect:
        _WRONG.add((where, pin))
        raise


def _found(session: Any, where: Address, kind: Any) -> Any:
    return session.get_key(object_class=kind, label=where.label, id=where.id)


def _explained(error: Exception, where: Address) -> IdentityError:
    """Errors of python-pkcs11 have names and no words."""
    if isinstance(error, ImportError):
        return IdentityError(
            "Keys in tokens need python-pkcs11.", "Install the extra: pip install 'tanba[pkcs11]'."
        )
    name = type(error).__name__
    why, hint = _WHY.get(
        name, (f"{name}: {error}" if str(error) else name, "Check the token with its own tool.")
    )
    return IdentityError(f"T{str(where)[1:]} cannot be used: {why}.", hint)
