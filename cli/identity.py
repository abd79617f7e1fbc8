"""``label identity``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.words import printable

from . import signing
from .options import option

if TYPE_CHECKING:
    from labeler.signing.profile import Defect

_out = click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
_org = option("--org", default="", help="The organisation named in the certificate.")
_encrypt = option("--encrypt", is_flag=True, help="Keep the key under a password.")


@click.group("identity")
def command() -> None:
    """Make, import and check signing identities. Local ones are trusted by nobody until you give them the certificate."""


@command.command()
@click.argument("name", default="default")
@_org
@_encrypt
@signing.password_file
def create(name: str, org: str, **options: Any) -> int:
    """Make a local identity."""
    from labeler.signing import identity

    made = identity.create(name, org, password=_new_password(name, options))
    click.echo(f"made identity {made.name!r} in {identity.data_dir() / 'identities' / name}")
    click.echo("Nobody else trusts it yet. Give others its certificate: `label identity export`.")
    return 0


def _new_password(name: str, options: dict[str, Any]) -> str | None:
    from labeler.signing import passwords

    if not options["encrypt"]:
        return None
    return passwords.needed(f"the key of identity {name!r}", signing.asker(options, new=True))


@command.command()
@click.argument("name")
@_org
@option("--common-name", default="", help="Who signs; usual: the organisation, else NAME.")
@option("--country", default="", metavar="CC", help="Two letters, like KZ.")
@option("--algorithm", type=click.Choice(signing.ALGORITHMS), default="es256", show_default=True)
@_encrypt
@signing.password_file
@_out
def request(
    name: str, org: str, common_name: str, country: str, algorithm: str, out: Path | None, **options: Any
) -> int:
    """Make a key and the request for its certificate, with the profile that C2PA asks for.

    Send the request to an issuer; `label identity import NAME --cert FILE` takes what comes back.
    """
    from labeler.signing import identity

    asked = identity.request(
        name,
        org,
        country,
        algorithm=algorithm,
        common_name=common_name,
        password=_new_password(name, options),
    )
    _write(out, asked)
    click.echo(f"When it is issued: `label identity import {name} --cert FILE`.", err=True)
    return 0


@command.command("import")
@click.argument("name")
@signing.options
@option("--no-password", is_flag=True, help="Keep the key without the password that it came with.")
def import_(name: str, no_password: bool, **options: Any) -> int:
    """Keep an identity that others issued: from files, a command or a token.

    With --cert alone: the certificate for `label identity request NAME`, or a renewed one.
    """
    from labeler.signing import identity, keyfiles, profile

    way = signing.way(options)
    if way is None:
        if not options["cert"]:
            raise click.UsageError("Say where it is: --cert and --key, --p12, --signer-command or --pkcs11.")
        made = identity.complete(name, keyfiles.read_chain(options["cert"]), signing.asker(options))
    else:
        used: list[str | None] = []  # the password that the key came with
        signer = signing.signer(options, way, used.append)
        made = identity.keep(name, signer, password=used[-1] if used and not no_password else None)
    click.echo(f"identity {name!r} signs with {made.algorithm}; see `label identity show {name}`")
    if told := profile.personal(made.chain):
        click.echo(f"note: its certificate makes public, in every signed file: {', '.join(told)}.")
    return 0


@command.command("list")
def list_() -> int:
    """List the identities kept here."""
    from labeler.signing import identity

    for name in identity.names():
        click.echo(name)
    if not identity.names():
        click.echo("There is none yet; the first `label add` makes 'default'.", err=True)
    return 0


@command.command()
@click.argument("name", default="default")
def show(name: str) -> int:
    """Show an identity's certificates and their defects; never its key."""
    from labeler.signing import chain, identity, profile

    kept = identity.kept(name)
    state = (
        "waits for its certificate" if kept.chain is None else "local" if kept.local else "issued by others"
    )
    click.echo(f"{name}: {state}, key {printable(kept.where)}")
    if kept.chain is None:
        click.echo(f"The request to send is {kept.folder / 'request.pem'}.")
        return 0
    _certificates(chain.certificates(kept.chain))
    if told := profile.personal(kept.chain):
        click.echo(f"note: in every signed file its certificate makes public: {', '.join(told)}.")
    _tell(profile.defects(kept.chain))
    return 0


@command.command()
@click.argument("name", required=False)
@signing.options
def check(name: str | None, **options: Any) -> int:
    """Check whether an identity, or one in files, a command or a token, can sign; 1 if it cannot."""
    from labeler.signing import identity, keyfiles, profile, proof
    from labeler.signing.identity import Identity

    way = signing.way(options)
    if name and (way or options["cert"]):
        raise click.UsageError("Name an identity, or say where it is; not both.")
    if way is None and options["cert"]:
        found = profile.defects(keyfiles.read_chain(options["cert"]))
        _tell(found)
        click.echo(f"Defects found: {len(found)}. The key was not checked: none was given.")
        return 1 if found else 0
    if way:
        chosen = Identity("", signing.signer(options, way))
    else:
        chosen = identity.load(name or identity.DEFAULT, signing.asker(options))
    found = chosen.defects()
    _tell(found)
    if not found:
        proof.trial(chosen.signer)
        click.echo(f"It signs with {chosen.algorithm}, and its certificate confirms the signature.")
    return 1 if found else 0


@command.command()
@click.argument("name", default="default")
@_out
def export(name: str, out: Path | None) -> int:
    """Print the certificate that others pass to `label verify --trust`: the last of the chain."""
    from labeler.errors import IdentityError
    from labeler.signing import chain, identity

    kept = identity.kept(name)
    if kept.chain is None:
        raise IdentityError(f"The identity {name!r} waits for its certificate.", "Import that first.")
    anchor = chain.anchor(kept.chain)
    if anchor == kept.chain:
        raise IdentityError(
            f"The chain of {name!r} ends with its own certificate, by which nobody can trust it.",
            "Ask its issuer for the CA's certificate.",
        )
    _write(out, anchor)
    return 0


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> int:
    """Forget an identity, its key with it. What it signed stays signed."""
    from labeler.signing import identity

    kept = identity.kept(name)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Its key cannot be brought back: pass --yes.")
        click.confirm(f"Forget identity {name!r} (key {kept.where})?", abort=True, err=True)
    identity.remove(name)
    click.echo(f"removed identity {name!r}")
    return 0


def _certificates(certificates: Iterable[Any]) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    words = {NameOID.SURNAME: "SN", NameOID.GIVEN_NAME: "GN", NameOID.SERIAL_NUMBER: "serialNumber"}
    for certificate in certificates:
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        click.echo(f"  subject      {printable(certificate.subject.rfc4514_string(words))}")
        click.echo(f"  issuer       {printable(certificate.issuer.rfc4514_string(words))}")
        click.echo(f"  valid        {start:%Y-%m-%d} to {end:%Y-%m-%d}")
        click.echo(f"  SHA-256      {certificate.fingerprint(SHA256()).hex()}")
        click.echo()


def _tell(defects: Iterable[Defect]) -> None:
    for defect in defects:
        click.echo(f"defect {defect.code}: {printable(defect.message)} {defect.hint}")


def _write(out: Path | None, pem: bytes) -> None:
    from labeler import files

    if out:
        files.write(out, pem)
    else:
        click.echo(pem.decode("ascii"), nl=False)
