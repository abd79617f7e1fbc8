"""``label identity``."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("identity")
def command() -> None:
    """Make, list and show signing identities. Local ones are trusted by nobody until you give them the certificate."""


@command.command()
@click.argument("name", default="default")
@click.option("--org", default="", help="The organisation named in the certificate.")
def create(name: str, org: str) -> int:
    """Make a local identity."""
    from labeler.signing import identity

    made = identity.create(name, org)
    click.echo(f"made identity {made.name!r} in {identity.data_dir() / 'identities' / name}")
    click.echo("Nobody else trusts it yet. Give others its certificate: `label identity export`.")
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
    """Show an identity's certificates; never its key."""
    from cryptography.hazmat.primitives.hashes import SHA256

    from labeler.signing import identity

    chosen = identity.load(name)
    click.echo(f"{name}: {chosen.algorithm}")
    for certificate in chosen.certificates:
        click.echo(f"  subject      {certificate.subject.rfc4514_string()}")
        click.echo(f"  issuer       {certificate.issuer.rfc4514_string()}")
        click.echo(
            f"  valid        {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
        click.echo(f"  SHA-256      {certificate.fingerprint(SHA256()).hex()}")
        click.echo()
    return 0


@command.command()
@click.argument("name", default="default")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def export(name: str, out: Path | None) -> int:
    """Print the certificate that others pass to `label verify --trust`."""
    from labeler import files
    from labeler.signing import identity

    pem = identity.load(name).anchor
    if out:
        files.write(out, pem)
    else:
        click.echo(pem.decode("ascii"), nl=False)
    return 0
