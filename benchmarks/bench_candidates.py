"""Whether choosing among candidates makes the music follow its film: one aligner chooses, another one judges.

    python benchmarks/bench_candidates.py train_val.npz [--films 75] [--candidates 16] [--second 40]

The choosing aligner is trained on one half of the train songs, the judge with another seed on the other half. The films
are those of val, which neither has seen. For every film the chord network draws candidates for a window of 96 s, each
with its own variation of the dynamics, as ``score --candidates`` does. The judge compares each candidate with the
windows of all val films: the percentile is the share of other films that it follows less than its own; chance is 50.

Four percentiles are printed, means over films: of one candidate as drawn, of the chosen one, of the likeliest one, and
of the first one, whose dynamics are as predicted. They are printed four times:

* with dynamics varied as the product varies them,
* with dynamics that vary as much as songs do about the prediction (strength 1),
* with the dynamics predicted for another film, to show what a score is worth that does not know its film,
* with chords alone, the dynamics hidden from both aligners.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.alignment import WINDOW_S, AlignmentNetwork, AlignmentShape, WindowEmbedding, join_embeddings
from v2m_bridge.amt.by_second import seconds_of_slots
from v2m_bridge.amt.checkpoints import load_chord_network
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import ChordSequence, decode_batch
from v2m_bridge.amt.dynamics import CUE_MARGIN, VARIATION, Dynamics, predict_dynamics, vary_dynamics
from v2m_bridge.amt.film import as_film
from v2m_bridge.amt.ranking import LIKELIHOOD_WEIGHT, as_music, candidate_seeds, standardised
from v2m_bridge.training.fitting.alignment import ALIGNMENT_RECIPE, train_alignment
from v2m_bridge.training.fitting.loop import TrainingRun, keep_freed_memory
from v2m_bridge.training.songs.dataset import Song, load_dataset

FILMS_AT_ONCE = 5


def halves(songs: Sequence[Song]) -> tuple[list[Song], list[Song]]:
    """Two disjoint random halves, always the same ones."""
    order = np.random.default_rng(11).permutation(len(songs)).tolist()
    return [songs[k] for k in order[::2]], [songs[k] for k in order[1::2]]


def aligner_of(songs: Sequence[Song], watched: Sequence[Song], seed: int) -> AlignmentNetwork:
    """An aligner trained by the shipped recipe, with batches as large as half the songs."""
    recipe = dataclasses.replace(ALIGNMENT_RECIPE, seed=seed, batch=150, epochs=50)
    return train_alignment(songs, watched, AlignmentShape(), TrainingRun(recipe))[0]


def film_windows(songs: Sequence[Song], second: int) -> list[tuple[int, int]]:
    """``[start, stop)`` of each film's window."""
    starts = [max(0, min(second, song.film.length - WINDOW_S)) for song in songs]
    return [(start, min(start + WINDOW_S, song.film.length)) for start, song in zip(starts, songs, strict=True)]


def candidates_of(songs: Sequence[Song], second: int, count: int) -> list[tuple[list[ChordSequence], Dynamics]]:
    """Per film, its candidates and their dynamics, as the product draws them."""
    network = load_chord_network()
    found = []
    seeds = candidate_seeds(0, count)
    options = [DecodeOptions(seed=seed) for seed in seeds]
    for first in range(0, len(songs), FILMS_AT_ONCE):
        some = songs[first : first + FILMS_AT_ONCE]
        films = [
            dataclasses.replace(song.film.window(*span), semantic=song.film.semantic[slice(*span)].astype(np.float32))
            for song, span in zip(some, film_windows(some, second), strict=True)
        ]
        repeated = [film for film in films for _ in seeds]
        drawn = decode_batch(network, repeated, options * len(films))
        for k, film in enumerate(films):
            found.append((drawn[k * count : (k + 1) * count], predict_dynamics(film, margin=CUE_MARGIN)))
        print(f"  {len(found)} films decoded", flush=True)
    return found


@torch.inference_mode()
def film_embeddings(aligner: AlignmentNetwork, songs: Sequence[Song], second: int) -> WindowEmbedding:
    """Embeddings of every film's window."""
    parts = []
    for song, span in zip(songs, film_windows(songs, second), strict=True):
        film = as_film([dataclasses.replace(song.film.window(*span), minor=False)])
        parts.append(aligner.embed_film(dataclasses.replace(film, semantic=film.semantic.float())))
    return join_embeddings(parts)


@torch.inference_mode()
def music_of(
    aligner: AlignmentNetwork, song: Song, drawn: Sequence[ChordSequence], courses: Sequence[Dynamics], bare: bool
) -> WindowEmbedding:
    """Embeddings of one film's candidates; ``bare`` hides the dynamics."""
    starts = list(range(len(drawn[0].ids)))
    pieces = [
        seconds_of_slots(item.ids, starts, course.note_density, course.loudness, song.minor, len(starts))
        for item, course in zip(drawn, courses, strict=True)
    ]
    music = as_music(pieces)
    if bare:
        music = dataclasses.replace(music, dynamics_present=torch.zeros_like(music.dynamics_present))
    return aligner.embed_music(music)


def courses_of(dynamics: Dynamics, drawn: Sequence[ChordSequence], strength: float) -> list[Dynamics]:
    """Dynamics of every candidate: the first as predicted, the others varied."""
    starts = [float(second) for second in range(len(dynamics.loudness))]
    return [dynamics, *(vary_dynamics(dynamics, starts, item.options.seed, strength) for item in drawn[1:])]


def fitted(dynamics: Dynamics, length: int) -> Dynamics:
    """Dynamics of another film, repeated or cut to ``length`` seconds."""
    return dataclasses.replace(
        dynamics,
        note_density=np.resize(dynamics.note_density, length),
        loudness=np.resize(dynamics.loudness, length),
    )


def percentiles(scores: Tensor, own: int) -> np.ndarray:
    """[candidates] share of the other films that each follows less than film ``own``, 0..100; ties count half."""
    others = torch.cat((scores[:own], scores[own + 1 :]))
    below = (others < scores[own]).float() + 0.5 * (others == scores[own]).float()
    return 100 * below.mean(dim=0).numpy()


def judge(data: Path, n_films: int, count: int, second: int) -> None:
    """Train both aligners, draw the candidates, and print the percentiles."""
    dataset = load_dataset(data)
    films = dataset.split("val")
    half, other = halves(dataset.split("train"))
    chooser, judging = aligner_of(half, films, 0), aligner_of(other, films, 1)
    print(f"aligners trained on {len(half)} and {len(other)} songs", flush=True)
    drawn = candidates_of(films[:n_films], second, count)
    shown = film_embeddings(chooser, films, second), film_embeddings(judging, films, second)
    another = [fitted(drawn[k - 1][1], len(drawn[k][1].loudness)) for k in range(len(drawn))]
    predicted = [dynamics for _, dynamics in drawn]
    for what, courses, strength, bare in (
        ("as the product draws", predicted, VARIATION, False),
        ("drawn freely", predicted, 1.0, False),
        ("dynamics of another film", another, 0.0, False),
        ("chords alone", predicted, 0.0, True),
    ):
        rows = []
        for own, (sequences, _) in enumerate(drawn):
            varied = courses_of(courses[own], sequences, strength)
            ours, theirs = (music_of(net, films[own], sequences, varied, bare) for net in (chooser, judging))
            with torch.inference_mode():
                alignment = chooser.relative_scores(shown[0], ours)[own].double().numpy()
                found = percentiles(judging.scores(shown[1], theirs), own)
            likelihood = np.array([item.log_likelihood for item in sequences])
            total = standardised(alignment) + LIKELIHOOD_WEIGHT * standardised(likelihood)
            rows.append((found[1:].mean(), found[total.argmax()], found[likelihood.argmax()], found[0]))
        means = np.mean(rows, axis=0)
        error = np.std(np.array(rows)[:, 1] - np.array(rows)[:, 0]) / len(rows) ** 0.5
        print(
            f"{what}: drawn {means[0]:.1f}, best of {count} {means[1]:.1f} (lift {means[1] - means[0]:.1f} "
            f"+- {error:.1f}), likeliest {means[2]:.1f}, first {means[3]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=75)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--second", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    judge(given.data, given.films, given.candidates, given.second)
