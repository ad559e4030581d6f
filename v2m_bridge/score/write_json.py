"""``score.json``: the whole score as one JSON document, one row a line so that it can be read and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from v2m_bridge.errors import InputError
from v2m_bridge.score.model import Score


def score_json(score: Score) -> dict[str, Any]:
    """The pinned JSON form, ``v2m.score/1``."""
    return score.model_dump(mode="json", by_alias=True)


def write_score(score: Score, path: Path) -> None:
    """Write ``score`` as UTF-8 JSON."""
    path.write_text(score_text(score), encoding="utf-8", newline="\n")


def score_text(score: Score) -> str:
    """What ``score.json`` holds."""
    return _rows(score_json(score)) + "\n"


def score_file(cue: Path) -> Path:
    """The ``score.json`` of a cue that is named by its folder or by that file."""
    return cue / "score.json" if cue.is_dir() else cue


def read_score(path: Path) -> Score:
    """Read a ``score.json`` back.

    Raises:
        InputError: not there, not JSON, or not a score.
    """
    from pydantic import ValidationError

    try:
        return Score.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path} is not a v2m score: {place}: {first['msg']}") from error


def _rows(value: Any, depth: int = 0) -> str:
    """JSON with objects opened to the third level and everything below on one line."""
    pad, inner = " " * depth, " " * (depth + 1)
    if isinstance(value, dict) and depth < 3 and value:
        rows = [f"{inner}{json.dumps(key)}: {_rows(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{pad}}}"
    if isinstance(value, list) and depth < 5 and any(isinstance(item, dict | list) for item in value):
        rows = [f"{inner}{_rows(item, max(3, depth + 1))}" for item in value]
        return "[\n" + ",\n".join(rows) + f"\n{pad}]"
    return json.dumps(value, ensure_ascii=False)
