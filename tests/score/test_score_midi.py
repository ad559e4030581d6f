"""``score.mid``: what other programs read off it to stand in picture."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from reaper_scores import make_score
from score_facts import read_midi

from v2m_bridge.score.model import Score
from v2m_bridge.score.write_midi import write_midi

PPQ = 480


@pytest.mark.parametrize(
    ("rate", "start_frame", "drop_frame", "offset"),
    [
        ("24000/1001", 86400, False, (24, 1, 0, 0, 0, 0)),
        ("25", 90013, False, (25, 1, 0, 0, 13, 0)),
        ("30000/1001", 107892, True, (29.97, 1, 0, 0, 0, 0)),
        ("30000/1001", 108000, False, (30, 1, 0, 0, 0, 0)),
        ("48", 172801, False, (24, 1, 0, 0, 0, 50)),
        ("50", 180007, False, (25, 1, 0, 0, 3, 50)),
        ("60", 0, False, (30, 0, 0, 0, 0, 0)),
    ],
)
def test_the_files_timecode_is_the_edits(
    tmp_path: Path, rate: str, start_frame: int, drop_frame: bool, offset: tuple[float, ...]
) -> None:
    write_midi(make_score(rate=rate, start_frame=start_frame, drop_frame=drop_frame), tmp_path / "score.mid")
    (found,) = [m for m in mido.MidiFile(tmp_path / "score.mid").tracks[0] if m.type == "smpte_offset"]
    assert found.time == 0
    assert (found.frame_rate, found.hours, found.minutes, found.seconds, found.frames, found.sub_frames) == offset


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "48", "60"])
def test_cuts_lie_within_a_tick_of_their_frame_and_have_one_name(tmp_path: Path, rate: str) -> None:
    score = make_score(120, rate, seed=3)
    write_midi(score, tmp_path / "score.mid")
    found = read_midi(tmp_path / "score.mid").cuts or ()
    exact = Fraction(rate)
    tick_s = 60 / min(row.bpm for row in score.fit.tempo) / PPQ
    assert len(found) == len(score.timeline.cuts) > 50
    for seconds, cut in zip(sorted(found), score.timeline.cuts, strict=True):
        assert abs(seconds - float(cut.frame / exact)) <= tick_s
    file = mido.MidiFile(tmp_path / "score.mid", charset="utf-8")
    names = [m.text for m in file.tracks[0] if m.type == "marker"]
    assert {f"{cut.kind} {number}" for number, cut in enumerate(score.timeline.cuts, 1)} <= set(names)


def test_chords_are_xf_events_on_a_note_of_theirs_and_texts_on_no_note(tmp_path: Path) -> None:
    score = make_score(12)
    write_midi(score, tmp_path / "score.mid")
    file = mido.MidiFile(tmp_path / "score.mid", charset="utf-8")
    onsets = {tick for track in file.tracks[2:] for tick, m in ticked(track) if m.type == "note_on" and m.velocity}
    texts = [tick for tick, m in ticked(file.tracks[1]) if m.type == "text"]
    chords = [(tick, tuple(m.data)) for tick, m in ticked(file.tracks[1]) if m.type == "sequencer_specific"]
    for tick, chord in zip(texts, score.chords, strict=True):
        start = round(chord.start_beat * PPQ)
        assert tick not in onsets and set(range(start, tick)) <= onsets
    assert len(chords) == len(score.chords)
    for (tick, data), chord in zip(chords, score.chords, strict=True):
        start, end = (round(beat * PPQ) for beat in (chord.start_beat, chord.end_beat))
        # a note may be played a little before the beat that it is written on
        inside = [onset for onset in onsets if start - 16 <= onset < end]
        assert tick == (min(inside) if inside else start)
        assert data[:3] == (0x43, 0x7B, 0x01)
    # A minor, F, C major seventh, G sharp half-diminished, B flat as A minor spells it
    assert [data[3:5] for _, data in chords[:5]] == [(0x36, 8), (0x34, 0), (0x31, 2), (0x45, 11), (0x27, 0)]


def ticked(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    tick, found = 0, []
    for message in track:
        tick += message.time
        found.append((tick, message))
    return found


def test_other_readers_agree_on_tempo_metres_and_the_hour(tmp_path: Path) -> None:
    """pretty_midi, music21 and midicsv, those of them that are installed."""
    score = make_score(16, "25", start_frame=90000)
    write_midi(score, tmp_path / "score.mid")
    asked = 0
    if importlib.util.find_spec("pretty_midi"):
        asked += 1
        import pretty_midi

        read = pretty_midi.PrettyMIDI(str(tmp_path / "score.mid"))
        times, tempi = read.get_tempo_changes()
        for row in score.fit.tempo:
            nearest = min(range(len(times)), key=lambda n: abs(times[n] - row.seconds))
            assert abs(times[nearest] - row.seconds) < 2e-3
            assert tempi[nearest] == pytest.approx(row.bpm, rel=1e-3)
        metres = [(round(t.time, 2), t.numerator, t.denominator) for t in read.time_signature_changes]
        assert metres == [(round(s, 2), n, d) for s, n, d in metre_changes(score)]
    if importlib.util.find_spec("music21"):
        asked += 1
        import music21

        parts = music21.converter.parse(tmp_path / "score.mid").parts
        found = [(t.numerator, t.denominator) for t in parts[0].recurse().getElementsByClass("TimeSignature")]
        assert found == [(n, d) for _, n, d in metre_changes(score)]
        marks = [m for m in parts[0].recurse().getElementsByClass("MetronomeMark")]
        assert [m.number for m in marks] == pytest.approx([row.bpm for row in score.fit.tempo], rel=1e-3)
    if shutil.which("midicsv"):
        asked += 1
        text = subprocess.run(["midicsv", str(tmp_path / "score.mid")], capture_output=True, check=True).stdout.decode(
            "latin-1"
        )
        assert "1, 0, SMPTE_offset, 33, 0, 0, 0, 0" in text
        assert text.count("Time_signature") == len(metre_changes(score))
    if not asked:
        pytest.skip("none of them is installed")


def metre_changes(score: Score) -> list[tuple[float, int, int]]:
    rows = score.fit.tempo
    changes = [rows[0], *(b for a, b in pairwise(rows) if (a.numerator, a.denominator) != (b.numerator, b.denominator))]
    return [(row.seconds, row.numerator, row.denominator) for row in changes]
