"""What travels beside an edit in the inbox: a file ``NAME.json`` with options, and the marks in the edit's own name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError

from v2m_bridge.edits.menu_request import Request
from v2m_bridge.errors import InputError, is_held
from v2m_bridge.options import ScoreOptions

SIDECAR_BYTES = 64 * 1024
"""A larger file is none of ours."""

log = logging.getLogger("v2m_bridge.inbox")

RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,40}$")]


class Sidecar(BaseModel):
    """Content of ``NAME.json``, written before ``NAME.otio``.

    Attributes:
        options: the names of :class:`v2m_bridge.options.ScoreOptions`; others are passed over.
        request: what the answer's files are to be named after.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    options: dict[str, JsonValue] = {}
    request: RequestId | None = None


def read_sidecar(edit: Path) -> Sidecar:
    """The sidecar of an edit; one that is missing, too large or damaged counts as empty (the log says so).

    Raises:
        OSError: another program holds it at this moment.
    """
    path = edit.with_suffix(".json")
    try:
        if not path.is_file() or path.stat().st_size > SIDECAR_BYTES:
            return Sidecar()
        return Sidecar.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        if is_held(error):
            raise
        log.warning("inbox: %s cannot be read and is ignored: %s", path.name, error)
        return Sidecar()


def options_for(sidecar: Sidecar, request: Request | None) -> ScoreOptions:
    """The options of a score: those of the sidecar and of the press, and the range between the marks of the timeline.

    Names that are not known are left out with a note in the log.

    Raises:
        InputError: a value that cannot be used.
    """
    given: dict[str, JsonValue] = {**sidecar.options}
    if request is not None:
        given |= {**request.options, **_marked_range(request)}
    try:
        return ScoreOptions.model_validate(given)
    except ValidationError as error:
        unknown = {str(e["loc"][-1]) for e in error.errors() if e["type"] == "extra_forbidden"} & given.keys()
        if not unknown:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InputError(f"option {place}: {first['msg']}") from None
    log.warning("options of the inbox that are not known here: %s", ", ".join(sorted(unknown))[:200])
    known = {name: value for name, value in sidecar.options.items() if name not in unknown}
    return options_for(Sidecar(options=known), request)


def _marked_range(request: Request) -> dict[str, int]:
    """In and out points as half-open frames; a mark that is not set leaves its side open."""
    found = {}
    if request.mark_in is not None and request.mark_in > 0:
        found["first_frame"] = request.mark_in
    if request.mark_out is not None and request.mark_out >= (request.mark_in or 0):
        found["end_frame"] = request.mark_out + 1
    return found
