"""Read what REAPER's script wrote back: answers beside jobs, and the handshake that names its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from v2m_bridge.errors import HostError
from v2m_bridge.reaper.read_job import parse_records

ANSWER_SUFFIX = ".answer"
HANDSHAKE = "reaper-import.txt"


@dataclass(frozen=True)
class ImportedPart:
    """One part as REAPER has it after the import."""

    key: str
    notes: int
    controls: int
    texts: int


class KeptItem(NamedTuple):
    """What an import left as the user made it, and in which bars of the project; markers have none."""

    key: str
    reason: str
    first_bar: int | None = None
    last_bar: int | None = None


@dataclass(frozen=True)
class Answer:
    """What an import did, read back from the project.

    Attributes:
        ok: whether it was done; if not, ``message`` says why and nothing was changed.
        base_s: seconds in the project where the cue starts; ``timecode`` is what the ruler shows there.
        tempo_points, worst_error_s: tempo points written and the largest distance of one from its place.
        kept: items left as the user made them.
        imported: what the import was limited to; empty: everything.
    """

    ok: bool
    job: str
    reaper: str
    project: str
    message: str = ""
    base_s: float = 0.0
    timecode: str = ""
    tempo_points: int = 0
    worst_error_s: float = 0.0
    markers: tuple[tuple[float, str], ...] = ()
    parts: tuple[ImportedPart, ...] = ()
    chords: int = 0
    kept: tuple[KeptItem, ...] = ()
    imported: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handshake:
    """How to run the import script: its command id (``_RS...``) and what it runs in."""

    command: str
    reaper: str
    script: str
    scripts_version: str


def read_answer(path: Path) -> Answer | None:
    """The answer at ``path``, or None while it is not there.

    Raises:
        HostError: it is not an answer of the script.
    """
    rows = _rows(path, "v2m-answer")
    if rows is None:
        return None
    single = {name: fields for name, fields in rows}
    try:
        tempo = single.get("tempo", ["0", "0"])
        return Answer(
            ok=single["status"] == ["ok"],
            job=single["job"][0],
            reaper=single["reaper"][0],
            project=single["project"][0],
            message=single.get("message", [""])[0],
            base_s=float(single.get("base", ["0"])[0]),
            timecode=single.get("timecode", [""])[0],
            tempo_points=int(tempo[0]),
            worst_error_s=float(tempo[1]),
            markers=tuple((float(f[0]), f[1]) for name, f in rows if name == "marker"),
            parts=tuple(ImportedPart(f[0], int(f[1]), int(f[2]), int(f[3])) for name, f in rows if name == "part"),
            chords=int(single.get("chords", ["0"])[0]),
            kept=tuple(KeptItem(f[0], f[1], *map(int, f[2:4])) for name, f in rows if name == "kept"),
            imported=tuple(single.get("imported", [""])[0].split()),
            warnings=tuple(f[0] for name, f in rows if name == "warning"),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise HostError(f"{path.name} is not an answer this program understands: {error}") from error


def read_handshake(outbox: Path) -> Handshake | None:
    """What the import script said of itself when it last ran, or None if it never did."""
    rows = _rows(outbox / HANDSHAKE, "v2m-handshake")
    if rows is None:
        return None
    single = {name: fields[0] for name, fields in rows if fields}
    if "command" not in single:
        raise HostError(f"{outbox / HANDSHAKE} names no command", "run 'v2m: Import score' in REAPER once")
    return Handshake(single["command"], single.get("reaper", ""), single.get("script", ""), single.get("scripts", ""))


def _rows(path: Path, header: str) -> list[tuple[str, list[str]]] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"cannot read {path}: {error}") from error
    return parse_records(text, header, path.name)
