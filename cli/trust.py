"""``label trust``."""

from __future__ import annotations

from pathlib import Path

import click

from labeler.words import printable

from .options import option

_ABOUT = {"signer": "signers", "tsa": "time-stamps", "identity": "persons named"}


@click.group("trust")
def command() -> None:
    """Keep lists of those who vouch for signers, for time-stamps, and for persons named in Content Credentials.

    Nothing is trusted but your own identities, what is kept here, and what `label verify --trust` names.
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What to call it; else after the file.")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(list(_ABOUT)),
    default="signer",
    show_default=True,
    help="What its certificates are believed about.",
)
def add(file: Path, name: str, purpose: str) -> int:
    """Keep the certificates of FILE (PEM, or a list of trusted entities as JSON)."""
    from labeler.signing import trust

    new = trust.add(file, name=name, purpose=trust.Purpose(purpose))
    click.echo(f"kept {printable(new.title)} for {_ABOUT[purpose]}:")
    for subject in trust.subjects(new).values():
        click.echo(f"  {printable(subject)}")
    return 0


@command.command("list")
def list_() -> int:
    """List what is kept here."""
    from labeler.signing import trust

    kept = trust.kept()
    for item in kept:
        due = f", next issue due {item.due}" if item.due else ""
        click.echo(
            f"{item.name}: for {_ABOUT[item.purpose]}, {len(trust.subjects(item))} certificates, "
            f"{printable(item.date)}{printable(due)}, from {printable(item.source)}"
        )
    if not kept:
        click.echo(
            "None is kept; `label trust update` fetches C2PA's, `label trust add FILE` keeps yours.", err=True
        )
    return 0


@command.command()
@click.argument("name")
@click.option("--pem", is_flag=True, help="The certificates themselves.")
def show(name: str, pem: bool) -> int:
    """Show the certificates of a list."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    from labeler.signing import trust

    chosen = trust.load(name)
    if pem:
        click.echo(chosen.pem.decode("ascii", "replace"), nl=False)
        return 0
    click.echo(f"{printable(chosen.title)}, for {_ABOUT[chosen.purpose]}, from {printable(chosen.source)}")
    for certificate in x509.load_pem_x509_certificates(chosen.pem):
        click.echo(f"  {printable(certificate.subject.rfc4514_string())}")
        click.echo(
            f"    valid {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}, "
            f"SHA-256 {certificate.fingerprint(SHA256()).hex()}"
        )
    return 0


@command.command()
@click.argument("name")
def remove(name: str) -> int:
    """Trust the certificates of a list no more."""
    from labeler.signing import trust

    trust.remove(name)
    click.echo(f"removed {name}")
    return 0


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@option(
    "--sources", type=click.Path(path_type=Path), help="Where lists are published, as JSON; else what ships."
)
def update(names: tuple[str, ...], sources: Path | None) -> int:
    """Fetch published lists anew: those kept here, or all when none is kept. Asks the network, over https only."""
    from labeler.errors import ConfigError
    from labeler.signing import trust

    published = {s.name: s for s in trust.sources(sources)}
    if unknown := sorted(set(names) - published.keys()):
        raise ConfigError(f"Nobody publishes {', '.join(unknown)}.", f"Published: {', '.join(published)}.")
    kept = {k.name for k in trust.kept()}
    chosen = list(names) or [n for n in published if n in kept] or list(published)
    code = 0
    for name in dict.fromkeys(chosen):
        result = trust.update(published[name])
        if result.error:
            code = max(code, result.error.exit_code)
            click.echo(f"label: {printable(name)}: {printable(result.error)}", err=True)
            continue
        assert result.now
        click.echo(f"{printable(result.now.title)}: {len(result.added)} new, {len(result.removed)} gone")
        for sign, subjects in (("+", result.added), ("-", result.removed)):
            for subject in sorted(subjects):
                click.echo(f"  {sign} {printable(subject)}")
    if others := [n for n in published if n not in chosen and n not in kept]:
        click.echo(f"not kept: {', '.join(others)} (`label trust update NAME` fetches one)", err=True)
    return code
