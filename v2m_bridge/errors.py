"""The one error root. A message says what is wrong, which value, and what to do about it."""

from __future__ import annotations

import errno


class V2MError(Exception):
    """Root of every error this package raises on purpose.

    Attributes:
        exit_code: of the command line; 2 is wrong usage or bad input, 3 a host that is not there, 4 a failed download,
            1 an internal error.
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


class DiskFull(InputError):
    """There is no room, or no quota, for what has to be written."""

    code = "disk_full"


class FileHeld(InputError):
    """Another program has the file open and does not let go of it."""

    code = "file_held"


class MediaError(V2MError):
    """A media file cannot be opened or decoded."""

    code = "bad_media"


class CheckpointError(V2MError):
    """Network weights are missing, damaged, of another shape, or not plain weights."""

    code = "bad_checkpoint"


class HostError(V2MError):
    """Another program (REAPER, Resolve, the daemon) refused or did not answer."""

    code = "host_refused"


class HostAbsent(HostError):
    """The other program does not answer at all: it is not running, or nothing of ours runs in it."""

    exit_code = 3


class SetupError(V2MError):
    """Something this feature needs is not installed or not configured."""

    code = "not_set_up"


class DownloadError(SetupError):
    """Something could not be fetched from the network."""

    code = "download_failed"
    exit_code = 4


class UsageError(V2MError):
    """The command line cannot be understood."""

    code = "wrong_usage"


class InternalError(V2MError):
    """A mistake of this program."""

    code = "internal"
    exit_code = 1


class Cancelled(V2MError):
    """The user or a host cancelled the work; nothing was written."""

    code = "cancelled"


_HELD_WINDOWS = frozenset({5, 32, 33})
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of the Windows API."""


def is_held(error: BaseException) -> bool:
    """Whether Windows refused because another program has the file open (or it lies where nobody may write)."""
    return getattr(error, "winerror", None) in _HELD_WINDOWS


_NO_ROOM = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_ROOM_WINDOWS = frozenset({39, 112})
"""ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL of the Windows API."""


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that there is no room (or no quota) left."""
    if not isinstance(error, OSError):
        return isinstance(error, DiskFull)
    return error.errno in _NO_ROOM or getattr(error, "winerror", None) in _NO_ROOM_WINDOWS


def held_open(what: object) -> FileHeld:
    """The error to raise when another program has ``what`` (a path or a name) open."""
    return FileHeld(f"another program has {what} open", "close it there (a player?), then try again")


def cannot_write(what: object, error: OSError, hint: str | None = None) -> InputError:
    """The error to raise when ``what`` (a path or a name) cannot be written."""
    if is_disk_full(error):
        return DiskFull(f"the disk is full: {what} cannot be written", "make room, then try again")
    if is_held(error):
        return held_open(error.filename or what)
    return InputError(f"cannot write {what}: {error.strerror or error}", hint)
