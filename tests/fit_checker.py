"""An independent check of a fit: reads only the JSON and computes everything anew in exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
HALF_FRAME = Fraction(1, 2) + Fraction(1, 10**6)


def seconds_of(rows: list[Row], beat: float) -> Fraction:
    """Seconds of a beat by walking the tempo rows (steps only)."""
    now_s, wanted = Fraction(0), Fraction(beat)
    for index, row in enumerate(rows):
        start = Fraction(row["beat"])
        stop = Fraction(rows[index + 1]["beat"]) if index + 1 < len(rows) else wanted
        if wanted <= start:
            break
        now_s += (min(stop, wanted) - start) * 60 / Fraction(row["bpm"])
    return now_s


def downbeats_of(rows: list[Row], end_beat: float) -> set[Fraction]:
    """Bar lines up to and including ``end_beat``; fails when a metre starts inside a bar or is not 2..5 quarters."""
    found = {Fraction(0)}
    line = Fraction(0)
    for index, row in enumerate(rows):
        assert row["denominator"] == 4
        assert 2 <= row["numerator"] <= 5
        changed = index == 0 or row["numerator"] != rows[index - 1]["numerator"]
        if changed:
            assert Fraction(row["beat"]) == line or index == 0, f"metre changes inside a bar at beat {row['beat']}"
        stop = Fraction(rows[index + 1]["beat"]) if index + 1 < len(rows) else Fraction(end_beat) + 8
        while line + row["numerator"] <= stop:
            line += row["numerator"]
            found.add(line)
        # a tempo row inside a bar: the next row carries on from the last bar line
    return found


def check_fit(
    document: Row,
    rate: Fraction,
    bpm: float | None = None,
    tempo_range: float = 0.10,
    max_step: float = 0.06,
    tolerance_frames: Fraction = HALF_FRAME,
    eighths: bool = True,
) -> None:
    """Fail unless every hard constraint holds and every figure of the document is true."""
    rows, requested = document["tempo"], document["requested_bpm"]
    assert bpm is None or requested == bpm
    assert (rows[0]["seconds"], rows[0]["beat"]) == (0, 0)
    for row in rows:
        assert requested * (1 - tempo_range) - 1e-6 <= row["bpm"] <= requested * (1 + tempo_range) + 1e-6
        assert not row["linear"]
        assert abs(seconds_of(rows, row["beat"]) - Fraction(row["seconds"])) < Fraction(1, 10**8)
    for before, after in itertools.pairwise(rows):
        assert before["beat"] < after["beat"]
        assert before["seconds"] < after["seconds"]
        ratio = after["bpm"] / before["bpm"]
        assert max(ratio, 1 / ratio) <= 1 + max_step + 1e-9, f"{before['bpm']} to {after['bpm']}"
    downbeats = downbeats_of(rows, max([document["end_beat"], *(hit["beat"] for hit in document["hits"])]))
    for hit in document["hits"]:
        check_hit(hit, rows, downbeats, rate, tolerance_frames, eighths)
    landed = [hit for hit in document["hits"] if hit["lands"] != "miss"]
    summary = document["summary"]
    assert (summary["hits"], summary["landed"]) == (len(document["hits"]), len(landed))
    assert summary["min_bpm"] == min(row["bpm"] for row in rows)
    assert summary["max_bpm"] == max(row["bpm"] for row in rows)


def check_hit(
    hit: Row, rows: list[Row], downbeats: set[Fraction], rate: Fraction, tolerance: Fraction, eighths: bool
) -> None:
    """The hit lands where the document says, and a miss really is one."""
    unit = Fraction(1, 2) if eighths else Fraction(1)
    beat = Fraction(hit["beat"])
    assert beat % unit == 0
    late = (seconds_of(rows, hit["beat"]) - Fraction(hit["frame"]) / rate) * rate
    assert abs(late - Fraction(hit["error_frames"])) < Fraction(1, 10**5)
    if hit["lands"] == "miss":
        assert hit["reason"]
        for other in (beat - unit, beat, beat + unit):
            distance = abs(seconds_of(rows, float(other)) - Fraction(hit["frame"]) / rate) * rate
            assert other < 0 or distance > Fraction(1, 2) - Fraction(1, 10**6)
        return
    assert abs(late) <= tolerance
    kind = "downbeat" if beat in downbeats else "beat" if beat % 1 == 0 else "eighth"
    assert hit["lands"] == kind
