"""The ``label`` command: parses, calls, prints. One module a command, imported when it is called."""

from __future__ import annotations

import faulthandler
import importlib
import io
import os
import sys
import warnings
from typing import Any

import click

from labeler import __version__

_COMMANDS = {
    "add": "Write labelled copies of files.",
    "verify": "Say rule by rule what holds, what fails and what could not be checked.",
    "show": "Tell in plain words everything that a file says about AI.",
    "notice": "Show the catalogue of notices.",
    "identity": "Make, import and check signing identities.",
    "trust": "Keep, list, update and remove lists of those whom you trust.",
    "policy": "List and explain the rules.",
    "capabilities": "Show what is written into which kind of file.",
    "completion": "Print the completion script for a shell.",
}


class Lazy(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f".{cmd_name}", __package__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="label")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Labels for AI-generated content: marks that machines read, notices that people read, and a verifier for both.

    Every option can also stand in the environment as LABEL_OPTION (LABEL_PUBLISHER, LABEL_SYSTEM, ...) and in the
    user's configuration file (LABEL_CONFIG, else config.toml in the user's configuration folder).
    """
    if ctx.invoked_subcommand in ("add", "verify", "show"):
        from .options import configuration

        ctx.default_map = {ctx.invoked_subcommand: configuration()}


def main(args: list[str] | None = None) -> None:
    """Entry point: every deliberate error becomes one line on stderr and an exit code."""
    from labeler.errors import LabelError, PluginWarning

    _mute_decoders()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # names and values from outside need not fit the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Pillow's remarks on broken files: our own report says what matters
        warnings.simplefilter("once", PluginWarning)
        warnings.formatwarning = lambda message, *_: f"label: {message}\n"
    code: Any = 0
    try:
        code = cli.main(args=args, prog_name="label", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as e:
        code = e.exit_code
    except click.Abort:
        code = 130
    except click.ClickException as e:
        e.show()
        code = 2
    except LabelError as e:
        click.echo(f"label: {e}", err=True)
        code = e.exit_code
    except KeyboardInterrupt:
        click.echo("label: interrupted", err=True)
        code = 130
    except BrokenPipeError:
        code = 0  # whoever read our output has seen enough
        _drop_output()
    except OSError as e:
        click.echo(f"label: the output cannot be written ({e.strerror}).", err=True)
        code = 3
        _drop_output()
    sys.exit(code if isinstance(code, int) else 0)


def _mute_decoders() -> None:
    """libtiff and its like write to descriptor 2, past Python. From here on only our own messages go where it led."""
    encoding = sys.stderr.encoding if sys.stderr else ""
    if not encoding or sys.stderr is not sys.__stderr__:
        return  # somebody has other plans with it
    try:
        ours = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except OSError:
        return  # it is closed
    sys.stderr = io.TextIOWrapper(os.fdopen(ours, "wb", closefd=False), encoding, line_buffering=True)
    faulthandler.enable(sys.stderr)  # a crash is no noise


def _drop_output() -> None:
    """Keep the interpreter from failing once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
