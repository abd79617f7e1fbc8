"""``label capabilities``."""

from __future__ import annotations

import click


@click.command("capabilities")
def command() -> int:
    """Show what is written into which kind of file; docs/capabilities.md is this output."""
    from labeler.capabilities import matrix

    click.echo(matrix(), nl=False)
    return 0
