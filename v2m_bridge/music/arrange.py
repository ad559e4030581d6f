"""Chords, dynamics and hits become voiced parts on beats."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import Arrangement, ArrangeRequest, Control, Note, Part
from v2m_bridge.music.bass_line import BassMoment, bass_line
from v2m_bridge.music.emotions import Character, character, parse_emotion
from v2m_bridge.music.instruments import DEFAULT_PRESET, PRESET_OF_MOOD, PRESETS, PresetPart, Role, parse_preset
from v2m_bridge.music.parts import (
    bass_notes,
    expression_controls,
    figure_levels,
    figure_notes,
    held_voices,
    hit_notes,
)
from v2m_bridge.music.plan import Plan, make_plan
from v2m_bridge.music.voicing import VoicedMoment, Voicing, VoicingStyle, voice_chords

CHORD_VOICES, SWELL_VOICES = 4, 3
"""Number of voices of the two parts that hold chords."""


def arrange(request: ArrangeRequest, options: ArrangeOptions) -> Arrangement:
    """Voice the chords and write the parts.

    Raises:
        InputError: no length, overlapping chords, or unknown options.
    """
    plan = make_plan(request, options.tail_s)
    mood = parse_emotion(options.mood) if options.mood else None
    preset = PRESETS[preset_name(options)]
    parts = _write(plan, preset, character(mood, options.affect), options)
    warnings = [] if any(s.chord.root is not None for s in plan.spans) else [f"no chord sounds in {request.key.name}"]
    return Arrangement(parts=tuple(parts), warnings=tuple(warnings))


def preset_name(options: ArrangeOptions) -> str:
    """Name of the preset: the one in the options, else the one of the mood, else the default."""
    if options.preset:
        return parse_preset(options.preset)
    if options.mood and options.affect > 0:
        return PRESET_OF_MOOD[parse_emotion(options.mood)]
    return DEFAULT_PRESET


def _write(plan: Plan, preset: dict[Role, PresetPart], colour: Character, options: ArrangeOptions) -> list[Part]:
    line = _bass(plan, preset[Role.BASS])
    levels = figure_levels(plan)
    wanted = options.roles()
    parts: list[Part] = []
    for role in Role:
        preset_part = preset[role]
        if role not in wanted:
            continue
        controls: list[Control] = []
        match role:
            case Role.CHORDS:
                notes = held_voices(
                    plan, _voicings(plan, line, preset_part, CHORD_VOICES, colour), preset_part, colour.boost
                )
            case Role.BASS:
                notes = bass_notes(plan, line, preset_part, colour.boost, levels)
            case Role.FIGURE:
                notes = figure_notes(plan, preset_part, colour, levels, Random(options.seed))
            case Role.SWELL:
                notes = held_voices(
                    plan, _voicings(plan, line, preset_part, SWELL_VOICES, colour), preset_part, colour.boost
                )
            case Role.HITS:
                notes = hit_notes(plan, line, preset_part, colour.boost)
        if notes and not preset_part.sound.decays and role is not Role.FIGURE:
            controls = expression_controls(plan, with_modulation=role is Role.SWELL)
        if notes or role is not Role.HITS:
            parts.append(_part(role, preset_part, notes, controls))
    return parts


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
        channel=list(Role).index(role),
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
