"""``--candidates``: scores drawn together, ranked by how they follow the film, and what the files say of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from v2m_bridge.amt.checkpoints import DYNAMICS_FORMAT, read_weights, save_weights, shipped_models
from v2m_bridge.amt.dynamics import (
    VARIATION_DENSITY,
    VARIATION_LOG_LOUDNESS,
    Dynamics,
    DynamicsShape,
    vary_dynamics,
)
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.write_files import write_files
from v2m_bridge.demo.edit import Demo, make_demo
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_json import read_score

PLAIN = {"texture": "figures", "themes": False}
"""Candidates differ in chords and dynamics; who plays them is no matter here."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def ranked(demo: Demo, engine: Engine) -> Score:
    return compose(demo.edit, ScoreOptions(**PLAIN, seed=4, candidates=6), engine)


def labels(score: Score) -> list[str]:
    return [chord.label for chord in score.chords]


def test_the_score_says_how_it_ranks_against_the_rest(ranked: Score, engine: Engine) -> None:
    ranking = ranked.ranking
    assert ranking is not None
    assert len(ranking.candidates) == 6
    assert ranking.aligner == engine.aligner().identity
    alignments = [item.alignment for item in ranking.candidates]
    assert len(set(alignments)) == 6
    own = ranking.candidates[ranking.chosen]
    assert ranking.alignment_rank == 1 + sum(value > own.alignment for value in alignments)
    assert ranking.likelihood_rank == 1 + sum(x.log_likelihood > own.log_likelihood for x in ranking.candidates)
    assert all(item.log_likelihood < 0 for item in ranking.candidates)


def test_the_kept_score_is_the_one_its_seed_draws_alone(ranked: Score, demo: Demo, engine: Engine) -> None:
    """Ranking chooses, it changes nothing: the winner's seed alone gives the same chords."""
    assert ranked.ranking is not None
    seed = ranked.ranking.candidates[ranked.ranking.chosen].seed
    alone = compose(demo.edit, ScoreOptions(**PLAIN, seed=seed, candidates=1), engine)
    assert labels(alone) == labels(ranked)
    assert alone.ranking is None


def test_candidates_differ_in_their_dynamics_too(demo: Demo, engine: Engine) -> None:
    """The first is as predicted; where another one is kept, its swells are its own, and the same every time."""
    alone = {seed: compose(demo.edit, ScoreOptions(**PLAIN, seed=seed, candidates=1), engine) for seed in range(8)}
    kept = {seed: compose(demo.edit, ScoreOptions(**PLAIN, seed=seed, candidates=4), engine) for seed in range(8)}
    chosen = {seed: score.ranking.chosen for seed, score in kept.items() if score.ranking}
    assert set(chosen.values()) != {0}
    for seed, place in chosen.items():
        same = [point.loudness for point in kept[seed].dynamics] == [point.loudness for point in alone[seed].dynamics]
        assert same == (place == 0)
    other = next(seed for seed, place in chosen.items() if place)
    again = compose(demo.edit, ScoreOptions(**PLAIN, seed=other, candidates=4), engine)
    assert again.dynamics == kept[other].dynamics


def test_variations_swell_slowly_about_the_prediction() -> None:
    starts = np.arange(0.0, 20_000.0, 1.0)
    plain = Dynamics(np.full(len(starts), 15, np.float32), np.full(len(starts), 0.2, np.float32))
    varied = vary_dynamics(plain, starts, 7, strength=0.4)
    strayed = (varied.note_density - 15) / (0.4 * VARIATION_DENSITY)
    louder = np.log(varied.loudness / 0.2) / (0.4 * VARIATION_LOG_LOUDNESS)
    for course in (strayed, louder):
        assert abs(course.mean()) < 0.15 and course.std() == pytest.approx(1, abs=0.1)
        assert np.corrcoef(course[:-15], course[15:])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)
    assert np.corrcoef(strayed, louder)[0, 1] == pytest.approx(0.5, abs=0.08)
    assert np.array_equal(vary_dynamics(plain, starts, 7, strength=0.4).loudness, varied.loudness)
    assert np.array_equal(vary_dynamics(plain, starts, 8, strength=0.0).note_density, plain.note_density)
    loud = vary_dynamics(plain, starts, 7, strength=50.0)
    assert loud.note_density.min() >= 0 and loud.loudness.max() <= 0.6


def test_the_first_candidate_has_the_seed_asked_for(ranked: Score) -> None:
    assert ranked.ranking is not None
    assert ranked.ranking.candidates[0].seed == ranked.seed == 4


def test_locks_hold_in_every_candidate(demo: Demo, engine: Engine) -> None:
    score = compose(demo.edit, ScoreOptions(**PLAIN, key="C major", locks=("4.0=Ab",), candidates=3), engine)
    there = next(chord for chord in score.chords if chord.start_s <= 4.02 < chord.end_s)
    assert there.symbol == "Ab" and score.ranking is not None


def test_score_json_and_cue_sheet_carry_the_ranking(ranked: Score, tmp_path: Path) -> None:
    write_files(ranked, tmp_path / "cue")
    assert ranked.ranking is not None
    document = json.loads((tmp_path / "cue" / "score.json").read_text(encoding="utf-8"))
    assert set(document["ranking"]) == {"chosen", "alignment_rank", "likelihood_rank", "aligner", "candidates"}
    assert read_score(tmp_path / "cue" / "score.json") == ranked
    sheet = (tmp_path / "cue" / "cuesheet.html").read_text(encoding="utf-8")
    assert f"6: no. {ranked.ranking.alignment_rank} in following the film" in sheet


def test_a_number_of_candidates_out_of_range_is_refused(demo: Demo, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "v2m_bridge", "score", str(demo.edit), "--out", str(tmp_path), "--candidates", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "--candidates 0" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_networks_of_a_folder_are_used_and_what_it_lacks_is_shipped(demo: Demo, engine: Engine, tmp_path: Path) -> None:
    """``--checkpoint``: another dynamics network changes the loudness, the chords of one candidate stay."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("chords.safetensors", "dynamics.safetensors"):
        shutil.copy(shipped_models() / name, folder / name)
    weights = read_weights(folder / "dynamics.safetensors")
    louder = {name: tensor + 0.05 if name == "mean" else tensor for name, tensor in weights.tensors.items()}
    save_weights(folder / "dynamics.safetensors", DYNAMICS_FORMAT, DynamicsShape(), louder, "{}")
    wish = ScoreOptions(**PLAIN, seed=1, candidates=1)
    plain, own = compose(demo.edit, wish, engine), compose(demo.edit, wish, Engine(checkpoint=folder))
    assert labels(plain) == labels(own)
    assert all(there.loudness > here.loudness for here, there in zip(plain.dynamics, own.dynamics, strict=True))


def test_a_checkpoint_that_is_none_is_refused_in_one_line(demo: Demo, tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", demo.edit):
        command = [sys.executable, "-m", "v2m_bridge", "score", str(demo.edit), "--out", str(tmp_path / "cue")]
        done = subprocess.run([*command, "--checkpoint", str(place)], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1 and "checkpoint" in done.stderr
        assert not (tmp_path / "cue").exists()
