"""Running the real scripts against the model of REAPER, and comparing a project with a score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from v2m_bridge.reaper.session import plan_session
from v2m_bridge.reaper.write_job import post_job
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.testing.reaper.host import Host
from v2m_bridge.testing.reaper.lua import Reaper
from v2m_bridge.testing.reaper.midi import controls_of, notes_of, texts_of
from v2m_bridge.testing.reaper.project import MediaTrack, Project

SCRIPTS = Path(__file__).parents[2] / "integrations" / "reaper" / "Score"
IMPORT = SCRIPTS / "v2m_Import score.lua"
WATCH = SCRIPTS / "v2m_Watch for scores.lua"
CUTS = SCRIPTS / "v2m_Send this project's cuts.lua"
YES, NO = 6, 7
EXACT_S = 1e-6
VERSIONS = ["6.80/win64", "7.0/macOS-arm64", "7.79/linux-x86_64"]


def reaper_at(home: Path, project: Project | None = None, version: str = VERSIONS[-1], **host: Any) -> Reaper:
    """A REAPER whose scripts look into ``home``."""
    made = Host(version=version, project=project or Project(), **host)
    made.ext_state["v2m", "home"] = str(home)
    (home / "outbox").mkdir(parents=True, exist_ok=True)
    return Reaper(made)


def import_score(reaper: Reaper, home: Path, score: Score) -> dict[str, list[list[str]]]:
    """Post ``score``, run the import script, and return the answer's records by name."""
    job = post_job(score, home / "outbox")
    reaper.run(IMPORT)
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
    (part,) = [p for p in played_parts(score) if p.name == name]
    (item,) = track_named(project, name).items
    take = item.take
    assert take
    tempo = project.state.tempo
    start_qn = tempo.qn(base_s)

    def second(beat: float) -> float:
        return tempo.time(start_qn + beat)

    starts = sorted((project.time_at_ppq(take, n.start), n.pitch, n.velocity) for n in notes_of(take))
    ends = sorted(project.time_at_ppq(take, n.end) for n in notes_of(take))
    wanted = sorted((second(b), pitch, velocity) for b, _, pitch, velocity in part.notes)
    assert len(starts) == len(wanted)
    assert all(abs(a[0] - b[0]) < EXACT_S for a, b in zip(starts, wanted, strict=True))
    assert sorted(s[1:] for s in starts) == sorted(w[1:] for w in wanted)
    # a note that ends between two ticks, as at the film's last frame, ends on the nearer one
    wanted_ends = sorted(second(round((b + length) * 960) / 960) for b, length, _, _ in part.notes)
    assert all(abs(a - b) < EXACT_S for a, b in zip(ends, wanted_ends, strict=True))
    controls = controls_of(take)
    assert {data[0] & 0x0F for _, _, data in take.events if data[0] < 0xF0} == {0}  # instruments listen to channel 1
    assert {(data[0], flags) for _, flags, data in controls} <= {(0xB0, 16)}  # curves, and no program change
    got = sorted((project.time_at_ppq(take, tick), data[1], data[2]) for tick, _, data in controls)
    expected = sorted((second(b), number, value) for b, number, value in part.controls)
    assert len(got) == len(expected)
    assert all(abs(a[0] - b[0]) < EXACT_S and a[1:] == b[1:] for a, b in zip(got, expected, strict=True))
    texts = [(project.time_at_ppq(take, tick), data) for tick, _, data in texts_of(take)]
    if part.role == "chords":
        assert [t[1][:2] for t in texts] == [b"\xff\x06"] * len(score.chords)
        assert all(abs(t[0] - base_s - c.start_s) < EXACT_S for t, c in zip(texts, score.chords, strict=True))
    else:
        assert texts == []


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
