"""``score.musicxml``: a lead sheet with all parts, in MusicXML 4.0 (partwise), for notation programs.

Chord symbols, metres, tempo marks, cuts as rehearsal marks and the edit's markers stand above the first staff. All
staves are at concert pitch. Notes and marks are written on sixteenths (:mod:`v2m_bridge.score.notation`).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from xml.etree.ElementTree import Element, SubElement

from v2m_bridge.files.whole import write_whole
from v2m_bridge.music.arrangement import Part
from v2m_bridge.music.chords import QUALITIES, parse_label
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.score.cue_facts import CueFacts, cue_title, cut_name
from v2m_bridge.score.model import ChordDocument, Score
from v2m_bridge.score.notation import GRID, VALUES, WrittenChord, WrittenPiece, measure_pieces, step_at, written_voices
from v2m_bridge.timing.tempo import Bar

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
KINDS = {
    "maj": "major",
    "min": "minor",
    "dim": "diminished",
    "aug": "augmented",
    "sus4": "suspended-fourth",
    "sus2": "suspended-second",
    "maj6": "major-sixth",
    "min6": "minor-sixth",
    "7": "dominant",
    "maj7": "major-seventh",
    "min7": "minor-seventh",
    "hdim7": "half-diminished",
    "dim7": "diminished-seventh",
}
"""Harte quality -> MusicXML's ``kind-value``."""

MIDDLE_C = 60
_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_musicxml(score: Score, path: Path) -> None:
    """Write ``score`` to ``path``; equal scores give equal bytes.

    Raises:
        InputError: the file cannot be written.
    """
    root = _document(score)
    ElementTree.indent(root)
    write_whole(path, HEAD + ElementTree.tostring(root, encoding="unicode") + "\n")


@dataclass(frozen=True)
class _Mark:
    """Something above the first staff at a step of the film."""

    step: int
    element: Element


@dataclass(frozen=True)
class _LeadSheet:
    """What all parts share."""

    key: Key
    bars: tuple[Bar, ...]
    edges: tuple[int, ...]


def _document(score: Score) -> Element:
    facts = CueFacts(score)
    root = Element("score-partwise", version="4.0")
    _text(SubElement(root, "work"), "work-title", cue_title(score))
    identification = SubElement(root, "identification")
    if score.options.cue.composer:
        _text(identification, "creator", score.options.cue.composer, type="composer")
    _text(SubElement(identification, "encoding"), "software", f"v2m-bridge {score.version}")
    parts = score.parts or (Part("Chords", "chords", 0, 0, ()),)
    _part_list(root, parts)
    edges = [step_at(bar.start_beat) for bar in facts.bars]
    edges.append(edges[-1] + step_at(facts.bars[-1].length_beats))
    sheet = _LeadSheet(parse_key(score.key), facts.bars, tuple(edges))
    marks = sorted(_marks(facts, sheet.key, edges[-1] - 1), key=lambda mark: mark.step)
    for number, part in enumerate(parts, 1):
        element = SubElement(root, "part", id=f"P{number}")
        for measure in _measures(part, sheet, marks if number == 1 else ()):
            element.append(measure)
    return root


def _text(parent: Element, name: str, content: object, /, **attributes: str) -> Element:
    """A child with text; characters that XML cannot hold are left out."""
    child = SubElement(parent, name, attributes)
    child.text = _NOT_XML.sub("", str(content))
    return child


def _part_list(root: Element, parts: Sequence[Part]) -> None:
    listed = SubElement(root, "part-list")
    for number, part in enumerate(parts, 1):
        entry = SubElement(listed, "score-part", id=f"P{number}")
        _text(entry, "part-name", part.name)
        _text(SubElement(entry, "score-instrument", id=f"P{number}-I1"), "instrument-name", part.name)
        midi = SubElement(entry, "midi-instrument", id=f"P{number}-I1")
        _text(midi, "midi-channel", part.channel + 1)
        _text(midi, "midi-program", part.program + 1)


def _marks(facts: CueFacts, key: Key, last: int) -> Iterator[_Mark]:
    """Tempo marks, rehearsal marks of cuts, markers and chord symbols; none behind the last step."""

    def at(beat: float) -> int:
        return min(last, max(0, step_at(beat)))

    for row in facts.score.fit.tempo:
        yield _Mark(at(row.beat), _tempo_mark(row.bpm))
    for number, cut in enumerate(facts.score.timeline.cuts, 1):
        beat = facts.tempo.beat_at(float(cut.frame / facts.rate))
        yield _Mark(at(beat), _direction("rehearsal", cut_name(cut.kind, number)))
    for marker in facts.score.timeline.markers:
        text = f"{marker.name}: {marker.note}" if marker.note else marker.name or "Marker"
        yield _Mark(at(facts.tempo.beat_at(float(marker.frame / facts.rate))), _direction("words", text))
    for chord in facts.score.chords:
        yield _Mark(at(chord.start_beat), _harmony(chord, key))


def _direction(kind: str, text: str) -> Element:
    direction = Element("direction", placement="above")
    _text(SubElement(direction, "direction-type"), kind, text)
    return direction


def _tempo_mark(bpm: float) -> Element:
    direction = Element("direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome", parentheses="no")
    _text(metronome, "beat-unit", "quarter")
    _text(metronome, "per-minute", f"{bpm:.1f}".removesuffix(".0"))
    SubElement(direction, "sound", tempo=f"{bpm:.6f}")
    return direction


def _harmony(document: ChordDocument, key: Key) -> Element:
    """A chord symbol, with the text that the other files show."""
    chord = parse_label(document.label)
    harmony = Element("harmony")
    if chord.root is None or chord.quality is None:
        # no chord: a root has to be given, and is not shown
        _text(SubElement(harmony, "root"), "root-step", "C", text="")
        _text(harmony, "kind", "none", text="N.C.")
        return harmony
    quality = QUALITIES[chord.quality]
    name = key.spell(chord.root, quality.harte)
    root = SubElement(harmony, "root")
    _text(root, "root-step", name[0])
    if len(name) > 1:
        _text(root, "root-alter", name.count("#") - name.count("b"))
    _text(harmony, "kind", KINDS[quality.harte], text=quality.suffix)
    return harmony


def _measures(part: Part, sheet: _LeadSheet, marks: Sequence[_Mark]) -> Iterator[Element]:
    voices = written_voices(part.notes, sheet.edges[-1])
    metre = (0, 0)
    for index, (bar, (first, last)) in enumerate(zip(sheet.bars, pairwise(sheet.edges), strict=True)):
        measure = Element("measure", number=str(bar.number))
        here = (bar.numerator, bar.denominator)
        if here != metre:
            _attributes(measure, sheet.key, here, part if index == 0 else None)
            metre = here
        _place(measure, [mark for mark in marks if first <= mark.step < last], first)
        for number, voice in enumerate(voices, 1):
            if number > 1 and not any(chord.start < last and chord.end > first for chord in voice):
                continue
            if number > 1:
                _move(measure, "backup", last - first)
            _voice(measure, voice, (first, last), number, sheet.key)
        yield measure


def _attributes(measure: Element, key: Key, metre: tuple[int, int], first_of: Part | None) -> None:
    """Metre; in the first measure of a part also resolution, key and clef."""
    attributes = SubElement(measure, "attributes")
    if first_of:
        _text(attributes, "divisions", GRID)
        signature = SubElement(attributes, "key")
        _text(signature, "fifths", _fifths(key))
        _text(signature, "mode", "minor" if key.minor else "major")
    time = SubElement(attributes, "time")
    _text(time, "beats", metre[0])
    _text(time, "beat-type", metre[1])
    if first_of:
        low = bool(first_of.notes) and median(note.pitch for note in first_of.notes) < MIDDLE_C
        clef = SubElement(attributes, "clef")
        _text(clef, "sign", "F" if low else "G")
        _text(clef, "line", 4 if low else 2)


def _fifths(key: Key) -> int:
    """Sharps of the key signature, or flats below 0."""
    sharps = (key.tonic + (3 if key.minor else 0)) * 7 % 12
    return sharps - 12 if key.uses_flats else sharps


def _place(measure: Element, marks: Sequence[_Mark], first: int) -> None:
    """The marks at their steps, then back to the start of the measure."""
    at = first
    for mark in marks:
        if mark.step > at:
            _move(measure, "forward", mark.step - at)
            at = mark.step
        measure.append(mark.element)
    if at > first:
        _move(measure, "backup", at - first)


def _move(measure: Element, how: str, steps: int) -> None:
    _text(SubElement(measure, how), "duration", steps)


def _voice(measure: Element, voice: Sequence[WrittenChord], span: tuple[int, int], number: int, key: Key) -> None:
    pieces = list(measure_pieces(voice, *span))
    if number == 1 and all(not piece.pitches for piece in pieces):
        note = SubElement(measure, "note")
        SubElement(note, "rest", measure="yes")
        _text(note, "duration", span[1] - span[0])
        _text(note, "voice", number)
        return
    for piece in pieces:
        if piece.pitches:
            for index, pitch in enumerate(piece.pitches):
                _note(measure, piece, pitch, index > 0, number, key)
        elif number > 1:
            _move(measure, "forward", piece.steps)
        else:
            _note(measure, piece, None, False, number, key)


def _note(measure: Element, piece: WrittenPiece, pitch: int | None, in_chord: bool, voice: int, key: Key) -> None:
    """One note or rest; the order of the children is the schema's."""
    note = SubElement(measure, "note")
    if in_chord:
        SubElement(note, "chord")
    if pitch is None:
        SubElement(note, "rest")
    else:
        _pitch(note, pitch, key)
    _text(note, "duration", piece.steps)
    ties = [
        kind for kind, there in (("stop", piece.tied_from), ("start", piece.tied_to)) if there and pitch is not None
    ]
    for kind in ties:
        SubElement(note, "tie", type=kind)
    _text(note, "voice", voice)
    value, dots = VALUES[piece.steps]
    _text(note, "type", value)
    for _ in range(dots):
        SubElement(note, "dot")
    if ties:
        notations = SubElement(note, "notations")
        for kind in ties:
            SubElement(notations, "tied", type=kind)


def _pitch(note: Element, pitch: int, key: Key) -> None:
    """Letter, accidental and octave as the key spells them; octave 4 begins at middle C."""
    name = key.spell(pitch % 12)
    alter = name.count("#") - name.count("b")
    element = SubElement(note, "pitch")
    _text(element, "step", name[0])
    if alter:
        _text(element, "alter", alter)
    _text(element, "octave", (pitch - alter - _NATURAL[name[0]]) // 12 - 1)
