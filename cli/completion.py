"""``label completion``."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for SHELL, e.g. for ~/.bashrc: eval "$(label completion bash)"."""
    from click.shell_completion import get_completion_class

    from . import cli

    completion = get_completion_class(shell)
    assert completion
    click.echo(completion(cli, {}, "label", "_LABEL_COMPLETE").source())
    return 0
