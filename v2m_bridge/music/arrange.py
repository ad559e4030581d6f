"""Chords, dynamics and hits become voiced parts on beats."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import Arrangement, ArrangeRequest, Control, Note, Part
from v2m_bridge.music.emotions import Character, character, parse_emotion
from v2m_bridge.music.instruments import (
    CHANNEL_OF_ROLE,
    DEFAULT_PRESET,
    PRESET_OF_MOOD,
    PRESETS,
    Preset,
    PresetPart,
    Role,
    parse_preset,
)
from v2m_bridge.music.parts import (
    bass_notes,
    expression_controls,
    figure_levels,
    figure_notes,
    held_voices,
    hit_notes,
)
from v2m_bridge.music.plan import Plan, make_plan
from v2m_bridge.music.themes.line_parts import closing_only, line_notes, striking_only, swelling_only, texture_notes
from v2m_bridge.music.themes.lines import Lines
from v2m_bridge.music.under_speech import under_speech
from v2m_bridge.music.voices.bass_line import BassMoment, bass_line
from v2m_bridge.music.voices.voicing import VoicedMoment, Voicing, VoicingStyle, voice_chords

CHORD_VOICES, SWELL_VOICES = 4, 3
"""Number of voices of the two parts that hold chords."""


def arrange(request: ArrangeRequest, options: ArrangeOptions, lines: Lines | None = None) -> Arrangement:
    """Voice the chords and write the parts.

    Args:
        lines: what the player has written; None leaves everything to the table of figures.

    Raises:
        InputError: no length, overlapping chords, or unknown options.
    """
    plan = make_plan(request, options.tail_s)
    mood = parse_emotion(options.mood) if options.mood else None
    preset = PRESETS[preset_name(options)]
    writer = _PartWriter(plan, preset, character(mood, options.affect), options.seed, lines or Lines(texture=False))
    parts = [part for role in options.roles() if (part := writer.part(role))]
    warnings = [] if any(s.chord.root is not None for s in plan.spans) else [f"no chord sounds in {request.key.name}"]
    return Arrangement(parts=under_speech(parts, request), warnings=tuple(warnings))


def preset_name(options: ArrangeOptions) -> str:
    """Name of the preset: the one in the options, else the one of the mood, else the default."""
    if options.preset:
        return parse_preset(options.preset)
    if options.mood and options.affect > 0:
        return PRESET_OF_MOOD[parse_emotion(options.mood)]
    return DEFAULT_PRESET


class _PartWriter:
    """Writes one part after another into the same plan."""

    def __init__(self, plan: Plan, preset: Preset, colour: Character, seed: int, lines: Lines) -> None:
        self.plan, self.preset, self.colour, self.seed, self.lines = plan, preset, colour, seed, lines
        self.bass_line = _bass(plan, preset[Role.BASS])
        self.levels = figure_levels(plan)
        self.texture = texture_notes(plan, lines, preset, colour.boost) if lines.texture else {}

    def part(self, role: Role) -> Part | None:
        """The part of a role; None where it would be empty and nobody expects it."""
        preset_part = self.preset[role]
        notes = self._notes(role, preset_part)
        if not notes and role in (Role.MELODY, Role.COUNTER, Role.HITS):
            return None
        controls: list[Control] = []
        if notes and not preset_part.sound.decays and role is not Role.FIGURE:
            controls = expression_controls(self.plan, with_modulation=role is Role.SWELL)
        return _part(role, preset_part, notes, controls)

    def _notes(self, role: Role, preset_part: PresetPart) -> list[Note]:
        match role:
            case Role.MELODY:
                return line_notes(self.plan, self.lines.melody, preset_part, self.colour.boost)
            case Role.COUNTER:
                return line_notes(self.plan, self.lines.counter, preset_part, self.colour.boost)
            case Role.SWELL:
                held = self._from_table(role, preset_part)
                return swelling_only(self.plan, held) if self.texture else held
            case Role.HITS:
                return hit_notes(self.plan, self.bass_line, preset_part, self.colour.boost)
        from_table = self._from_table(role, preset_part)
        if not self.texture:
            return from_table
        struck, closing = striking_only(self.plan, from_table), closing_only(self.plan, from_table)
        return [*self.texture[role], *struck, *closing]

    def _from_table(self, role: Role, preset_part: PresetPart) -> list[Note]:
        """Chords, bass, figure and swell without a player."""
        plan, boost = self.plan, self.colour.boost
        if role is Role.BASS:
            return bass_notes(plan, self.bass_line, preset_part, boost, self.levels)
        if role is Role.FIGURE:
            return figure_notes(plan, preset_part, self.colour, self.levels, Random(self.seed))
        voices = CHORD_VOICES if role is Role.CHORDS else SWELL_VOICES
        return held_voices(plan, _voicings(plan, self.bass_line, preset_part, voices, self.colour), preset_part, boost)


def _bass(plan: Plan, preset_part: PresetPart) -> tuple[int | None, ...]:
    last = len(plan.spans) - 1
    moments = [
        BassMoment(
            span.chord,
            span.length_beats,
            firm=index in (0, last) or any(span.start_beat - 1e-3 <= s < span.end_beat - 1e-3 for s in plan.strong),
        )
        for index, span in enumerate(plan.spans)
    ]
    return bass_line(moments, *preset_part.register)


def _voicings(
    plan: Plan, line: Sequence[int | None], preset_part: PresetPart, voices: int, colour: Character
) -> tuple[Voicing, ...]:
    """A voicing for every span; louder moments and brighter moods lie higher."""
    lowest, highest = preset_part.register
    style = VoicingStyle(voices, lowest, highest, preset_part.spread)
    moments = []
    for span, bass in zip(plan.spans, line, strict=True):
        lift = colour.register + 5.0 * (plan.curve.smooth_share(span.start_beat) - 0.6)
        centre = min(max(style.centre + lift, lowest + 6), highest - 6)
        moments.append(VoicedMoment(span.chord, bass, centre))
    return voice_chords(moments, style)


def _part(role: Role, preset_part: PresetPart, notes: Sequence[Note], controls: Sequence[Control]) -> Part:
    return Part(
        name=f"{role.value.capitalize()}: {preset_part.sound.name}",
        role=role.value,
        channel=CHANNEL_OF_ROLE[role],
        program=preset_part.sound.program,
        notes=tuple(_without_overlaps(notes)),
        controls=tuple(controls),
    )


def _without_overlaps(notes: Sequence[Note]) -> list[Note]:
    """The notes in order; one ends where its pitch starts again, and a second one at the same moment is dropped."""
    kept: list[Note] = []
    last_of: dict[int, int] = {}
    for note in sorted(notes, key=lambda n: (n.start_beat, n.pitch, -n.length_beats)):
        before = last_of.get(note.pitch)
        if before is not None and kept[before].end_beat > note.start_beat:
            earlier = kept[before]
            if note.start_beat - earlier.start_beat < 1e-3:
                continue
            cut = note.start_beat - earlier.start_beat
            kept[before] = Note(earlier.start_beat, cut, earlier.pitch, earlier.velocity)
        last_of[note.pitch] = len(kept)
        kept.append(note)
    return kept
