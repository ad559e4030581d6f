"""An independent check of a fit: reads only the JSON and computes everything anew, in decimals and fractions."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from decimal import Decimal, getcontext
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
HALF_FRAME = Decimal("0.500001")
getcontext().prec = 40


class Clock:
    """Seconds of beats by summing the tempo rows (steps only), in decimals of 40 digits."""

    def __init__(self, rows: list[Row]) -> None:
        self.starts = [Decimal(row["beat"]) for row in rows]
        self.quarters_s = [Decimal(60) / Decimal(row["bpm"]) for row in rows]
        lengths = (after - before for before, after in itertools.pairwise(self.starts))
        spans = (length * quarter for length, quarter in zip(lengths, self.quarters_s, strict=False))
        self.seconds = list(itertools.accumulate(spans, initial=Decimal(0)))

    def __call__(self, beat: float) -> Decimal:
        index = max(0, bisect_right(self.starts, Decimal(beat)) - 1)
        return self.seconds[index] + (Decimal(beat) - self.starts[index]) * self.quarters_s[index]


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
    tolerance_frames: Decimal = HALF_FRAME,
    eighths: bool = True,
) -> None:
    """Fail unless every hard constraint holds and every figure of the document is true."""
    rows, requested = document["tempo"], document["requested_bpm"]
    assert bpm is None or requested == bpm
    assert (rows[0]["seconds"], rows[0]["beat"]) == (0, 0)
    clock = Clock(rows)
    for row in rows:
        assert requested * (1 - tempo_range) - 1e-6 <= row["bpm"] <= requested * (1 + tempo_range) + 1e-6
        assert not row["linear"]
        assert abs(clock(row["beat"]) - Decimal(row["seconds"])) < Decimal("1e-8")
    for before, after in itertools.pairwise(rows):
        assert before["beat"] < after["beat"]
        assert before["seconds"] < after["seconds"]
        ratio = after["bpm"] / before["bpm"]
        assert max(ratio, 1 / ratio) <= 1 + max_step + 1e-9, f"{before['bpm']} to {after['bpm']}"
    downbeats = downbeats_of(rows, max([document["end_beat"], *(hit["beat"] for hit in document["hits"])]))
    for hit in document["hits"]:
        check_hit(hit, clock, downbeats, rate, tolerance_frames, eighths)
    landed = [hit for hit in document["hits"] if hit["lands"] != "miss"]
    summary = document["summary"]
    assert (summary["hits"], summary["landed"]) == (len(document["hits"]), len(landed))
    assert summary["min_bpm"] == min(row["bpm"] for row in rows)
    assert summary["max_bpm"] == max(row["bpm"] for row in rows)


def check_hit(
    hit: Row, clock: Clock, downbeats: set[Fraction], rate: Fraction, tolerance: Decimal, eighths: bool
) -> None:
    """The hit lands where the document says, and a miss really is one."""
    unit = Fraction(1, 2) if eighths else Fraction(1)
    beat = Fraction(hit["beat"])
    assert beat % unit == 0
    fps = Decimal(rate.numerator) / Decimal(rate.denominator)
    late = clock(hit["beat"]) * fps - hit["frame"]
    assert abs(late - Decimal(hit["error_frames"])) < Decimal("1e-5")
    if hit["lands"] == "miss":
        assert hit["reason"]
        for other in (beat - unit, beat, beat + unit):
            assert other < 0 or abs(clock(float(other)) * fps - hit["frame"]) > Decimal("0.499999")
        return
    assert abs(late) <= tolerance
    kind = "downbeat" if beat in downbeats else "beat" if beat % 1 == 0 else "eighth"
    assert hit["lands"] == kind
