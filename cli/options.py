"""What several commands share: options, also from the environment and the configuration file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

from labeler.errors import ConfigError, UsageError
from labeler.words import LANGS

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_MAX_PASSWORD = 4096  # characters
_NO_CONFIGURATION = frozenset(
    {"out", "out_dir", "in_place", "dry_run", "check", "files_from", "null", "update_baseline"}
)


class Option(click.Option):
    """An option that is also read from ``LABEL_<NAME>``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.envvar:
            self.envvar = f"LABEL_{self.word.upper()}"

    @property
    def word(self) -> str:
        """What users call it: its long name with underscores."""
        return max(self.opts, key=len).lstrip("-").replace("-", "_")


def option(*names: str, **kwargs: Any) -> Callable[[F], F]:
    """`click.option` with the environment."""
    return click.option(*names, cls=Option, **kwargs)


def config_path() -> Path:
    """``LABEL_CONFIG``, else the user's; never the working directory."""
    if chosen := os.environ.get("LABEL_CONFIG"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_config_dir("tanba", appauthor=False)) / "config.toml"


def configuration() -> dict[str, Any]:
    """The values of the user's configuration file, by option name.

    Raises:
        ConfigError: it cannot be read, or holds something that is no option.
    """
    path = config_path()
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as e:
        if "LABEL_CONFIG" in os.environ:
            raise ConfigError(f"The configuration {path} is not there.", "Check LABEL_CONFIG.") from e
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfigError(
            f"The configuration {path} cannot be read ({e}).", "Mend it or set LABEL_CONFIG."
        ) from e
    known = _known()
    out: dict[str, Any] = {}
    for key, value in values.items():
        option = known.get(key.replace("-", "_"))
        if option is None:
            raise ConfigError(
                f"{path}: {key!r} is no option that can be configured.", f"Known: {', '.join(sorted(known))}."
            )
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int) for item in items) or (
            isinstance(value, list) and not option.multiple and option.callback is not names
        ):
            raise ConfigError(
                f"{path}: the value of {key!r} is of the wrong type.", "Give text, a number or true."
            )
        out[str(option.name)] = (
            [str(item) for item in items]
            if option.multiple
            else ",".join(map(str, items))
            if option.callback is names
            else value
        )
    return out


def _known() -> dict[str, Option]:
    """The options that a configuration may set, by the word that users call them."""
    import importlib

    return {
        parameter.word: parameter
        for module in ("add", "verify", "show")
        for parameter in importlib.import_module(f".{module}", __package__).command.params
        if isinstance(parameter, Option) and parameter.word not in _NO_CONFIGURATION
    }


def user_lang() -> str:
    """From the locale variables: Kazakh, Russian, else English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value[:2] if value[:2] in LANGS else "en"
    return "en"


def together(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options that belong together, as one decorator."""

    def add(command: F) -> F:
        for each in reversed(options):
            command = each(command)
        return command

    return add


ui_lang = option(
    "--ui-lang",
    type=click.Choice(LANGS),
    default=user_lang,
    show_default="from the locale",
    help="Language of the output.",
)


def trust(command: F) -> F:
    """Whom to trust, besides the own identities and the lists kept here."""
    for name, whom in (("-identity", "persons named"), ("-tsa", "time-stamps"), ("", "signers")):
        command = option(
            f"--trust{name}",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="PEM",
            help=f"Certificates that vouch for {whom}, besides those kept here (`label trust`).",
        )(command)
    return command


jobs = option(
    "--jobs", "-j", type=click.IntRange(1, 64), default=1, show_default=True, help="Files worked on at once."
)


password_file = option(
    "--password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the password of encrypted inputs; or set LABEL_PASSWORD.",
)


def password(file: Path | None) -> str | None:
    """From the file, else from ``LABEL_PASSWORD``; never from the arguments, which other users of a machine see.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    if file is None:
        return os.environ.get("LABEL_PASSWORD") or None
    try:
        with file.open(encoding="utf-8") as f:
            word = f.readline(_MAX_PASSWORD).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"The password file {file} cannot be read ({e}).", "Check --password-file.") from e
    if not word:
        raise ConfigError(f"The password file {file} holds no password in its first line.", "Write it there.")
    return word


def size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Bytes, given as 2G or 512M."""
    if value is None:
        return None
    text = value.strip().upper().removesuffix("B").removesuffix("I")
    unit = {"K": 10, "M": 20, "G": 30}.get(text[-1:], 0)
    try:
        return int(float(text[:-1] if unit else text) * (1 << unit))
    except (ValueError, OverflowError) as e:
        raise click.BadParameter(f"{value!r} is no size; write 2G or 512M.") from e


inputs = together(
    option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="In folders and archives, take only these, e.g. '*.jpg'.",
    ),
    option("--exclude", multiple=True, metavar="GLOB", help="In folders and archives, leave these out."),
    option(
        "--files-from",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        metavar="FILE",
        help="Take further PATHs from this file, one a line ('-': from standard input).",
    ),
    option("--null", "-0", is_flag=True, help="In --files-from, a zero byte ends each PATH."),
)


def which(paths: tuple[str, ...], files_from: Path | None, null: bool) -> Iterator[str]:
    """The PATHs of the command line but for '-', then those of the list, which is read as they are needed."""
    if not paths and not files_from:
        raise click.UsageError("Missing argument 'PATH...': name files or folders, or give --files-from.")
    if "-" in paths and str(files_from) == "-":
        raise click.UsageError("Standard input cannot be both a PATH and the list of --files-from.")
    return chain((path for path in paths if path != "-"), _listed(files_from, null) if files_from else ())


def _listed(files_from: Path, null: bool) -> Iterator[str]:
    from labeler.batch.walk import listed

    try:
        with open(0 if str(files_from) == "-" else files_from, "rb") as source:
            yield from listed(source, null=null)
    except OSError as e:
        raise UsageError(f"{files_from} cannot be read ({e.strerror}).", "Check --files-from.") from e


def standard_input() -> bytes:
    """All of it, up to one byte more than the library takes."""
    from labeler.media.base import Limits

    if sys.stdin is None:
        raise click.UsageError("There is no standard input.")
    return sys.stdin.buffer.read(Limits().max_bytes + 1)


def interruptible(items: Iterable[T], waiting: Callable[[], bool] = lambda: False) -> Iterator[T]:
    """The items until Ctrl-C, which c2pa's callbacks would swallow; what is in flight is finished.

    Where this process is only ``waiting`` for others, it stops at once.
    """
    import signal

    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        if waiting():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, ask)
    try:
        for item in items:
            yield item
            if asked:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


def names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """A comma list as a tuple."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def check_paths(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """An empty PATH is a shell variable that was not set, not the working directory."""
    if "" in value:
        raise click.BadParameter("a PATH is empty.")
    return value
