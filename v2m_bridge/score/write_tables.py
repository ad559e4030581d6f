"""The cue sheet's facts as tidy tables for a spreadsheet: ``hits.csv``, ``chords.csv``, ``seconds.csv``.

One row each, one meaning a column. A text of the edit that a spreadsheet would take for a formula has an apostrophe
before it; ``cuesheet.csv`` has all texts as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.score.cue_facts import CueFacts
from v2m_bridge.score.model import Score

HIT_COLUMNS = (
    "timecode",
    "frame",
    "seconds",
    "bar_beat",
    "kind",
    "name",
    "colour",
    "note",
    "must",
    "lands",
    "frames_late",
)
CHORD_COLUMNS = ("timecode", "start_s", "end_s", "bar_beat", "beats", "symbol", "label", "probability")
SECOND_COLUMNS = ("second", "timecode", "bar_beat", "motion", *EMOTIONS)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection)."""


def write_hits_csv(score: Score, path: Path) -> None:
    """Write every cut, marker and movement: where it is, and how the music meets it."""
    facts = CueFacts(score)
    _write(
        path,
        HIT_COLUMNS,
        (
            (
                x.timecode,
                x.frame,
                f"{x.seconds:.6f}",
                facts.position(x.beat),
                x.kind,
                plain_text(x.name),
                plain_text(x.color),
                plain_text(x.note),
                "yes" if x.must else "",
                x.lands,
                "" if x.error_frames is None else f"{x.error_frames:.4f}",
            )
            for x in facts.events
        ),
    )


def write_chords_csv(score: Score, path: Path) -> None:
    """Write every chord; a locked one has no probability."""
    facts = CueFacts(score)
    _write(
        path,
        CHORD_COLUMNS,
        (
            (
                facts.timecode_at(x.start_s),
                f"{x.start_s:.6f}",
                f"{x.end_s:.6f}",
                facts.position(x.start_beat),
                f"{x.end_beat - x.start_beat:.6f}",
                x.symbol,
                x.label,
                "" if x.probability is None else f"{x.probability:.4f}",
            )
            for x in score.chords
        ),
    )


def write_seconds_csv(score: Score, path: Path) -> None:
    """Write what was measured in every second of the picture; what was not measured is empty."""
    facts = CueFacts(score)
    rows = []
    for second, measured in enumerate(score.footage):
        motion = "" if measured.motion is None else f"{measured.motion:.3f}"
        emotions = [f"{p:.4f}" for p in measured.emotion] if measured.emotion else [""] * len(EMOTIONS)
        position = facts.position(facts.tempo.beat_at(float(second)))
        rows.append((second, facts.timecode_at(float(second)), position, motion, *emotions))
    _write(path, SECOND_COLUMNS, rows)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def plain_text(text: str) -> str:
    """``text`` as a spreadsheet shows it and does not compute it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
