"""The cue sheet's facts as one CSV file: a row each, told apart by ``kind``."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from v2m_bridge.score.cue_facts import CueFacts
from v2m_bridge.score.model import Score

COLUMNS = (
    "kind",
    "timecode",
    "frame",
    "seconds",
    "beat",
    "position",
    "length_s",
    "length_beats",
    "name",
    "value",
    "note",
)
"""``position`` is bar|beat; ``name`` and ``value`` depend on ``kind``:

cut, dissolve, wipe, fade, motion: name = how it lands, value = distance from the grid in frames
marker: name = the marker's name, value = its colour, note = its note
tempo: name = metre, value = beats a minute
chord: name = symbol, value = probability (empty for a locked chord), note = Harte label
note: name = part, value = pitch, note = velocity
dynamics: name = predicted notes a second, value = predicted loudness (linear RMS)
section: name = label, value = mood, note = the reason
speech: the length is what matters
cue: name = cue, composer or cue_version, value = what it was said to be
choice: name = what was chosen, value = the choice, note = the reason
second: name = motion, value = strongest emotion, note = the six probabilities
"""


def write_cuesheet_csv(score: Score, path: Path) -> None:
    """Write the facts as UTF-8 CSV with a header row; texts are written exactly as they are."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_rows(CueFacts(score)))


Row = tuple[object, ...]


def _rows(facts: CueFacts) -> Iterator[Row]:
    yield from _picture(facts)
    yield from _music(facts)
    yield from _directed(facts)
    yield from _measured(facts)


def _at(
    facts: CueFacts, kind: str, seconds: float, beat: float, length_s: object = "", length_beats: object = ""
) -> Row:
    frame = round(seconds * facts.rate)
    return (
        kind,
        facts.timecode(frame),
        frame,
        f"{seconds:.6f}",
        f"{beat:.6f}",
        facts.position(beat),
        length_s if isinstance(length_s, str) else f"{length_s:.6f}",
        length_beats if isinstance(length_beats, str) else f"{length_beats:.6f}",
    )


def _picture(facts: CueFacts) -> Iterator[Row]:
    for event in facts.events:
        when = (event.timecode, event.frame, f"{event.seconds:.6f}", f"{event.beat:.6f}", facts.position(event.beat))
        row: Row = (event.kind, *when, "", "")
        if event.kind == "marker":
            yield (*row, event.name, event.color, event.note)
        else:
            error = "" if event.error_frames is None else f"{event.error_frames:.4f}"
            yield (*row, event.lands, error, event.note)


def _music(facts: CueFacts) -> Iterator[Row]:
    for tempo in facts.score.fit.tempo:
        metre = f"{tempo.numerator}/{tempo.denominator}"
        yield (*_at(facts, "tempo", tempo.seconds, tempo.beat), metre, f"{tempo.bpm:.6f}", "")
    for chord in facts.score.chords:
        length_s, length_beats = chord.end_s - chord.start_s, chord.end_beat - chord.start_beat
        sure = "" if chord.probability is None else f"{chord.probability:.4f}"
        yield (
            *_at(facts, "chord", chord.start_s, chord.start_beat, length_s, length_beats),
            chord.symbol,
            sure,
            chord.label,
        )
    for part in facts.score.parts:
        for start, length, pitch, velocity in part.notes:
            seconds = facts.tempo.seconds_at(start)
            length_s = facts.tempo.seconds_at(start + length) - seconds
            yield (*_at(facts, "note", seconds, start, length_s, length), part.name, pitch, velocity)


def _directed(facts: CueFacts) -> Iterator[Row]:
    score = facts.score
    for name, value in dataclasses.asdict(score.options.cue).items():
        if value:
            yield (*_at(facts, "cue", 0.0, 0.0), name, value, "")
    for choice in score.choices:
        yield (*_at(facts, "choice", 0.0, 0.0), choice.what, choice.value, choice.reason)
    for part in score.sections:
        length = f"{part.end_s - part.start_s:.6f}", f"{part.end_beat - part.start_beat:.6f}"
        yield (*_at(facts, "section", part.start_s, part.start_beat, *length), part.label, part.mood or "", part.reason)
    for start_s, end_s in score.speech:
        yield (*_at(facts, "speech", start_s, facts.tempo.beat_at(start_s), f"{end_s - start_s:.6f}"), "", "", "")


def _measured(facts: CueFacts) -> Iterator[Row]:
    from v2m_bridge.music.emotions import EMOTIONS

    for point in facts.score.dynamics:
        row = _at(facts, "dynamics", point.seconds, point.beat)
        yield (*row, f"{point.note_density:.4f}", f"{point.loudness:.5f}", "")
    for second, measured in enumerate(facts.score.footage):
        row = _at(facts, "second", float(second), facts.tempo.beat_at(float(second)), 1.0)
        motion = "" if measured.motion is None else f"{measured.motion:.3f}"
        if not measured.emotion:
            yield (*row, motion, "", "")
        else:
            _, strongest = max(zip(measured.emotion, EMOTIONS, strict=True))
            yield (*row, motion, strongest, " ".join(f"{p:.4f}" for p in measured.emotion))
