"""The whole path, from an edit to files, on a film made here and on real edits where they are at hand."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import mido
import pytest
import torch

from v2m_bridge.amt.checkpoints import load_chord_network
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.stages import STAGES
from v2m_bridge.compose.write_files import write_files
from v2m_bridge.demo.edit import Demo, make_demo
from v2m_bridge.errors import Cancelled, InputError
from v2m_bridge.music.chords import parse_label
from v2m_bridge.music.keys import parse_key
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_json import read_score, score_json

TABLES = ("cuesheet.csv", "hits.csv", "chords.csv", "seconds.csv")
FILES = ("score.json", "score.mid", "score.rpp", "score.v2m", "score.musicxml", "cuesheet.html", *TABLES)

PLAIN = {"texture": "figures", "themes": False}
"""For tests that look at chords and dynamics alone."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def demo_score(demo: Demo, engine: Engine) -> Score:
    return compose(demo.edit, ScoreOptions(), engine)


def seconds_by_file(path: Path) -> tuple[mido.MidiFile, list[tuple[int, int]]]:
    """The file and its own tempo events as (tick, microseconds per quarter)."""
    file = mido.MidiFile(str(path), charset="utf-8")
    events, tick = [], 0
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "set_tempo":
            events.append((tick, message.tempo))
    return file, events


def seconds_at(tick: int, events: list[tuple[int, int]], ppq: int) -> Fraction:
    total, before, tempo = Fraction(0), 0, events[0][1]
    for at, next_tempo in events:
        if at > tick:
            break
        total += Fraction((at - before) * tempo, ppq * 1_000_000)
        before, tempo = at, next_tempo
    return total + Fraction((tick - before) * tempo, ppq * 1_000_000)


def assert_midi_keeps_the_hits(score: Score, path: Path) -> int:
    file, events = seconds_by_file(path)
    assert file.type == 1 and file.ticks_per_beat == 480
    rate = Fraction(score.timeline.rate)
    landed = [hit for hit in score.fit.hits if hit.lands != "miss"]
    for hit in landed:
        seconds = seconds_at(round(hit.beat * 480), events, 480)
        assert abs(seconds * rate - hit.frame) <= Fraction(1, 2), hit
    for row in score.fit.tempo:
        assert abs(float(seconds_at(round(row.beat * 480), events, 480)) - row.seconds) < 1e-3
    end = float(seconds_at(round(score.fit.end_beat * 480), events, 480))
    assert end == pytest.approx(score.timeline.duration_frames / rate, abs=2e-3)
    return len(landed)


def share_in_key(scores: list[Score]) -> float:
    """Share of chords of which every tone lies in the score's key (natural or harmonic minor, or major)."""
    inside = []
    for score in scores:
        key = parse_key(score.key)
        steps = ((0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 8, 11)) if key.minor else ((0, 2, 4, 5, 7, 9, 11),)
        scales = [{(key.tonic + step) % 12 for step in scale} for scale in steps]
        tones = [set(parse_label(chord.label).pitch_classes) for chord in score.chords]
        inside += [any(chord <= scale for scale in scales) for chord in tones]
    assert len(inside) >= 20
    return sum(inside) / len(inside)


def compose_seeds(edit: Path, engine: Engine) -> list[Score]:
    return [compose(edit, ScoreOptions(affect=0, seed=seed, **PLAIN), engine) for seed in range(6)]


def test_every_file_is_written_and_the_score_reads_back(demo_score: Score, tmp_path: Path) -> None:
    assert write_files(demo_score, tmp_path / "cue") == FILES
    assert sorted(file.name for file in (tmp_path / "cue").glob("[!.]*")) == sorted(FILES)
    assert read_score(tmp_path / "cue" / "score.json") == demo_score
    document = json.loads((tmp_path / "cue" / "score.json").read_text(encoding="utf-8"))
    assert document["schema"] == "v2m.score/1"
    assert document["timeline"]["schema"] == "v2m.timeline/1" and document["fit"]["schema"] == "v2m.fit/1"


def test_the_cuts_of_the_demo_land(demo_score: Score, tmp_path: Path) -> None:
    assert len(demo_score.timeline.cuts) == 10
    assert demo_score.fit.summary.landed_share == 1
    assert all(hit.lands == "downbeat" for hit in demo_score.fit.hits if hit.must)
    write_files(demo_score, tmp_path / "cue")
    assert assert_midi_keeps_the_hits(demo_score, tmp_path / "cue" / "score.mid") == demo_score.fit.summary.landed


def test_every_note_begins_and_ends_on_a_midi_tick(demo_score: Score) -> None:
    assert (demo_score.fit.end_beat * 960) % 1 > 1e-3  # the film's end lies off the grid
    notes = [note for part in demo_score.parts for note in part.notes]
    for start, length, _, _ in notes:
        for beat in (start, start + length):
            assert beat * 960 == pytest.approx(round(beat * 960), abs=1e-6)
    ends = max(start + length for start, length, _, _ in notes)
    assert 0 <= demo_score.fit.end_beat - ends < 1 / 960


def test_chords_cover_the_film_without_gaps(demo_score: Score) -> None:
    assert demo_score.chords[0].start_beat == 0
    assert demo_score.chords[-1].end_beat == pytest.approx(demo_score.fit.end_beat)
    for before, after in zip(demo_score.chords, demo_score.chords[1:], strict=False):
        assert before.end_beat == after.start_beat
        assert before.label != after.label


def test_the_midi_file_names_its_tracks_and_texts(demo_score: Score, tmp_path: Path) -> None:
    write_files(demo_score, tmp_path / "cue")
    file = mido.MidiFile(str(tmp_path / "cue" / "score.mid"), charset="utf-8")
    assert [track.name for track in file.tracks[1:]] == ["CHORDS", *(part.name for part in demo_score.parts)]
    texts = [message.text for message in file.tracks[1] if message.type == "text"]
    assert texts == [chord.symbol for chord in demo_score.chords]
    markers = [message.text for message in file.tracks[0] if message.type == "marker"]
    assert sum(text.startswith(("cut ", "dissolve ")) for text in markers) == len(demo_score.timeline.cuts)
    notes = sum(message.type == "note_on" for track in file.tracks for message in track)
    assert notes == sum(len(part.notes) for part in demo_score.parts) > 50


def test_the_same_seed_gives_the_same_bytes(demo: Demo, engine: Engine, demo_score: Score, tmp_path: Path) -> None:
    write_files(demo_score, tmp_path / "a")
    write_files(compose(demo.edit, ScoreOptions(), engine), tmp_path / "b")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_another_seed_gives_other_chords(demo: Demo, engine: Engine, demo_score: Score) -> None:
    other = compose(demo.edit, ScoreOptions(seed=1), engine)
    assert [chord.label for chord in other.chords] != [chord.label for chord in demo_score.chords]
    assert other.seed == 1 and other.options.direction.seed == 1


def test_the_network_knows_its_harmony(demo: Demo, engine: Engine) -> None:
    """Nothing but what it learnt keeps the chords in the key: a flat network is in it half of the time."""
    assert share_in_key(compose_seeds(demo.edit, engine)) > 0.85


def test_without_its_weights_the_network_has_nothing_to_say(demo: Demo, engine: Engine) -> None:
    """Cadences and the ending are planned and in the key whatever the network says; they are half of this film."""
    network = load_chord_network()
    assert isinstance(network, torch.nn.Module)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    flat = share_in_key(compose_seeds(demo.edit, Engine(_network=network)))
    assert flat < share_in_key(compose_seeds(demo.edit, engine)) - 0.15


def test_motion_is_measured_online_and_absent_offline(demo: Demo, engine: Engine, tmp_path: Path) -> None:
    online = compose(demo.edit, ScoreOptions(), engine)
    assert all(second.motion is not None for second in online.footage)
    moved = tmp_path / "moved.otio"
    moved.write_bytes(demo.edit.read_bytes())
    offline = compose(moved, ScoreOptions(), engine)
    assert all(second.motion is None for second in offline.footage)
    assert not any(shot.media_online for shot in offline.timeline.shots)
    assert any("offline" in warning or "missing" in warning for warning in offline.warnings)
    assert [c.frame for c in offline.timeline.cuts] == [c.frame for c in online.timeline.cuts]


def test_key_and_lock_are_kept(demo: Demo, engine: Engine) -> None:
    score = compose(demo.edit, ScoreOptions(key="Eb major", locks=("4.0=Abmaj7",)), engine)
    assert score.key == "Eb major"
    there = next(chord for chord in score.chords if chord.start_s <= 4.02 < chord.end_s)
    assert there.symbol == "Abmaj7" and there.probability is None


def test_progress_goes_through_every_stage_and_can_stop(demo: Demo, engine: Engine) -> None:
    seen: list[str] = []
    compose(demo.edit, ScoreOptions(), engine, lambda stage, share: seen.append(stage))
    assert list(dict.fromkeys(seen)) == [stage.name for stage in STAGES[:-1]]

    def stop(stage: str, share: float) -> None:
        if stage == "chords":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        compose(demo.edit, ScoreOptions(), engine, stop)


def test_a_mood_asked_for_overrules_the_markers(demo: Demo, engine: Engine) -> None:
    score = compose(demo.edit, ScoreOptions(mood="fearful"), engine)
    assert score.mood == "fearful" and score.key == "C minor"
    assert any("mood markers give way" in warning for warning in score.warnings)


def test_a_bare_video_is_scored(demo: Demo, engine: Engine) -> None:
    score = compose(demo.footage, ScoreOptions(tempo=100), engine)
    assert len(score.timeline.shots) >= 6
    assert score.fit.requested_bpm == 100
    assert 90 <= score.fit.summary.min_bpm <= score.fit.summary.max_bpm <= 110


def test_a_folder_is_refused(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(InputError, match="is a folder"):
        compose(tmp_path, ScoreOptions(), engine)


REAL = ("timelines/montage.otio", "timelines/OpenTimelineIO/effects.otio", "footage/bikes.mp4")


@pytest.mark.parametrize("name", REAL)
def test_real_edits(name: str, shared_data: Path, engine: Engine, tmp_path: Path) -> None:
    score = compose(shared_data / name, ScoreOptions(), engine)
    write_files(score, tmp_path / "cue")
    assert_midi_keeps_the_hits(score, tmp_path / "cue" / "score.mid")
    assert score_json(score)["chords"]


def test_montage_is_read_to_the_frame(shared_data: Path, engine: Engine) -> None:
    score = compose(shared_data / "timelines" / "montage.otio", ScoreOptions(), engine)
    assert [cut.frame for cut in score.timeline.cuts] == [30, 126, 270, 330, 418, 462, 552, 684, 759, 812, 933, 991]
    assert [cut.kind for cut in score.timeline.cuts].count("dissolve") == 1
    assert any(shot.speed == 2.0 for shot in score.timeline.shots)
    assert all(second.motion is not None for second in score.footage)


def test_options_are_echoed(demo: Demo, engine: Engine) -> None:
    options = ScoreOptions(tempo=96, key="G minor", seed=3, affect=0.5)
    score = compose(demo.edit, options, engine)
    assert score.options == options
    assert score.checkpoint == engine.network().identity


def test_a_mood_marker_turns_the_energy_where_it_stands(demo: Demo, engine: Engine) -> None:
    marked, plain = (
        compose(demo.edit, ScoreOptions(tempo=120, affect=affect, candidates=1, **PLAIN), engine) for affect in (1, 0)
    )
    ratios = {round(m.note_density / p.note_density, 3) for m, p in zip(marked.dynamics, plain.dynamics, strict=True)}
    assert ratios == {0.75, 1.35, 0.7}
    assert [m.seconds for m in marked.dynamics] == [p.seconds for p in plain.dynamics]
