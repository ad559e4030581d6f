"""Chords, dynamics and hits become voiced parts on beats."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import Arrangement, ArrangeRequest, Control, Note, Part
from v2m_bridge.music.emotions import character, parse_emotion
from v2m_bridge.music.instruments import (
    CHANNEL_OF_ROLE,
    DEFAULT_PRESET,
    PRESET_OF_MOOD,
    PRESETS,
    PresetPart,
    Role,
    parse_preset,
)
from v2m_bridge.music.orchestration.cast import cast_film
from v2m_bridge.music.orchestration.orchestrate import Orchestrator
from v2m_bridge.music.parts import (
    bass_notes,
    expression_controls,
    figure_families,
    figure_levels,
    figure_notes,
    held_voices,
    hit_notes,
)
from v2m_bridge.music.plan import Plan, make_plan
from v2m_bridge.music.themes.line_parts import closing_only, line_notes, striking_only, texture_notes
from v2m_bridge.music.themes.lines import Lines
from v2m_bridge.music.under_speech import under_speech
from v2m_bridge.music.voices.bass_line import BassMoment, bass_line
from v2m_bridge.music.voices.suspensions import with_suspensions
from v2m_bridge.music.voices.voicing import VoicedMoment, Voicing, VoicingStyle, voice_chords

CHORD_VOICES, SWELL_VOICES = 4, 2
"""Voices of the two parts that hold chords; over four voices and a bass, a third could only run parallel to them."""


def arrange(request: ArrangeRequest, options: ArrangeOptions, lines: Lines | None = None) -> Arrangement:
    """Voice the chords and write the parts.

    Args:
        lines: what the player has written; None leaves everything to the table of figures.

    Raises:
        InputError: no length, overlapping chords, or unknown options.
    """
    plan = make_plan(request, options.tail_s)
    writer = _PartWriter(plan, request, options, lines)
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

    def __init__(self, plan: Plan, request: ArrangeRequest, options: ArrangeOptions, lines: Lines | None) -> None:
        mood = parse_emotion(options.mood) if options.mood else None
        self.plan, self.seed, self.lines = plan, options.seed, lines or Lines(texture=False)
        self.preset, self.colour = PRESETS[preset_name(options)], character(mood, options.affect)
        self.key, self.sections = request.key, request.sections
        cast = cast_film(plan, self.lines.phrases, request.sections)
        self.players = Orchestrator(plan, cast, request.key, frozenset(options.roles()), self.colour.boost)
        self.shape = self.players.shape
        self.planned = bool(lines)
        self.bass_line = _bass(plan, self.preset[Role.BASS])
        self.levels = figure_levels(plan)
        self.texture: dict[Role, list[Note]] = {}
        if self.lines.texture:
            self.texture = texture_notes(plan, self.lines, self.preset, self.colour.boost, held_apart=True)
        self.bass = self._bass_part()
        self.chord_voicings = self._voicings(Role.CHORDS, CHORD_VOICES)
        self.chords = self._chords(self.preset[Role.CHORDS])

    def part(self, role: Role) -> Part | None:
        """The part of a role; None where it would be empty and nobody expects it."""
        preset_part = self.preset[role]
        notes = self.shape.shaped(self._notes(role, preset_part))
        if not notes and role in (Role.MELODY, Role.COUNTER, Role.HITS):
            return None
        controls: list[Control] = []
        if notes and not preset_part.sound.decays and role is not Role.FIGURE:
            controls = expression_controls(self.plan, self.shape, with_modulation=role is Role.SWELL)
        return _part(role, preset_part, notes, controls)

    def _notes(self, role: Role, preset_part: PresetPart) -> list[Note]:
        boost = self.colour.boost
        match role:
            case Role.MELODY:
                return line_notes(self.plan, self.lines.melody, preset_part, boost)
            case Role.COUNTER:
                return line_notes(self.plan, self.lines.counter, preset_part, boost)
            case Role.BASS:
                return self.bass
            case Role.FIGURE:
                return self._figure(preset_part)
            case Role.HITS:
                return hit_notes(self.plan, self.bass_line, preset_part, boost)
        return self.chords if role is Role.CHORDS else self._swell(preset_part)

    def _bass_part(self) -> list[Note]:
        """The player's bass, or the table's; the pedal of the builds."""
        part = self.preset[Role.BASS]
        table = bass_notes(self.plan, self.bass_line, part, self.colour.boost, self.levels)
        if not self.planned:
            return table
        notes = self._with_texture(Role.BASS, table)
        return self.players.with_pedal(self.players.thinned(Role.BASS, notes), part.register)

    def _with_texture(self, role: Role, table: Sequence[Note]) -> list[Note]:
        """The player's notes with the table's on must-hits, in the ending and in bars that the player left empty."""
        if not self.texture:
            return list(table)
        ends = [*striking_only(self.plan, table), *closing_only(self.plan, table)]
        return [*self.players.filled(role, self.texture[role], table), *ends]

    def _figure(self, part: PresetPart) -> list[Note]:
        table = figure_notes(self.plan, part, self.colour, self.levels, self._families(part))
        if not self.planned:
            return table
        notes = self.players.thinned(Role.FIGURE, self._with_texture(Role.FIGURE, table))
        return self.players.octaves([*notes, *self.players.hit_chord(part, self.colour.boost)], part.register)

    def _families(self, part: PresetPart) -> list[str]:
        labels = [(section.start_beat, section.label) for section in self.sections]
        return figure_families(self.plan, part, Random(self.seed), labels)

    def _chords(self, part: PresetPart) -> list[Note]:
        held = held_voices(self.plan, self.chord_voicings, part, self.colour.boost)
        if not self.planned:
            return held
        held = with_suspensions(self.plan, held, self.bass, self.key)
        return self.players.thinned(Role.CHORDS, self.players.struck_chords(held))

    def _swell(self, part: PresetPart) -> list[Note]:
        voicings = self._voicings(Role.SWELL, SWELL_VOICES, self.chord_voicings)
        held = held_voices(self.plan, voicings, part, self.colour.boost)
        if not self.planned:
            return held
        notes = self.players.thinned(Role.SWELL, self.players.struck_chords(held))
        return [*notes, *self.players.rising_line(part, self.colour.boost, (self.bass, self.chords))]

    def _voicings(self, role: Role, voices: int, others: Sequence[Voicing] = ()) -> tuple[Voicing, ...]:
        """A voicing for every span, over the bass that sounds; louder moments and brighter moods lie higher."""
        part, plan = self.preset[role], self.plan
        lowest, highest = part.register
        style = VoicingStyle(voices, lowest, highest, part.spread)
        leading = (self.key.tonic + 11) % 12
        moments = []
        for index, (span, planned) in enumerate(zip(plan.spans, self.bass_line, strict=True)):
            lift = self.colour.register + 5.0 * (plan.curve.smooth_share(span.start_beat) - 0.6)
            centre = min(max(style.centre + lift, lowest + 6), highest - 6)
            below = bass_under(self.bass, span.start_beat)
            bass = planned if below is None or span.chord.root is None else below
            has_leading = leading in span.chord.pitch_classes
            taken = bool(others) or (self.planned and bass is not None and bass % 12 == leading)
            moments.append(
                VoicedMoment(
                    span.chord,
                    bass,
                    centre,
                    others[index] if others else (),
                    leading if has_leading and taken else None,
                    bass_before(self.bass, span.end_beat),
                )
            )
        return voice_chords(moments, style)


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


def bass_under(bass: Sequence[Note], beat: float) -> int | None:
    """The lowest note of the bass at a beat, or the one that begins right after it."""
    sounding = [n.pitch for n in bass if n.start_beat <= beat + 1e-3 < n.end_beat]
    soon = [n.pitch for n in bass if beat < n.start_beat <= beat + 0.5]
    return min(sounding or soon, default=None)


def bass_before(bass: Sequence[Note], beat: float) -> int | None:
    """The lowest note of the bass that sounds right before a beat."""
    return min((n.pitch for n in bass if n.start_beat < beat - 0.04 and n.end_beat > beat - 0.06), default=None)


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
