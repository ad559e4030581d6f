"""``v2m-bridge push``: a finished score into a running REAPER."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.reaper.push import PushReport
    from v2m_bridge.reaper.read_answer import Answer
    from v2m_bridge.reaper.session import ImportWish
    from v2m_bridge.score.model import Score


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("push")(push)


def read_score(path: Path) -> Score:
    """The score at ``path``: a ``score.json``, or the folder that ``v2m-bridge score`` wrote.

    Raises:
        InputError: there is none, or it is not one.
    """
    from pydantic import ValidationError

    from v2m_bridge.errors import InputError
    from v2m_bridge.score.model import Score
    from v2m_bridge.score.write_json import score_file

    file = score_file(path)
    try:
        return Score.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", "give a score.json or the folder it is in") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file} is not a score: {where or 'it'}: {first['msg']}", "score the edit again") from error


def push(
    source: Path = typer.Argument(..., metavar="SCORE", help="A score.json, or the folder it is in."),
    host: str = typer.Option("127.0.0.1", "--host", help="Machine on which REAPER runs."),
    port: int = typer.Option(8000, "--port", min=1, max=65535, help="UDP port of REAPER's OSC device."),
    listen: int | None = typer.Option(None, "--listen", min=1, max=65535, help="Our own port for REAPER's feedback."),
    timeout: float = typer.Option(60.0, "--timeout", min=0.1, help="Seconds to wait for the script's answer."),
    only: list[str] = typer.Option(
        [], "--only", help="Only this: tempo, markers, chords or parts. Repeatable; what is not named stays as it is."
    ),
    take_new: bool = typer.Option(
        False, "--take-new", help="Replace also what you locked, renamed, moved or edited in REAPER."
    ),
    osc_only: bool = typer.Option(False, "--osc-only", help="Only markers and the cue region, without the script."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as one JSON object and nothing else."),
) -> None:
    """Bring a score into the open REAPER project: tempo map, markers, chords and parts, in one undo step."""
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.errors import HostAbsent
    from v2m_bridge.reaper.push import PushOptions, push_score
    from v2m_bridge.settings import state_folder

    score = read_score(source)
    options = PushOptions(host, port, listen, timeout, osc_only, _wish(only, take_new))
    with shown_progress({"import": 1.0, "markers": 1.0}, quiet=as_json) as progress:
        report = push_score(score, state_folder("outbox"), options, progress)
    if report.answer is None and report.confirmed == 0:
        raise HostAbsent(
            f"REAPER does not answer on UDP port {port}, so nothing was changed there; the score waits as {report.job}",
            "start REAPER and run the action 'v2m: Import score'; v2m-bridge install reaper puts it there, "
            "v2m-bridge doctor says whether it did",
        )
    if as_json:
        print_json(_document(report))
        return
    _show(report, score.timeline.name or source.name)
    print_warnings(report.answer.warnings if report.answer else ())


def _wish(only: list[str], take_new: bool) -> ImportWish:
    from v2m_bridge.errors import InputError
    from v2m_bridge.reaper.session import ImportWish, Thing

    things = tuple(thing for thing in Thing if thing.value in only)
    unknown = [word for word in only if word not in set(Thing)]
    if unknown:
        raise InputError(f"--only {unknown[0]}: there is no such thing to import", f"one of {', '.join(Thing)}")
    return ImportWish(() if len(things) == len(Thing) else things, take_new)


def _document(report: PushReport) -> dict[str, object]:
    answer = report.answer
    return {
        "schema": "v2m.push/1",
        "way": report.way,
        "job": str(report.job),
        "markers": report.markers,
        "confirmed": report.confirmed,
        "left_out": list(report.left_out),
        "reaper": answer.reaper if answer else None,
        "project": answer.project if answer else None,
        "base_s": answer.base_s if answer else None,
        "timecode": answer.timecode if answer else None,
        "tempo_points": answer.tempo_points if answer else 0,
        "worst_error_s": answer.worst_error_s if answer else None,
        "notes": {p.key: p.notes for p in answer.parts} if answer else {},
        "chords": answer.chords if answer else 0,
        "imported": list(answer.imported) if answer else [],
        "kept": [[k.key, k.reason] for k in answer.kept] if answer else [],
        "kept_bars": [None if k.first_bar is None else [k.first_bar, k.last_bar] for k in answer.kept]
        if answer
        else [],
        "warnings": list(answer.warnings) if answer else [],
    }


KEPT = {
    "locked": "locked",
    "renamed": "renamed by you",
    "moved": "moved by you",
    "edited": "edited by you",
}
"""Reasons of the import script -> words."""


def _show(report: PushReport, name: str) -> None:
    """What is in REAPER now, where, and what to do next."""
    answer = report.answer
    if answer is None:
        typer.echo(
            f"{name}: {report.markers} markers and the cue region were sent to REAPER by OSC; "
            f"it confirmed {report.confirmed}."
        )
        typer.echo(f"Not sent, because OSC cannot: {', '.join(report.left_out)}.")
        typer.echo("Next: for the whole score run v2m-bridge install reaper, start REAPER again, and push once more.")
        return
    project = Path(answer.project).name if answer.project else "the open project"
    typer.echo(f"{name} is in REAPER {answer.reaper}: {project}, from {_clock(answer.base_s)} on ({answer.timecode}).")
    typer.echo(f"  {_contents(answer)}")
    for kept in answer.kept:
        bars = "" if kept.first_bar is None else f", bars {kept.first_bar} to {kept.last_bar}"
        typer.echo(f"  left as it was: {kept.key}{bars} ({KEPT.get(kept.reason, kept.reason)})")
    if any(kept.first_bar is not None for kept in answer.kept):
        typer.echo(
            "  the new version of these: select them in REAPER and run 'v2m: Take the new version', or push --take-new"
        )
    typer.echo(
        "Next: give the tracks instruments (they keep them through every push) and play. One undo takes it back."
    )


def _contents(answer: Answer) -> str:
    """What was imported, in numbers."""
    notes = sum(part.notes for part in answer.parts)
    found = {
        "tempo": f"{answer.tempo_points} tempo points",
        "markers": f"{len(answer.markers)} markers",
        "chords": f"{answer.chords} chords",
        "parts": f"{notes} notes on {len(answer.parts)} tracks",
    }
    text = ", ".join(text for thing, text in found.items() if not answer.imported or thing in answer.imported)
    if answer.imported and "tempo" not in answer.imported:
        return f"only {text}"
    only = "only " if answer.imported else ""
    return f"{only}{text}; read back, the tempo is {_exactness(answer.worst_error_s)}"


def _clock(seconds: float) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{int(hours)}:{int(minutes):02d}:{rest:06.3f}"


def _exactness(worst_error_s: float) -> str:
    """Distance of the worst tempo point from its place, in the unit that it is felt in."""
    if worst_error_s < 1e-6:
        return "exact to a microsecond"
    return f"at most {worst_error_s * 1000:.3f} ms off"
