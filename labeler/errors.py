"""One tree of errors. Every message says what happened, to which file, and what to do next."""

from __future__ import annotations


class LabelError(Exception):
    """Root of everything this library raises on purpose.

    ``code`` is stable and dotted; ``hint`` is the next step for a person; ``exit_code`` is what the command
    ends with: 1 findings, 2 usage or configuration, 3 could not be examined or written.
    """

    code = "error"
    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(LabelError):
    """The caller asked for something that cannot be."""

    code = "usage"
    exit_code = 2


class ConfigError(UsageError):
    """The user's configuration cannot be used."""

    code = "config"


class UnreadableError(LabelError):
    """The container could not be parsed to its end, or is of an unsupported kind."""

    code = "unreadable"


class UnsupportedError(UnreadableError):
    """No medium accepts these bytes."""

    code = "unreadable.unsupported"


class MissingError(UnreadableError):
    """A file that should be there is not."""

    code = "unreadable.missing"


class LimitError(UnreadableError):
    """A limit on size, pixels, recursion or decompression was hit."""

    code = "unreadable.limit"


class TamperedError(LabelError):
    """The input's own marks contradict its bytes: labelling it would launder it."""

    code = "tampered"
    exit_code = 1


class NoticeError(LabelError):
    """The notice cannot be placed legibly."""

    code = "notice.no-room"
    exit_code = 1


class IdentityError(LabelError):
    """A signing identity cannot be made, read or used."""

    code = "identity"
    exit_code = 2


class SigningError(LabelError):
    """c2pa refuses the asset, the manifest, or the manifest that is to become the parent."""

    code = "signing"


class NetworkError(LabelError):
    """A server that the caller named did not answer as it should."""

    code = "network"


class TimeStampError(LabelError):
    """The time-stamp authority gave no time-stamp of this signature; nothing was written."""

    code = "time-stamp"


class ReadBackError(LabelError):
    """The written copy did not read back as promised; nothing was replaced."""

    code = "read-back"


class WriteError(LabelError):
    """The target could not be written."""

    code = "write"


class PluginWarning(UserWarning):
    """A plugin that cannot be loaded, or failed: it was passed over."""
