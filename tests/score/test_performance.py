"""The human touch: small, seeded, never on a hit, and none of it in what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from cue_scores import film, make_score

from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.score.write_json import score_text
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.sync.model import Lands


@pytest.fixture(scope="module")
def score() -> Score:
    return make_score(film(40.0))


def touched(score: Score, amount: float, seed: int = 0) -> Score:
    arrangement = replace(score.options.arrangement, humanize=amount)
    return score.model_copy(
        update={"options": score.options.model_copy(update={"arrangement": arrangement}), "seed": seed}
    )


def pairs(score: Score) -> list[tuple[float, float, int, int]]:
    """Written and played second, written and played velocity, of notes in the order of each part."""
    tempo = tempo_map_from_document(score.fit)
    found = []
    for written, played in zip(score.parts, played_parts(score), strict=True):
        assert len(written.notes) == len(played.notes)
        old = sorted(written.notes, key=lambda n: (n.pitch, n.start_beat))
        new = sorted(played.notes, key=lambda n: (n.pitch, n.start_beat))
        for a, b in zip(old, new, strict=True):
            assert a.pitch == b.pitch
            found.append((tempo.seconds_at(a.start_beat), tempo.seconds_at(b.start_beat), a.velocity, b.velocity))
    return found


def test_nothing_is_touched_unless_it_is_asked_for(score: Score) -> None:
    assert ArrangeOptions().humanize == 0.0
    assert played_parts(score) == score.parts


@pytest.mark.parametrize("amount", [0.3, 1.0])
def test_times_stay_within_twelve_milliseconds_and_spread(score: Score, amount: float) -> None:
    rows = np.array(pairs(touched(score, amount)))
    late = rows[:, 1] - rows[:, 0]
    assert np.abs(late).max() <= 0.012 * amount + 1e-9
    assert 0.001 * amount < late.std() < 0.008 * amount
    assert 2 * amount < (rows[:, 3] - rows[:, 2]).std() < 9 * amount


def test_notes_on_hits_are_where_they_are_written(score: Score) -> None:
    tempo = tempo_map_from_document(score.fit)
    hits = {round(tempo.seconds_at(hit.beat), 6) for hit in score.fit.hits if hit.lands is not Lands.MISS}
    on_hits = [row for row in pairs(touched(score, 1.0)) if round(row[0], 6) in hits]
    assert on_hits and all(a == b and u == v for a, b, u, v in on_hits)


def test_the_seed_decides_and_what_is_written_does_not_change(score: Score) -> None:
    first, again, other = (touched(score, 1.0, seed) for seed in (1, 1, 2))
    assert played_parts(first) == played_parts(again) != played_parts(other)
    assert first.parts == score.parts
    assert score_text(first) == score_text(again)


def test_the_midi_file_is_what_is_played(score: Score, tmp_path: Path) -> None:
    starts = {}
    for amount in (0.0, 1.0):
        write_midi(touched(score, amount), tmp_path / f"{amount}.mid")
        file = mido.MidiFile(tmp_path / f"{amount}.mid")
        starts[amount] = [
            [sum(m.time for m in track[: i + 1]) for i, m in enumerate(track) if m.type == "note_on" and m.velocity]
            for track in file.tracks
        ]
    assert starts[0.0] != starts[1.0]
    assert [len(track) for track in starts[0.0]] == [len(track) for track in starts[1.0]]
