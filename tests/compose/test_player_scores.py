"""What the player does in whole scores: themes on the form, breaths, seeds, and new takes of some bars."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import mido
import pytest

from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.playing.score_lines import phrase_at
from v2m_bridge.compose.playing.simple_form import simple_form
from v2m_bridge.compose.rewrite import RewriteRequest, rewrite_bars
from v2m_bridge.compose.write_files import write_files
from v2m_bridge.demo.edit import Demo, make_demo
from v2m_bridge.errors import InputError
from v2m_bridge.music.instruments import PRESETS, Role
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def score(demo: Demo, engine: Engine) -> Score:
    return compose(demo.edit, ScoreOptions(candidates=1, preset="orchestra"), engine)


def part(score: Score, role: str) -> list:
    return list(next(p for p in score.parts if p.role == role).notes)


def test_every_bar_belongs_to_one_phrase() -> None:
    for bars in range(1, 400):
        at = 1
        for phrase in simple_form(bars, [7, 19, 20]).phrases:
            assert phrase.start_bar == at
            assert phrase.bars >= 1
            at += phrase.bars
        assert at == bars + 1


def test_a_theme_asked_for_at_a_bar_is_first_heard_there() -> None:
    form = phrase_at(simple_form(32), 13)
    theme = next(p for p in form.phrases if p.start_bar == 13)
    assert theme.main
    assert theme.occurrence == 0
    assert all(p.letter != theme.letter for p in form.phrases if p.start_bar < 13)
    assert sum(p.bars for p in form.phrases) == 32


def test_a_score_has_themes_inside_the_registers_of_their_instruments(score: Score) -> None:
    assert score.themes[0].how == "statement"
    assert [p.letter for p in score.form]
    for role in (Role.MELODY, Role.CHORDS, Role.BASS, Role.FIGURE):
        sound = PRESETS["orchestra"][role].sound
        assert all(sound.lowest <= n.pitch <= sound.highest for n in part(score, role.value))
    melody = part(score, "melody")
    assert all(a.end_beat <= b.start_beat + 1e-3 for a, b in itertools.pairwise(melody))


def test_nothing_sounds_through_a_breath(score: Score) -> None:
    hits = [h.beat for h in score.fit.hits if h.must and h.lands != "miss" and h.beat > 1]
    for one in score.parts:
        for note in one.notes:
            assert not any(note.start_beat < h - 0.01 and note.end_beat > h - 0.24 for h in hits)


def test_the_table_of_figures_is_still_there(demo: Demo, engine: Engine) -> None:
    plain = compose(demo.edit, ScoreOptions(candidates=1, texture="figures", themes=False), engine)
    assert {p.role for p in plain.parts} <= {"chords", "bass", "figure", "swell", "hits"}
    assert plain.themes == () and plain.form, "without themes there is still a form, which the chords follow"


def test_a_new_take_changes_only_what_was_asked_for(score: Score, engine: Engine) -> None:
    bars = tempo_map_from_document(score.fit).bars(score.chords[-1].end_beat)
    starts = [bar.start_beat for bar in bars]
    request = RewriteRequest(3, 4, (Role.MELODY, Role.BASS), 9)
    taken = rewrite_bars(score, request, engine.player())
    assert rewrite_bars(score, request, engine.player()) == taken
    assert taken != score
    assert taken.model_copy(update={"parts": score.parts}) == score
    for before, after in zip(score.parts, taken.parts, strict=True):
        if before.role not in ("melody", "bass"):
            assert before == after
            continue
        inside = [[n for n in p.notes if starts[2] <= n.start_beat < starts[4]] for p in (before, after)]
        outside = [[n for n in p.notes if not starts[2] <= n.start_beat < starts[4]] for p in (before, after)]
        assert outside[0] == outside[1]
        assert all(n.end_beat <= starts[4] + 1e-6 for n in inside[1])
    with pytest.raises(InputError, match="not in the score"):
        rewrite_bars(score, RewriteRequest(3, 4000, (Role.MELODY,), 0), engine.player())
    with pytest.raises(InputError, match="swell"):
        rewrite_bars(score, RewriteRequest(3, 4, (Role.SWELL,), 0), engine.player())


def test_rewrite_from_the_command_line(score: Score, tmp_path: Path) -> None:
    write_files(score, tmp_path / "cue")
    before = json.loads((tmp_path / "cue" / "score.json").read_text())
    command = [sys.executable, "-m", "v2m_bridge", "rewrite", str(tmp_path / "cue"), "--bars", "2-3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["parts"] == ["melody"]
    after = json.loads((tmp_path / "cue" / "score.json").read_text())
    assert [key for key in before if before[key] != after[key]] in ([], ["parts"])


def test_a_theme_of_ones_own_is_what_is_played(demo: Demo, engine: Engine, tmp_path: Path) -> None:
    song, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    song.tracks.append(track)
    for pitch, beats in ((67, 1), (69, 1), (71, 2), (72, 1), (71, 1), (67, 2), (64, 2), (65, 1), (67, 5)):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480 * beats))
    song.save(str(tmp_path / "own.mid"))
    options = ScoreOptions(candidates=1, key="C major", theme=str(tmp_path / "own.mid"), texture="figures")
    made = compose(demo.edit, options, engine)
    gaps = [b.start_beat - a.start_beat for a, b in zip(part(made, "melody"), part(made, "melody")[1:], strict=False)]
    assert gaps[:4] == pytest.approx([1, 1, 2, 1])
    with pytest.raises(InputError, match="exclude"):
        compose(demo.edit, ScoreOptions(theme=str(tmp_path / "own.mid"), themes=False), engine)


def test_progress_of_the_parts_never_goes_back(tmp_path: Path, engine: Engine) -> None:
    edit = tmp_path / "minute.edl"
    edit.write_text("TITLE: minute\n001 A V C 00:00:00:00 00:01:00:00 01:00:00:00 01:01:00:00\n")
    told: list[float] = []

    def listen(stage: str, share: float) -> None:
        if stage == "parts":
            told.append(share)

    compose(edit, ScoreOptions(rate="24", tempo=120, candidates=1), engine, listen)
    assert len(told) > 5 and told == sorted(told)
