"""What travels between a menu script and the inbox: facts in the file name, answers as Lua tables and JSON.

The Lua script of the free edition can write nothing but the exported edit itself, so everything beside the edit is in
its name: ``v2m1_<request>_r<rate>_d<0|1>_s<start>_i<in>_o<out>_w<preview>_m<mood>_b<tempo>_c<cue>_n<timeline>
_t<timeline id>_p<project>.otio``, without the line break. Letters and digits stand for themselves, every other byte is
``-XX``; a long name may be cut. A file ``v2m1_<request>_x1.otio`` cancels that request, whatever is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.files.names import as_bytes

PREFIX = "v2m1_"
_FIELD = re.compile(r"([a-z])((?:[A-Za-z0-9]|-[0-9A-F]{2})*)(?:-[0-9A-F]?)?")
_REQUEST = re.compile(r"[a-z0-9]{6,40}")
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})?")
MOST_FRAMES = 10**9


@dataclass(frozen=True)
class Request:
    """What a menu script asks for, and what it knows of the timeline.

    Attributes:
        request_id: the files of the answer are named after it.
        rate: the frame rate as Resolve printed it.
        start_frame: absolute frame of the timeline's start.
        mark_in, mark_out: first and last frame of the marked range, counted from the start of the timeline.
        preview: whether the preview sound is wanted.
        mood, tempo, cue: what was chosen for this press; empty where nothing was.
        cancels: the request is not wanted any more; the file holds no edit.
    """

    request_id: str
    project: str = ""
    timeline: str = ""
    timeline_id: str = ""
    rate: str = ""
    drop_frame: bool = False
    start_frame: int = 0
    mark_in: int | None = None
    mark_out: int | None = None
    preview: bool = False
    mood: str = ""
    tempo: str = ""
    cue: str = ""
    cancels: bool = False

    @property
    def options(self) -> dict[str, str | float | bool]:
        """What was chosen, by the names of the score's options."""
        found: dict[str, str | float | bool] = {"preview": True} if self.preview else {}
        if self.mood:
            found["mood"] = self.mood
        if self.tempo:
            found["tempo"] = float(self.tempo) if _NUMBER.fullmatch(self.tempo) else self.tempo
        return found


def request_of(name: str) -> Request | None:
    """The request that a file's name carries; None for a file that a person exported by hand."""
    stem = name.rsplit(".", 1)[0]
    if not stem.startswith(PREFIX):
        return None
    request_id, _, rest = stem[len(PREFIX) :].partition("_")
    if not _REQUEST.fullmatch(request_id):
        return None
    fields = {}
    for part in rest.split("_"):
        match = _FIELD.fullmatch(part)
        if match:
            fields[match[1]] = _decoded(match[2])
    return Request(
        request_id=request_id,
        project=fields.get("p", ""),
        timeline=fields.get("n", ""),
        timeline_id=fields.get("t", ""),
        rate=fields.get("r", ""),
        drop_frame=fields.get("d") == "1",
        start_frame=_frame(fields.get("s")) or 0,
        mark_in=_frame(fields.get("i")),
        mark_out=_frame(fields.get("o")),
        preview=fields.get("w") == "1",
        mood=fields.get("m", ""),
        tempo=fields.get("b", ""),
        cue=fields.get("c", ""),
        cancels=fields.get("x") == "1",
    )


def display_name(name: str) -> str:
    """What people call the edit in the file ``name``: cue and timeline, else the file's name without its suffix."""
    request = request_of(name)
    if request is None:
        return name.rsplit(".", 1)[0]
    title = request.timeline or request.project or "timeline"
    return f"{request.cue} {title}" if request.cue else title


def _decoded(text: str) -> str:
    raw = re.sub(rb"-([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text.encode("ascii"))
    return raw.decode("utf-8", errors="ignore")


def _frame(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"-?\d{1,9}", text):
        return None
    return int(text)


def lua_string(text: str) -> str:
    """A Lua string literal in pure ASCII; other bytes become decimal escapes, which every version of Lua reads."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in as_bytes(text)
    )
    return f'"{escaped}"'


def lua_answer(fields: dict[str, str | float | bool | None]) -> str:
    """A Lua chunk that returns the fields as a table, for ``loadfile``; fields that are None are left out."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, bool):
            lines.append(f"  {name} = {'true' if value else 'false'},")
        elif isinstance(value, int | float):
            lines.append(f"  {name} = {value!r},")
        elif value is not None:
            lines.append(f"  {name} = {lua_string(value)},")
    return "return {\n" + "\n".join(lines) + "\n}\n"


def folder_text(folder: Path, windows: bool) -> str:
    """A folder as scripts join it with a file name: with the separator at its end."""
    text = str(folder).rstrip("/\\")
    return text + ("\\" if windows else "/")
