"""Running the real scripts against the model of REAPER, and comparing a project with a score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from v2m_bridge.music.arrangement import Part
from v2m_bridge.reaper.item_sections import section_edges
from v2m_bridge.reaper.session import plan_session
from v2m_bridge.reaper.write_job import post_job
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.testing.reaper.host import Host
from v2m_bridge.testing.reaper.lua import Reaper
from v2m_bridge.testing.reaper.midi import controls_of, notes_of, texts_of
from v2m_bridge.testing.reaper.project import MediaTake, MediaTrack, Project

SCRIPTS = Path(__file__).parents[2] / "integrations" / "reaper" / "Score"
IMPORT = SCRIPTS / "v2m_Import score.lua"
WATCH = SCRIPTS / "v2m_Watch for scores.lua"
CUTS = SCRIPTS / "v2m_Send this project's cuts.lua"
YES, NO = 6, 7
EXACT_S = 1e-6
TAKE_NEW = SCRIPTS / "v2m_Take the new version.lua"
VERSIONS = ["6.80/win64", "7.0/macOS-arm64", "7.79/linux-x86_64"]


def reaper_at(home: Path, project: Project | None = None, version: str = VERSIONS[-1], **host: Any) -> Reaper:
    """A REAPER whose scripts look into ``home``."""
    made = Host(version=version, project=project or Project(), **host)
    made.ext_state["v2m", "home"] = str(home)
    (home / "outbox").mkdir(parents=True, exist_ok=True)
    return Reaper(made)


def import_score(reaper: Reaper, home: Path, score: Score, action: Path = IMPORT) -> dict[str, list[list[str]]]:
    """Post ``score``, run the import script (or another action), and return the answer's records by name."""
    job = post_job(score, home / "outbox")
    reaper.run(action)
    return answer_of(job)


def answer_of(job: Path) -> dict[str, list[list[str]]]:
    lines = job.with_suffix(".answer").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == f"end\t{len(lines) - 1}"
    rows: dict[str, list[list[str]]] = {}
    for line in lines[:-1]:
        name, *fields = line.split("\t")
        rows.setdefault(name, []).append(fields)
    return rows


def track_named(project: Project, name: str) -> MediaTrack:
    (track,) = [t for t in project.state.tracks if t.name == name]
    return track


def assert_holds(project: Project, score: Score, base_s: float = 0.0) -> None:
    """Every tempo point, marker, region, chord, note, controller and name is where the score says."""
    session = plan_session(score)
    tempo = project.state.tempo
    start_qn = tempo.qn(base_s)
    for row in score.fit.tempo:
        assert abs(tempo.time(start_qn + row.beat) - base_s - row.seconds) < EXACT_S
        (point,) = [p for p in tempo.points if abs(p.time - base_s - row.seconds) < EXACT_S]
        assert abs(point.bpm - row.bpm) < 1e-6
        assert tempo.signature_at(tempo.qn(point.time)) == (row.numerator, row.denominator)
        if point.numerator:
            assert tempo.measure_at(tempo.qn(point.time) + 1e-9)[1] < 1e-6
    ours = sorted((m.position - base_s, m.name) for m in project.state.markers if m.end is None)
    for marker in session.markers:
        assert any(abs(t - marker.seconds) < EXACT_S and n == marker.name for t, n in ours), marker
    (region,) = [m for m in project.state.markers if m.end is not None and m.name == score.timeline.name]
    assert abs(region.position - base_s) < EXACT_S
    assert abs(region.end - base_s - session.duration_s) < EXACT_S
    chords = track_named(project, "CHORDS").items
    assert len(chords) == len(score.chords)
    for item, chord in zip(chords, session.tracks[0 if not session.tracks[0].videos else 1].chords, strict=True):
        assert item.notes == chord.symbol
    for item, document in zip(chords, score.chords, strict=True):
        assert abs(item.position - base_s - document.start_s) < EXACT_S
        assert abs(item.position + item.length - base_s - document.end_s) < EXACT_S
    for part in score.parts:
        assert_part(project, score, part.name, base_s)


def assert_part(project: Project, score: Score, name: str, base_s: float) -> None:
    """Every note, controller and chord name of the part is in one of the items on its track, in its place."""
    (part,) = [p for p in played_parts(score) if p.name == name]
    takes = [item.take for item in track_named(project, name).items]
    tempo = project.state.tempo
    start_qn = tempo.qn(base_s)

    def second(beat: float) -> float:
        return tempo.time(start_qn + beat)

    starts = sorted((project.time_at_ppq(t, n.start), n.pitch, n.velocity) for t in takes for n in notes_of(t))
    ends = sorted(project.time_at_ppq(t, n.end) for t in takes for n in notes_of(t))
    wanted = sorted((second(b), pitch, velocity) for b, _, pitch, velocity in part.notes)
    assert len(starts) == len(wanted)
    assert all(abs(a[0] - b[0]) < EXACT_S for a, b in zip(starts, wanted, strict=True))
    assert sorted(s[1:] for s in starts) == sorted(w[1:] for w in wanted)
    # a note that ends between two ticks, as at the film's last frame, ends on the nearer one
    wanted_ends = sorted(second(round((b + length) * 960) / 960) for b, length, _, _ in part.notes)
    assert all(abs(a - b) < EXACT_S for a, b in zip(ends, wanted_ends, strict=True))
    edges = section_edges(score)
    for item in track_named(project, name).items:
        assert any(abs(item.position - second(edge)) < EXACT_S for edge in edges)
    for take in takes:
        assert_controls(project, take, part, second)
    texts = sorted((project.time_at_ppq(t, tick), data) for t in takes for tick, _, data in texts_of(t))
    if part.role == "chords":
        assert [t[1][:2] for t in texts] == [b"\xff\x06"] * len(score.chords)
        assert all(abs(t[0] - base_s - c.start_s) < EXACT_S for t, c in zip(texts, score.chords, strict=True))
    else:
        assert texts == []


def assert_controls(project: Project, take: MediaTake, part: Part, second: Callable[[float], float]) -> None:
    """The controllers of the item are the part's, with their value at its start and what the curve comes to at its end.

    They are curves on channel 1, to which instruments listen, and no program changes.
    """
    controls = controls_of(take)
    assert {data[0] & 0x0F for _, _, data in take.events if data[0] < 0xF0} == {0}
    assert {(data[0], flags) for _, flags, data in controls} <= {(0xB0, 16)}
    got = [(project.time_at_ppq(take, tick), data[1], data[2]) for tick, _, data in controls]
    wanted = [(second(beat), number, value) for beat, number, value in part.controls]
    own = [g for g in got if any(abs(g[0] - w[0]) < EXACT_S and g[1:] == w[1:] for w in wanted)]
    first, last = take.item.position, max([take.item.position, *(g[0] for g in got)])
    assert all(g in own or min(abs(g[0] - first), abs(g[0] - last)) < EXACT_S for g in got)
    inside = [w for w in wanted if first - EXACT_S <= w[0] < last - EXACT_S]
    assert all(any(abs(g[0] - w[0]) < EXACT_S and g[1:] == w[1:] for g in own) for w in inside)
    for number in {w[1] for w in wanted if w[0] < first + EXACT_S}:
        assert any(abs(g[0] - first) < EXACT_S and g[1] == number for g in got)


def picture_of(project: Project) -> Any:
    """Everything of a project that a user would miss, comparable with ``==``."""
    state = project.state
    return (
        [(p.time, p.bpm, p.numerator, p.denominator, p.linear) for p in state.tempo.points],
        sorted((m.position, m.end or 0.0, m.name, m.number, m.color, m.lane) for m in state.markers),
        [(lane.name, lane.timebase) for lane in state.lanes],
        [
            (
                t.name,
                dict(t.values),
                dict(t.ext),
                [(dict(i.values), i.notes, dict(i.ext), takes_of(i)) for i in t.items],
            )
            for t in [*state.tracks, state.master]
        ],
    )


def items_of(item: Any) -> Any:
    return dict(item.values), item.notes, dict(item.ext), takes_of(item)


def takes_of(item: Any) -> Any:
    return [(t.name, dict(t.values), list(t.events), t.source and t.source.path) for t in item.takes]
