"""``label notice``."""

from __future__ import annotations

import click

from labeler.errors import UsageError


@click.command("notice")
@click.argument("id", required=False)
def command(id: str | None) -> int:
    """Show the catalogue of notices, or the one with this ID; what wants a native reader says so."""
    from labeler.notices import catalogue, origins, version

    entries = [w for w in catalogue() if id is None or w.id == id]
    if not entries:
        raise UsageError(f"The catalogue has no notice {id!r}.", "See `label notice` for all of them.")
    click.echo(f"catalogue version {version()}")
    last = ""
    for w in entries:
        if w.id != last:
            click.echo(f"\n{w.id}")
            last = w.id
        click.echo(f"  {w.lang}  {w.text}" + ("" if w.origin == "plain" else f"  [{w.origin}]"))
    shown = sorted({w.origin for w in entries} - {"plain"})
    click.echo()
    for origin in shown:
        click.echo(f"[{origin}] {origins()[origin]}")
    return 0
