"""Which functions REAPER offers to Lua, and what they take: one fact a line in ``api.tsv``.

Columns: name, first version, extension ('' for REAPER itself), argument types, return types. A type is ``boolean``,
``integer``, ``number``, ``string``, ``function``, ``any`` or the name of an object; ``?`` marks what may be left out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("api.tsv")
PLAIN_TYPES = {"boolean", "integer", "number", "string", "function"}

FIRST_VERSIONS = {"InsertTrackInProject": "7.18", "GetSetTempoTimeSigMarkerFlag": "7.19"}
"""Where the published lists name the version that last touched the text instead of the first one."""

UNLISTED = (
    "defer 5.0\t\tfunction\t",
    "runloop 5.0\t\tfunction\t",
    "atexit 5.0\t\tfunction\t",
    "set_action_options 7.03\t\tinteger\t",
    "get_action_context 5.0\t\t\tboolean,string,integer,integer,integer,integer,integer,string",
    "AddRegionOrMarker 7.72\t\tReaProject,boolean,number,number,string,integer,integer\tProjectMarker",
    "GetNumRegionsOrMarkers 7.72\t\tReaProject\tinteger",
    "GetRegionOrMarker 7.72\t\tReaProject,integer,string\tProjectMarker",
    "GetRegionOrMarkerInfo_Value 7.72\t\tReaProject,ProjectMarker,string\tnumber",
    "SetRegionOrMarkerInfo_Value 7.72\t\tReaProject,ProjectMarker,string,number\tnumber",
    "GetSetRegionOrMarkerInfo_String 7.72\t\tReaProject,ProjectMarker,string,string,boolean\tboolean,string",
)
"""Functions of the Lua host itself, and newer ones that the published lists do not have yet."""


@dataclass(frozen=True)
class Parameter:
    """One argument or return value."""

    type: str
    optional: bool = False


@dataclass(frozen=True)
class Signature:
    """One function: first version as ``(7, 72)``, the extension it needs or ''."""

    name: str
    since: tuple[int, int]
    extension: str
    arguments: tuple[Parameter, ...]
    returns: tuple[Parameter, ...]


def version_of(text: str) -> tuple[int, int]:
    """``"7.79/linux-x86_64"`` -> (7, 79); REAPER counts 5.974 as 5.97, build 4."""
    match = re.match(r"(\d+)\.(\d{1,2})", text)
    if not match:
        raise ValueError(f"{text!r} is not a version")
    return int(match[1]), int(match[2])


@functools.cache
def signatures() -> Mapping[str, Signature]:
    """Every known function by name."""
    return {row.name: row for row in map(_row, TABLE.read_text(encoding="utf-8").splitlines()[1:])}


def _row(line: str) -> Signature:
    name, since, extension, arguments, returns = line.split("\t")
    return Signature(name, version_of(since), extension, _parameters(arguments), _parameters(returns))


def _parameters(text: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(t.rstrip("?"), t.endswith("?")) for t in text.split(",") if t)


def table_from_published(published: Mapping[str, Mapping[str, object]]) -> str:
    """The table's text from a published list: ``{name: {"lua": [form], "since": "Reaper=5.62 SWS=2.9.7"}}``.

    A form reads ``integer index = reaper.AddProjectMarker(ReaProject proj, boolean isrgn, ...)``. The version of a
    plain REAPER function is not taken from it: the lists give the version that last changed its text.
    """
    lines = []
    for name, entry in published.items():
        forms = entry["lua"]
        assert isinstance(forms, list)
        match = re.fullmatch(r"\s*(.*?)\s*=?\s*reaper\.[\w.]+\((.*)\)\s*", forms[0], re.S)
        if not match:
            continue
        requires = re.findall(r"(\w+)=", str(entry["since"]))
        extension = next((r for r in requires if r != "Reaper"), "")
        since = FIRST_VERSIONS.get(name, "5.0")
        lines.append(f"{name}\t{since}\t{extension}\t{_types(match[2])}\t{_types(match[1])}")
    lines += [line.replace(" ", "\t", 1) for line in UNLISTED]
    return "\n".join(["name\tsince\textension\targuments\treturns", *sorted(lines)]) + "\n"


def _types(text: str) -> str:
    return ",".join(_type(part.split()) for part in text.split(",") if part.strip())


def _type(words: Iterable[str]) -> str:
    words = list(words)
    optional = "?" if words[0] == "optional" else ""
    word = words[1] if optional and len(words) > 1 else words[0]
    if word in PLAIN_TYPES:
        return word + optional
    return (word if re.fullmatch(r"[A-Z]\w+", word) else "any") + optional
