"""What the player writes for films, beside people and the table of figures, and what it costs.

    python benchmarks/bench_player.py FOLDER_OR_EDIT... [--seeds N]

For every film: share of chords heard by template, how often each theme is found again by
``music.themes.matching``, whether anything sounds through a breath, loudness of must-hits, and processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.edits.read_edit import EDIT_SUFFIXES
from v2m_bridge.errors import V2MError
from v2m_bridge.music.chords import N_CHORDS, Chord, parse_label
from v2m_bridge.music.themes.matching import find_theme
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score

TEXTURES = {"player": {}, "figures": {"texture": "figures", "themes": False}}
LOOK_BEATS = 2.0


def main() -> None:
    """Print one row a film and a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--most", type=int, default=12)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    engine = Engine()
    films = [f for place in wanted.films for f in _edits(place)]
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in TEXTURES}
    returned = scored = 0
    for film in films:
        if scored >= wanted.most:
            break
        for seed in range(wanted.seeds):
            try:
                for name, extra in TEXTURES.items():
                    begun = time.process_time()
                    score = compose(film, ScoreOptions(seed=seed, candidates=1, **extra), engine)
                    spent = time.process_time() - begun
                    if len(score.timeline.shots) < 2 or score.chords[-1].end_s < 20:
                        raise V2MError("too short")
                    rows[name].append((chords_heard(score), hit_jump(score), through_breaths(score), spent))
                    if name == "player":
                        found, literal = returns(score)
                        returned += found > 0 and literal < found
                        print(f"{film.name:44.44} returns {found} literal {literal}", end=" ")
                        print(" ".join(f"{p.role}:{len(p.notes)}" for p in score.parts), flush=True)
                scored += 1
            except V2MError as error:
                print(f"{film.name}: {error}")
    print(f"films {scored}, theme returns and not only literally in {returned}")
    for name, figures in rows.items():
        columns = [statistics.fmean(x for x in column if x == x) for column in zip(*figures, strict=True)]
        print(f"{name:8} chords heard {columns[0]:.3f}  must-hit jump {columns[1]:.1f} velocity-dB", end="  ")
        print(f"notes through breaths {columns[2]:.2f}  processor {columns[3]:.2f} s")
    ratio = sum(r[3] for r in rows["player"]) / sum(r[3] for r in rows["figures"])
    print(f"processor time with the player / with figures: {ratio:.2f}")


def _edits(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(p for p in place.rglob("*") if p.suffix.lower() in EDIT_SUFFIXES and p.is_file())
    return [place]


def chords_heard(score: Score) -> float:
    """Share of the film's beats whose sounding pitch classes fit the written chord's triad best (cosine)."""
    templates = np.zeros((N_CHORDS - 1, 12))
    for index in range(1, N_CHORDS):
        templates[index - 1, list(Chord.from_id(index).pitch_classes[:3])] = 1
    right = total = 0.0
    for chord in score.chords:
        written = parse_label(chord.label)
        if written.root is None:
            continue
        chroma = np.zeros(12)
        for part in score.parts:
            for note in part.notes:
                length = min(note.end_beat, chord.end_beat) - max(note.start_beat, chord.start_beat)
                if length > 0 and part.role != "hits":
                    chroma[note.pitch % 12] += length * note.velocity / 127
        if chroma.sum() == 0:
            continue
        fits = templates @ chroma / np.linalg.norm(templates, axis=1)
        heard = fits >= fits.max() - 1e-9
        right += bool(heard[written.id - 1]) * (chord.end_beat - chord.start_beat)
        total += chord.end_beat - chord.start_beat
    return right / max(total, 1e-9)


def returns(score: Score) -> tuple[int, int]:
    """How often the first theme is found again in melody or counterline, and how many of these are literal."""
    lines = {p.role: sorted((n.start_beat, n.pitch) for n in p.notes) for p in score.parts}
    melody = lines.get("melody", [])
    if not score.themes or not melody:
        return 0, 0
    head = melody[:8]
    found = [m for role in ("melody", "counter") for m in find_theme(head, lines.get(role, []))]
    later = [m for m in found if m.start_beat > head[-1][0]]
    return len(later), sum(m.literal for m in later)


def hit_jump(score: Score) -> float:
    """Mean level on must-hits less that of the two beats before, in dB of squared velocities that sound."""
    jumps = []
    for hit in score.fit.hits:
        if hit.must and hit.lands != "miss" and hit.beat > LOOK_BEATS:
            before, after = (_level(score, hit.beat + d) for d in (-LOOK_BEATS, 0.0))
            if before > 0 and after > 0:
                jumps.append(10 * np.log10(after / before))
    return float(np.mean(jumps)) if jumps else float("nan")


def _level(score: Score, beat: float) -> float:
    sounding = [
        n.velocity for p in score.parts for n in p.notes if n.start_beat < beat + 1 and n.end_beat > beat + 0.05
    ]
    return float(sum(v * v for v in sounding))


def through_breaths(score: Score) -> float:
    """Notes that sound in the last sixteenth before a must-hit, a film."""
    count = 0
    for hit in score.fit.hits:
        if hit.must and hit.lands != "miss" and hit.beat > 1:
            count += sum(
                n.start_beat < hit.beat - 0.01 and n.end_beat > hit.beat - 0.24 for p in score.parts for n in p.notes
            )
    return float(count)


if __name__ == "__main__":
    main()
