"""The one error root. A message says what is wrong, which value, and what to do about it."""

from __future__ import annotations


class V2MError(Exception):
    """Root of every error this package raises on purpose.

    Attributes:
        message: one line, complete without the hint.
        hint: one line on what to do next, or None.
    """

    code = "error"
    exit_code = 2

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split()) if hint else None

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(V2MError):
    """The edit, option or file that the user gave cannot be used."""

    code = "bad_input"


class MediaError(V2MError):
    """A media file cannot be opened or decoded."""

    code = "bad_media"


class CheckpointError(V2MError):
    """Network weights are missing, damaged, of another shape, or not plain weights."""

    code = "bad_checkpoint"


class HostError(V2MError):
    """Another program (REAPER, Resolve, the daemon) refused or did not answer."""

    code = "host_refused"


class SetupError(V2MError):
    """Something this feature needs is not installed or not configured."""

    code = "not_set_up"


class Cancelled(V2MError):
    """The user or a host cancelled the work; nothing was written."""

    code = "cancelled"
