"""What signs: the options that `add` and `identity` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import option

if TYPE_CHECKING:
    from labeler.signing.identity import Identity
    from labeler.signing.passwords import Ask
    from labeler.signing.signers import Signer

F = TypeVar("F", bound=Callable[..., Any])
ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
_WAYS = ("identity", "key", "p12", "signer_command", "pkcs11")
_RANKS = ("DEFAULT_MAP", "ENVIRONMENT", "COMMANDLINE")  # the configuration file, then what outranks it

algorithm = option(
    "--algorithm", type=click.Choice(ALGORITHMS), help="For RSA keys: ps256 (usual), ps384 or ps512."
)
password_file = option(
    "--password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the password of the key, or the PIN of the token; else LABEL_PASSWORD, else you are asked.",
)


def options(command: F) -> F:
    """The ways to sign but for kept identities."""
    file = click.Path(path_type=Path)
    for decorate in (
        option(
            "--cert",
            type=file,
            metavar="FILE",
            help="The certificate chain, PEM (with --key, --signer-command, --pkcs11).",
        ),
        option("--key", type=file, metavar="FILE", help="The key of --cert, PEM."),
        option("--p12", type=file, metavar="FILE", help="Key and certificates as PKCS #12 (.p12, .pfx)."),
        option(
            "--signer-command",
            metavar="COMMAND",
            help="Reads the bytes to sign, writes the signature; no shell.",
        ),
        option("--signer-timeout", type=click.IntRange(1), default=60, show_default=True, metavar="SECONDS"),
        option(
            "--pkcs11",
            metavar="URI",
            help="A key in a token: pkcs11:token=T;object=K?module-path=/path/module.so",
        ),
        algorithm,
        password_file,
    )[::-1]:
        command = decorate(command)
    return command


def way(values: Mapping[str, Any]) -> str | None:
    """Which way to sign the user chose: the command line outranks the environment, that the configuration file.

    Raises:
        click.UsageError: several at once, or one without the certificate that it needs.
    """
    given = {name: _rank(name) for name in _WAYS if values.get(name)}
    best = max(given.values(), default=-1)
    chosen = [name for name, rank in given.items() if rank == best]
    if best < 0:
        chosen = chosen[:1]
    if len(chosen) > 1:
        raise click.UsageError(f"Choose one of {', '.join(map(_flag, chosen))}.")
    only = chosen[0] if chosen else None
    if only in ("key", "signer_command") and not values["cert"]:
        raise click.UsageError(f"{_flag(only)} needs the certificate chain: --cert FILE.")
    if only in ("identity", "p12"):
        for name in ("cert", "algorithm") if only == "identity" else ("cert",):
            if values.get(name) and _rank(name) == len(_RANKS) - 1:
                raise click.UsageError(f"{_flag(name)} goes with --key, --signer-command or --pkcs11.")
    return only


def _rank(name: str) -> int:
    source = click.get_current_context().get_parameter_source(name)
    return _RANKS.index(source.name) if source and source.name in _RANKS else -1


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def signer(
    values: Mapping[str, Any], way: str, tell: Callable[[str | None], object] = lambda password: None
) -> Signer:
    """The signer of one of the ways but ``identity``; ``tell`` hears the password, where one was asked for.

    Raises:
        IdentityError: it cannot be used.
    """
    from labeler.signing import keyfiles, pkcs11, signers

    answer, wanted = asker(values), values["algorithm"]

    def ask(what: str) -> str | None:
        password = answer(what)
        tell(password)
        return password

    match way:
        case "key":
            return keyfiles.from_pem(values["cert"], values["key"], ask, wanted)
        case "p12":
            return keyfiles.from_p12(values["p12"], ask, wanted)
    chain = keyfiles.read_chain(values["cert"]) if values["cert"] else None
    if way == "pkcs11":
        return pkcs11.signer(values["pkcs11"], chain, ask, wanted)
    assert chain
    words = signers.command(values["signer_command"])
    return signers.CommandSigner(chain, signers.algorithm(chain, wanted), words, values["signer_timeout"])


def identity(values: Mapping[str, Any]) -> Identity | str:
    """Who signs, found able to before any file is touched; the name alone of one that is not made yet.

    Raises:
        IdentityError: it cannot sign.
    """
    from labeler.signing import identity as identities
    from labeler.signing import proof
    from labeler.signing.signers import KeySigner

    chosen = way(values) or "identity"
    if chosen == "identity":
        name = values["identity"]
        if name == identities.DEFAULT and name not in identities.names():
            return identities.DEFAULT
        found = identities.load(name, asker(values))
    else:
        made = signer(values, chosen)
        title = values[chosen if chosen == "p12" else "cert"]
        found = identities.Identity(title.name if title else str(made), made)
    found.require()
    if not isinstance(found.signer, KeySigner):
        proof.trial(found.signer)
    return found


def asker(values: Mapping[str, Any], *, new: bool = False) -> Ask:
    """Where passwords come from: the file, the environment, a question. ``new``: one that is asked twice."""
    from labeler.signing import passwords

    def ask(what: str) -> str | None:
        if values["password_file"]:
            return passwords.from_file(values["password_file"])
        if (password := passwords.from_environment(what)) is not None or not sys.stderr.isatty():
            return password
        text: str = click.prompt(
            f"Password of {what}",
            hide_input=True,
            err=True,
            default="",
            show_default=False,
            confirmation_prompt=new,
        )
        return text or None

    return ask
