"""How well two cuts are compared, and what a change costs the music. Prints figures; asserts nothing.

python benchmarks/bench_changes.py pairs FOLDER       real pairs with truth.json
python benchmarks/bench_changes.py simulator [SEEDS]  random pairs by damage
python benchmarks/bench_changes.py trim EDIT...       14 frames out of the middle of an edit, kept against fresh
python benchmarks/bench_changes.py large              2,000 shots
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from cut_pairs import DAMAGES, STYLES, CutPair, cut_pair, figures

from v2m_bridge.compose.conform.blocks import OldMusic
from v2m_bridge.compose.conform.plan import plan_conform
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.landing import land_hits
from v2m_bridge.sync.model import FitOptions, Lands
from v2m_bridge.timeline.changes.compare import compare_cuts
from v2m_bridge.timeline.hits import HitOptions, find_hits
from v2m_bridge.timeline.model import Cut, Shot, Timeline

TRIM_FRAMES = 14


def counts(pair: CutPair) -> tuple[int, int, int]:
    """Right, wrong and kept frames."""
    changes = compare_cuts(pair.old, pair.new)
    found = {f: s.to_old(f) for s in changes.segments for f in range(s.new_start, s.new_end)}
    return figures(pair, found.get)


def real_pairs(folder: Path) -> None:
    """(right - wrong) / kept of every pair in a folder."""
    for place in sorted(p for p in folder.iterdir() if p.is_dir()):
        old, new = read_edit(place / "old.otio"), read_edit(place / "new.otio")
        spans = json.loads((place / "truth.json").read_text())
        truth = [next((was + f - a for a, b, was in spans if a <= f < b), None) for f in range(new.duration_frames)]
        right, wrong, kept = counts(CutPair(old, new, tuple(truth), ()))
        print(f"{place.name:32} {(right - wrong) / kept:.4f}  right {right} wrong {wrong} kept {kept}")


def simulator(seeds: int) -> None:
    """Shares of kept frames by damage, over all styles and 1, 5 and 20 edits."""
    print(f"{'damage':20} {'found':>7} {'wrong':>7} {'worst':>7}")
    for damage in DAMAGES:
        right = wrong = kept = 0
        worst = 1.0
        for style in STYLES:
            for edits in (1, 5, 20):
                for seed in range(1000, 1000 + seeds):
                    r, w, k = counts(cut_pair(seed, edits=edits, damage=damage, style=style))
                    right, wrong, kept = right + r, wrong + w, kept + k
                    worst = min(worst, (r - w) / k)
        print(f"{damage:20} {right / kept:7.4f} {wrong / kept:7.4f} {worst:7.4f}", flush=True)


def trimmed(old: Timeline, at: int, lost: int) -> Timeline:
    """The cut with ``[at, at + lost)`` taken out and closed."""
    shots: list[Shot] = []
    for s in old.shots:
        head = replace(s, end_frame=min(s.end_frame, at))
        a = max(s.start_frame, at + lost)
        skipped_s = (a - s.start_frame) / float(old.rate) * s.speed
        tail = replace(
            s, start_frame=a - lost, end_frame=s.end_frame - lost, source_start_s=s.source_start_s + skipped_s
        )
        shots += [p for p in (head, tail) if p.end_frame > p.start_frame]
    cuts = tuple(Cut(s.start_frame) for s in shots[1:])
    return replace(old, shots=tuple(shots), cuts=cuts, markers=(), duration_frames=old.duration_frames - lost)


def trim(path: Path) -> None:
    """A lift in the middle of an edit: bars kept, and hits landed against a fresh fit."""
    edit = replace(read_edit(path), markers=())
    middle = max(edit.shots, key=lambda s: (s.start_frame < edit.duration_frames / 2 < s.end_frame, s.length_frames))
    old = replace(edit, cuts=tuple(Cut(s.start_frame) for s in edit.shots[1:]))
    new = trimmed(old, middle.start_frame + middle.length_frames // 2, TRIM_FRAMES)
    hits, wanted = find_hits(old, HitOptions(), ()), FitOptions()
    fit = fit_tempo(hits, old.duration_frames, old.rate, wanted)
    changes = compare_cuts(old, new)
    music = OldMusic(fit.tempo_map, fit.end_beat, old.duration_frames, old.rate)
    new_hits = find_hits(new, HitOptions(), ())
    options = replace(wanted, bpm=fit.requested_bpm)
    started = time.perf_counter()
    plan = plan_conform(changes, music, new_hits, new.duration_s, new.rate, options)
    took = time.perf_counter() - started
    assert plan is not None
    fresh = fit_tempo(new_hits, new.duration_frames, new.rate, wanted)
    lines = [b.start_beat for b in plan.tempo.bars(plan.end_beat)]
    landings = land_hits(new_hits, plan.tempo, lines, new.rate, wanted.tolerance_frames, wanted.eighths)
    landed = sum(x.lands is not Lands.MISS for x in landings) / max(1, len(landings))
    bars = len(list(fit.tempo_map.bars(fit.end_beat)))
    kept = sum(r.bars for r in plan.kept)
    print(
        f"{path.stem[:28]:28} {bars} bars, {kept} kept; hits landed: kept {landed:.4f}, fresh "
        f"{fresh.summary.landed_share:.4f}, before {fit.summary.landed_share:.4f}; planning took "
        f"{took / max(1e-9, new.duration_s):.4f} of the film's length"
    )


def large() -> None:
    """2,000 shots, 20 edits, names kept and all changed."""
    for damage in ("none", "everything"):
        pair = cut_pair(1, shots=2000, edits=20, damage=damage, style="shot_files")
        started = time.process_time()
        right, wrong, kept = counts(pair)
        took = time.process_time() - started
        print(f"2,000 shots, {damage}: found {right / kept:.4f}, wrong {wrong / kept:.4f}, {took:.1f} s of one core")


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    if task == "pairs":
        real_pairs(Path(rest[0]))
    elif task == "simulator":
        simulator(int(rest[0]) if rest else 3)
    elif task == "trim":
        for name in rest:
            trim(Path(name))
    else:
        large()
