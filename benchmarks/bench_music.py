"""Form, harmony, part writing and casting of scores, counted from their notes and chords.

    python benchmarks/bench_music.py EDIT... [--moods tense,sad] [--seeds 1,2] [--figures]

A row for each edit, mood and seed, and the medians. Without ``--moods`` the picture and the edit's markers decide;
``--figures`` leaves the player out, which is quick and has the same chords.

* agree N: share of beats whose chord is that of N bars later
* down, cuts: share of chord changes that fall on downbeats, and of landed cuts that change the chord
* seesaw: chords that are the one before the last again
* VI, tonic: share of chords on the sixth degree, and the tonic's rank among the roots
* V-I, last: whether the dominant comes before the last tonic, and seconds of the last chord
* inv: changes of chord at which the bass has another tone than the root
* par, swell, lead: parallels a change in chords over the bass, in the swell over it, and doubled leading tones
* all: bars in which every part sounds, the hits track apart
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.music.arrangement import Note, Part
from v2m_bridge.music.chords import Chord, parse_label
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.music.voices.part_writing import check_parts
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.timing.tempo import Bar

COLUMNS = (
    "agree 1",
    "agree 4",
    "agree 8",
    "down",
    "cuts",
    "seesaw",
    "VI",
    "tonic",
    "V-I",
    "last",
    "inv",
    "par",
    "swell",
    "lead",
    "all",
)
NEAR = 1e-3


def measure(score: Score) -> dict[str, float]:
    """Every column of one score; what its length or parts forbid is left out."""
    bars = list(tempo_map_from_document(score.fit).bars(score.fit.end_beat))
    key = parse_key(score.key)
    chords = [(chord.start_beat, parse_label(chord.label)) for chord in score.chords]
    notes = {part.role: part.notes for part in score.parts}
    found = {**agreement(score, bars), **places(score, bars), **ending(score, chords, key), **degrees(chords, key)}
    end = score.fit.end_beat
    if "bass" in notes:
        found["inv"] = inversions(notes["bass"], chords)
        for column, role in (("par", "chords"), ("swell", "swell")):
            if role in notes:
                marked = check_parts([notes[role], notes["bass"]], chords, key, end)
                found[column] = marked.parallels_per_change
                if role == "chords" and marked.leading_tones:
                    found["lead"] = marked.doubled_share
    found["all"] = everybody([part for part in score.parts if part.role != "hits"], bars)
    return found


def agreement(score: Score, bars: Sequence[Bar]) -> dict[str, float]:
    """Shares of beats whose chord sounds again 1, 4 and 8 bars later."""
    rows = [[chord_at(score, bar.start_beat + beat) for beat in range(int(bar.length_beats))] for bar in bars]
    found = {}
    for away in (1, 4, 8):
        pairs = [pair for a, b in zip(rows, rows[away:], strict=False) for pair in zip(a, b, strict=False)]
        if len(rows) > 2 * away:
            found[f"agree {away}"] = sum(a == b for a, b in pairs) / max(1, len(pairs))
    return found


def chord_at(score: Score, beat: float) -> str:
    """Symbol of the chord that sounds at a beat."""
    return next((c.symbol for c in score.chords if c.start_beat <= beat + NEAR < c.end_beat), "")


def places(score: Score, bars: Sequence[Bar]) -> dict[str, float]:
    """Where chords change."""
    starts = [chord.start_beat for chord in score.chords[1:]]
    downbeats = [bar.start_beat for bar in bars]
    cuts = [h.beat for h in score.fit.hits if h.kind in ("cut", "dissolve") and h.lands in ("downbeat", "beat")]
    symbols = [chord.symbol for chord in score.chords]
    found = {"down": among(starts, downbeats), "cuts": among(cuts, starts)}
    back = [a == b for a, b in zip(symbols, symbols[2:], strict=False)]
    return {**{k: v for k, v in found.items() if v is not None}, **({"seesaw": statistics.mean(back)} if back else {})}


def among(beats: Sequence[float], others: Sequence[float]) -> float | None:
    """Share of ``beats`` that are among ``others``; None without beats."""
    hits = [any(abs(beat - other) < NEAR for other in others) for beat in beats]
    return sum(hits) / len(hits) if hits else None


def ending(score: Score, chords: Sequence[tuple[float, Chord]], key: Key) -> dict[str, float]:
    """The last chord, and whether the dominant leads to it."""
    last = score.chords[-1]
    roots = [chord.root for _, chord in chords]
    authentic = len(roots) > 1 and roots[-2:] == [(key.tonic + 7) % 12, key.tonic]
    return {"last": last.end_s - last.start_s, "V-I": float(authentic)}


def degrees(chords: Sequence[tuple[float, Chord]], key: Key) -> dict[str, float]:
    """Share of chords on the sixth degree, and the rank of the tonic among the commonest roots (1 is first)."""
    roots = [(chord.root - key.tonic) % 12 for _, chord in chords if chord.root is not None]
    counts = Counter(roots)
    rank = 1 + sum(count > counts[0] for count in counts.values())
    return {"VI": counts[8 if key.minor else 9] / max(1, len(roots)), "tonic": float(rank)}


def overlap(one: Counter[int], other: Counter[int]) -> float:
    """Histogram overlap of chords, in the network's keys."""
    return sum(min(one[c] / one.total(), other[c] / other.total()) for c in one | other)


def inversions(bass: Sequence[Note], chords: Sequence[tuple[float, Chord]]) -> float:
    """Share of changes at which the bass sounds another tone than the root."""
    found = []
    for beat, chord in chords:
        low = [n.pitch for n in bass if n.start_beat <= beat + NEAR < n.end_beat]
        if low and chord.root is not None:
            found.append(min(low) % 12 != chord.root)
    return statistics.mean(found) if found else 0.0


def everybody(parts: Sequence[Part], bars: Sequence[Bar]) -> float:
    """Share of bars in which each of ``parts`` sounds."""

    def sounds(part: Part, bar: Bar) -> bool:
        end = bar.start_beat + bar.length_beats
        return any(n.start_beat < end - NEAR and n.end_beat > bar.start_beat + NEAR for n in part.notes)

    return sum(all(sounds(part, bar) for part in parts) for bar in bars) / max(1, len(bars))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edits", nargs="+", type=Path)
    parser.add_argument("--moods", default="", help="separated by commas; none: as the picture asks")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--figures", action="store_true", help="the table of figures instead of the player")
    chosen = parser.parse_args()
    engine, rows = Engine(), []
    chords: defaultdict[str, Counter[int]] = defaultdict(Counter)
    print(f"{'edit':18} {'mood':9} {'seed':>4} " + " ".join(f"{column:>7}" for column in COLUMNS))
    for edit in chosen.edits:
        for mood in chosen.moods.split(","):
            for seed in chosen.seeds.split(","):
                wishes = {"mood": mood or None, "seed": int(seed)}
                quick = {"texture": "figures", "themes": False} if chosen.figures else {}
                score = compose(edit, ScoreOptions(**wishes, **quick), engine)
                rows.append(measure(score))
                down = -parse_key(score.key).semitones_from_network
                chords[mood].update(parse_label(chord.label).transposed(down).id for chord in score.chords)
                print(f"{edit.stem[:18]:18} {mood or '-':9} {seed:>4} " + line(rows[-1]), flush=True)
    medians = {c: statistics.median(values) for c in COLUMNS if (values := [row[c] for row in rows if c in row])}
    print(f"{'median':33} " + line(medians))
    for one, other in itertools.combinations(sorted(chords), 2):
        print(f"chords in common, {one or 'none'} and {other or 'none'}: {overlap(chords[one], chords[other]):.2f}")


def line(row: dict[str, float]) -> str:
    """The columns of a row."""
    return " ".join(f"{row[column]:7.2f}" if column in row else f"{'':7}" for column in COLUMNS)


if __name__ == "__main__":
    main()
