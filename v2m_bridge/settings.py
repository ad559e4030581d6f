"""Where state lives and what the environment may change (variables ``V2M_*``)."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from v2m_bridge.errors import SetupError

STATE_FOLDERS = ("inbox", "outbox", "scores", "cache", "models")


@lru_cache(maxsize=1)
def _platform_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("v2m-bridge", appauthor=False)


def home() -> Path:
    """The state folder: ``V2M_HOME``, else the platform's folder for user data. Not created here."""
    given = os.environ.get("V2M_HOME")
    return Path(given).expanduser() if given else _platform_home()


def cache_folder() -> Path:
    """``cache`` in the state folder: what can be made again. Not created here."""
    return home() / "cache"


def models_folder() -> Path:
    """``models`` in the state folder: weights that were imported or downloaded. Not created here."""
    return home() / "models"


def state_folder(name: str) -> Path:
    """``home()/name``, created on first use.

    Raises:
        SetupError: it cannot be created.
    """
    folder = home() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make the state folder {folder}: {error.strerror}", "set V2M_HOME") from error
    return folder


class Settings(BaseSettings):
    """What the environment says, read when the object is made; every field has a ``V2M_`` variable."""

    model_config = SettingsConfigDict(env_prefix="V2M_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = 8765
    osc_port: int = 8766
    media_roots: tuple[Path, ...] = ()
    clip_weights: Path | None = None

    @property
    def home(self) -> Path:
        """The state folder; see :func:`home`."""
        return home()
