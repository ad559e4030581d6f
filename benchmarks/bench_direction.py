"""Does the picture steer what is played? Copies of films, graded and recut, and how far their directions differ.

    python benchmarks/bench_direction.py FILM... [--seconds 20] [--seeds 0]

Of every film (its first ``--seconds``) copies are made: dark and muted, bright and vivid, another codec, size and frame
rate, and edits of it cut every 7 s and every 0.7 s. ``dark``, ``bright``: key, mood, ensemble. A line counts the films
whose copies differ as Valdez and Mehrabian 1994 (colour) and Hanjalic and Xu 2005 (pace) say; ``copy`` those whose
re-encoded copy has the same direction and the same chords. With ``--score`` every film gets its default direction and
chords at two seeds, and the overlap of chord histograms is printed: films against each other, and each film against
its other seed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from v2m_bridge.compose.direction import Direction, direct
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.harmony import Harmony, HarmonyInput, harmonise
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.options import ScoreOptions
from v2m_bridge.sync.motion import fit_with_motion
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.timeline.hits import find_hits
from v2m_bridge.timeline.model import Cut, Shot, Timeline

WIDTH, HEIGHT = 320, 180
Grade = Callable[[np.ndarray], np.ndarray]


def graded(gain: float, lift: float, saturation: float) -> Grade:
    """A colour grade of RGB pictures."""

    def grade(picture: np.ndarray) -> np.ndarray:
        rgb = picture.astype(np.float32)
        grey = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        return np.clip((grey[..., None] + (rgb - grey[..., None]) * saturation) * gain + lift, 0, 255).astype(np.uint8)

    return grade


PLAIN, DARK, BRIGHT = graded(1, 0, 1), graded(0.45, 0, 0.3), graded(1.25, 25, 1.6)


@dataclass(frozen=True)
class Encoding:
    """How a copy is written."""

    codec: str = "libx264"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    every: int = 1
    bit_rate: int = 2_000_000


def write_copy(film: Path, to: Path, grade: Grade, seconds: float, how: Encoding = Encoding()) -> Path:
    """A copy of the film's first ``seconds`` without sound; ``every`` keeps each so-manieth picture."""
    with av.open(str(film)) as source, av.open(str(to), "w") as out:
        stream = source.streams.video[0]
        rate = Fraction(stream.average_rate or 25) / how.every
        written = out.add_stream(how.codec, rate=rate)
        written.width, written.height, written.pix_fmt, written.bit_rate = *how.size, "yuv420p", how.bit_rate
        for number, frame in enumerate(itertools.islice(source.decode(stream), int(seconds * rate * how.every))):
            if number % how.every:
                continue
            picture = grade(frame.to_ndarray(format="rgb24", width=WIDTH, height=HEIGHT))
            out.mux(written.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(*how.size)))
        out.mux(written.encode(None))
    return to


def recut(film: Path, every_s: float, seconds: float = 28.0) -> Timeline:
    """An edit of the film, cut every so many seconds, hopping about in it."""
    whole = read_video(film)
    rate, length = Fraction(25), whole.duration_s
    edges = [round(25 * every_s * n) for n in range(int(seconds / every_s))] + [round(25 * seconds)]
    spread = max(0.0, length - every_s - 0.1)
    shots = tuple(
        Shot(a, b, str(film), True, (n * 0.618 % 1) * spread, 1.0) for n, (a, b) in enumerate(itertools.pairwise(edges))
    )
    return Timeline("edit", rate, 0, edges[-1], shots, tuple(Cut(edge) for edge in edges[1:-1]))


@dataclass(frozen=True)
class Outcome:
    """What one film is to be played with."""

    direction: Direction
    bpm: float
    density: float
    harmony: Harmony


def outcome(timeline: Timeline, engine: Engine, seed: int = 0) -> Outcome:
    """Everything up to the chords and dynamics."""
    options = ScoreOptions(seed=seed)
    features = measure(timeline, MeasureOptions(clip=False, speech=False))
    direction = direct(timeline, features, options)
    hits = find_hits(timeline, options.hits, features.onsets)
    fit = fit_with_motion(
        hits, timeline.duration_frames, timeline.rate, replace(options.fit, arousal=direction.arousal)
    )
    film = HarmonyInput(timeline, features, direction, harmonic_slots(fit, options.harmony.harmonic_rhythm_s))
    harmony = harmonise(film, options, engine.harmony_networks(options.harmony.candidates))
    bpm = 60 * fit.end_beat / timeline.duration_s
    return Outcome(direction, bpm, statistics.fmean(point.note_density for point in harmony.dynamics), harmony)


def sharpness(direction: Direction) -> int:
    """Sharps of the key's signature, -5..6."""
    fifths = 7 * (direction.key.tonic + (3 if direction.key.minor else 0)) % 12
    return fifths - 12 if fifths > 6 else fifths


def words(found: Outcome) -> str:
    """For one line."""
    direction = found.direction
    return (
        f"{direction.key.name:9s} {direction.mood or '-':9s} {direction.preset or '-':9s} "
        f"{found.bpm:5.1f} bpm {found.density:5.2f} notes/s"
    )


def histogram(harmony: Harmony) -> Counter[str]:
    """Beats of each chord."""
    beats: Counter[str] = Counter()
    for event in harmony.chords:
        beats[event.chord.label] += event.end_beat - event.start_beat
    return beats


def overlap(one: Counter[str], other: Counter[str]) -> float:
    """Shared part of two histograms, 0..1."""
    totals = sum(one.values()), sum(other.values())
    return sum(min(one[label] / totals[0], other[label] / totals[1]) for label in one)


def compare(film: Path, folder: Path, seconds: float, engine: Engine) -> dict[str, bool]:
    """What holds of the copies of one film."""
    stem = folder / film.stem
    plain = write_copy(film, stem.with_suffix(".plain.mp4"), PLAIN, seconds)
    found = {"plain": outcome(read_video(plain), engine)}
    for name, grade in (("dark", DARK), ("bright", BRIGHT)):
        found[name] = outcome(read_video(write_copy(film, stem.with_suffix(f".{name}.mp4"), grade, seconds)), engine)
    small = Encoding("mpeg4", (256, 144), bit_rate=900_000)
    found["copy"] = outcome(read_video(write_copy(film, stem.with_suffix(".copy.mp4"), PLAIN, seconds, small)), engine)
    found["slow"], found["fast"] = outcome(recut(plain, 7.0), engine), outcome(recut(plain, 0.7), engine)
    print(film.stem)
    for name, item in found.items():
        chords = " ".join(item.direction.key.symbol(event.chord) for event in item.harmony.chords)
        print(f"    {name:6s} {words(item)}  {chords[:60]}", flush=True)
    dark, bright = found["dark"].direction, found["bright"].direction
    slow, fast = found["slow"], found["fast"]
    same = found["plain"].direction, found["copy"].direction
    return {
        "dark: minor or flatter": (dark.key.minor and not bright.key.minor) or sharpness(dark) < sharpness(bright),
        "dark: another ensemble": dark.preset != bright.preset,
        "dark: tempo as arousal": (found["dark"].bpm <= found["bright"].bpm + 1)
        == ((dark.arousal or 0) <= (bright.arousal or 0)),
        "dark: density as arousal": (found["dark"].density < found["bright"].density)
        == ((dark.arousal or 0) < (bright.arousal or 0)),
        "slow: another mode or key": slow.direction.key != fast.direction.key,
        "slow: slower": slow.bpm < fast.bpm,
        "slow: thinner": slow.density < fast.density,
        "slow: another ensemble": slow.direction.preset != fast.direction.preset,
        "copy: same key, mood, ensemble": (same[0].key, same[0].mood, same[0].preset)
        == (same[1].key, same[1].mood, same[1].preset),
        "copy: same chords": [e.chord for e in found["plain"].harmony.chords]
        == [e.chord for e in found["copy"].harmony.chords],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--score", nargs="*", type=Path, default=[], help="films and edits to score with their defaults"
    )
    wished = parser.parse_args()
    engine = Engine()
    held: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for film in wished.films:
            for name, holds in compare(film, Path(folder), wished.seconds, engine).items():
                held[name] += holds
    for name, count in held.items():
        print(f"{name:32s} {count} of {len(wished.films)}")
    if wished.score:
        print_overlaps(wished.score, engine)


def print_overlaps(sources: list[Path], engine: Engine) -> None:
    """Keys, ensembles and chord overlaps of films at seeds 0 and 1."""
    from v2m_bridge.compose.source import read_source

    films = [read_source(source) for source in sources]
    first = [outcome(film, engine, 0) for film in films]
    second = [outcome(film, engine, 1) for film in films]
    for source, item in zip(sources, first, strict=True):
        print(f"    {source.stem[:24]:24s} {words(item)}")
    apart = [
        overlap(histogram(a.harmony), histogram(b.harmony))
        for takes in (first, second)
        for a, b in itertools.combinations(takes, 2)
    ]
    alike = [overlap(histogram(a.harmony), histogram(b.harmony)) for a, b in zip(first, second, strict=True)]
    keys, ensembles = {x.direction.key.name for x in first}, {x.direction.preset for x in first}
    print(f"{len(films)} films at seed 0: {len(keys)} keys, {len(ensembles)} ensembles")
    two_films, two_seeds = statistics.fmean(apart), statistics.fmean(alike)
    print(f"chord overlap: two films, one seed {two_films:.3f}; one film, two seeds {two_seeds:.3f}")


if __name__ == "__main__":
    main()
