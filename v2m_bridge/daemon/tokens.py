"""Secrets: the bearer token of programs, one-time links for a browser, and the sessions these open."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Protocol

from v2m_bridge.errors import SetupError
from v2m_bridge.files.rename import rename

TOKEN_BYTES = 32
SHORTEST_TOKEN = 16
LINK_LIFE_S = 600.0
SESSION_LIFE_S = 30 * 24 * 3600.0
MOST_LINKS = 32


def same_secret(given: str, expected: str) -> bool:
    """Compare in constant time, so that the time taken does not tell how much was right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def digest(secret: str) -> str:
    """What is stored of a session secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def checked_token(token: str) -> str:
    """A token that a user chose, if it is fit for use.

    Raises:
        SetupError: too short, or with characters that a header cannot carry.
    """
    if len(token) < SHORTEST_TOKEN or not token.isascii() or any(c.isspace() or not c.isprintable() for c in token):
        raise SetupError(
            f"the token needs at least {SHORTEST_TOKEN} printable ASCII characters without spaces",
            "for instance: openssl rand -hex 32",
        )
    return token


def read_token(path: Path) -> str | None:
    """The token in ``path``, or None when there is none.

    Raises:
        SetupError: the file cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"cannot read the token file {path}", "delete it to get a new one") from error
    return checked_token(text)


def new_token() -> str:
    """A token that nobody knows yet."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def write_token(path: Path, token: str) -> None:
    """Leave the token in ``path`` for programs of this user; nobody else may read the file at any moment.

    Raises:
        SetupError: the file cannot be written.
    """
    write_private(path, token + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in place of whatever was there.

    Raises:
        SetupError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        rename(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SetupError(f"cannot write the file {path}: {error.strerror}", "set V2M_HOME") from error


class OneTimeLinks:
    """Codes that open one browser session each, for ten minutes."""

    def __init__(self, life_s: float = LINK_LIFE_S) -> None:
        self._life_s = life_s
        self._codes: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self) -> str:
        """A new code; the oldest unused one goes when there are too many."""
        code = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._forget_old()
            while len(self._codes) >= MOST_LINKS:
                self._codes.pop(next(iter(self._codes)))
            self._codes[digest(code)] = time.monotonic() + self._life_s
        return code

    def redeem(self, code: str) -> bool:
        """Whether ``code`` was valid; it is not any more."""
        with self._lock:
            self._forget_old()
            return self._codes.pop(digest(code), None) is not None

    def _forget_old(self) -> None:
        now = time.monotonic()
        for code in [code for code, until in self._codes.items() if until < now]:
            del self._codes[code]


class SessionKeeper(Protocol):
    """What keeps sessions when the daemon stops (the job store)."""

    def add_session(self, digest: str, until_s: float) -> None:
        """Keep a session until ``until_s`` (Unix time)."""

    def sessions(self) -> dict[str, float]:
        """Digest -> end of every open session."""
        ...

    def end_session(self, digest: str) -> None:
        """Forget a session."""


class Sessions:
    """Open browser sessions, by the digest of their secret; looked up without touching the disk."""

    def __init__(self, keeper: SessionKeeper, life_s: float = SESSION_LIFE_S) -> None:
        self._keeper = keeper
        self.life_s = life_s
        self._until = keeper.sessions()

    def open(self) -> str:
        """The secret of a new session."""
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        until = time.time() + self.life_s
        self._keeper.add_session(digest(secret), until)
        self._until[digest(secret)] = until
        return secret

    def known(self, secret_digest: str) -> bool:
        """Whether the session is open."""
        return self._until.get(secret_digest, 0.0) > time.time()

    def end(self, secret_digest: str) -> None:
        """Sign the browser out."""
        self._until.pop(secret_digest, None)
        self._keeper.end_session(secret_digest)


def tighten(path: Path) -> None:
    """Let only its owner read a folder of ours, on systems that have such rights."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            path.chmod(0o700)
