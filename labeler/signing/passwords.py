"""Where the password of a key comes from: a file, the environment, or a question; never the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from labeler.errors import IdentityError

VARIABLE = "LABEL_PASSWORD"
Ask = Callable[[str], str | None]  # of what -> its password; None: nobody gave one
_MOST = 4096


def from_environment(what: str) -> str | None:
    """From the file that ``LABEL_PASSWORD_FILE`` names, else from ``LABEL_PASSWORD``."""
    file = os.environ.get(f"{VARIABLE}_FILE")
    return from_file(Path(file)) if file else os.environ.get(VARIABLE)


def from_file(file: Path) -> str:
    """Its first line.

    Raises:
        IdentityError: it cannot be read.
    """
    try:
        with open(file, "rb") as f:
            return f.read(_MOST).splitlines()[0].decode()
    except (OSError, IndexError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "its first line is no text"
        raise IdentityError(f"The password file {file} cannot be used ({why}).", "Check it.") from e


def needed(what: str, ask: Ask) -> str:
    """The password of ``what``.

    Raises:
        IdentityError: nobody gave one.
    """
    password = ask(what)
    if password is None:
        raise IdentityError(
            f"{what[:1].upper()}{what[1:]} needs a password.",
            f"Give --password-file FILE, or set {VARIABLE} or {VARIABLE}_FILE.",
        )
    return password
