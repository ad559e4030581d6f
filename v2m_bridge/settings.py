"""Where state lives and what the environment may change (variables ``V2M_*``)."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from v2m_bridge.errors import InputError, SetupError

LOGS = "logs"
"""Folder in the state folder for what a daemon without a console has to say."""

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


def shipped_models() -> Path:
    """Folder of the checkpoints that come with the package: inside the wheel, else ``models/`` of the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def state_folder(name: str) -> Path:
    """``home()/name``, created on first use.

    Raises:
        SetupError: it cannot be created.
    """
    return make_folder(home() / name)


def make_folder(folder: Path) -> Path:
    """A folder of the state folder, made if it is missing.

    Raises:
        SetupError: it is a file, cannot be made, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SetupError(f"{folder} is a file and has to be a folder", "move the file away, or set V2M_HOME") from error
    except OSError as error:
        raise SetupError(f"cannot make the state folder {folder}: {error.strerror}", "set V2M_HOME") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SetupError(f"the state folder {folder} cannot be written to", "change its rights, or set V2M_HOME")
    return folder


Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """What the environment says, read when the object is made; every field has a ``V2M_`` variable."""

    model_config = SettingsConfigDict(env_prefix="V2M_", frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: Port = 8765
    osc_port: Port = 8766
    media_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    clip_weights: Path | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    @field_validator("media_roots", mode="before")
    @classmethod
    def _folders(cls, given: object) -> object:
        """Folders as people write them: divided as in ``PATH``, or as a JSON list; ``~`` is the user's folder."""
        if not isinstance(given, str):
            return given
        text = given.strip()
        try:
            found = json.loads(text) if text.startswith("[") else text.split(os.pathsep)
        except ValueError:
            raise ValueError("begins like a JSON list and is none") from None
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise ValueError("is no list of folders")
        return [Path(name.strip().strip('"')).expanduser() for name in found if name.strip()]

    def __init__(self, **values: Any) -> None:
        """Read the environment.

        Raises:
            InputError: a variable holds something that cannot be used; the message names it.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = "V2M_" + str(first["loc"][0]).upper()
            reason = first["msg"].removeprefix("Value error, ")
            reason = reason[:1].lower() + reason[1:]
            raise InputError(f"{name} is {os.environ.get(name, '')[:80]!r}: {reason}", "correct or unset it") from None

    @property
    def home(self) -> Path:
        """The state folder; see :func:`home`."""
        return home()
