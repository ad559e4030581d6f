"""New bars in a finished score: some bars of some parts are written again, everything else stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from v2m_bridge.amt.player.decoding import PlayOptions, play
from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.passages import Passage, PlayedNote
from v2m_bridge.amt.player.steps import LOWER, MELODY, TICKS, UPPER
from v2m_bridge.compose.playing.film_beats import FilmBeats, film_beats
from v2m_bridge.compose.playing.passages import (
    Stretch,
    counter_passage,
    film_ticks,
    melody_passage,
    no_hints,
    texture_passage,
)
from v2m_bridge.compose.playing.play_film import played_lines
from v2m_bridge.compose.playing.simple_form import simple_form
from v2m_bridge.compose.playing.themes_of_film import comfortable
from v2m_bridge.errors import InputError
from v2m_bridge.music.arrange import preset_name
from v2m_bridge.music.arrangement import Accent, ArrangeRequest, DynamicsPoint, Note, Part
from v2m_bridge.music.chords import ChordEvent, parse_label
from v2m_bridge.music.emotions import character
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.instruments import PRESETS, Preset, Role
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.plan import Plan, make_plan
from v2m_bridge.music.themes.line_parts import line_notes, texture_notes
from v2m_bridge.music.themes.lines import Lines
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.sync.model import Lands
from v2m_bridge.timeline.hits import HitKind

REWRITABLE = (Role.MELODY, Role.COUNTER, Role.CHORDS, Role.BASS, Role.FIGURE)
_CONTEXT_BEATS = 16
_PLAYER_ROLE = {
    Role.MELODY: MELODY,
    Role.COUNTER: UPPER,
    Role.CHORDS: UPPER,
    Role.FIGURE: UPPER,
    Role.BASS: LOWER,
}


@dataclass(frozen=True)
class RewriteRequest:
    """Bars ``first_bar``..``last_bar``, inclusive and from 1, of the parts ``roles``; ``seed`` chooses what comes."""

    first_bar: int
    last_bar: int
    roles: tuple[Role, ...]
    seed: int


def rewrite_bars(score: Score, request: RewriteRequest, network: PlayerNetwork) -> Score:
    """The score with new notes in the bars asked for. Notes that begin outside them are the very same objects.

    Raises:
        InputError: bars that the score does not have, or a part that the player does not write.
    """
    for role in request.roles:
        if role not in REWRITABLE:
            raise InputError(f"part {role.value!r} cannot be rewritten", "choose from " + ", ".join(REWRITABLE))
    film, preset = _film(score)
    start, stop = _beats(film.plan, request)
    lines = _drawn(film, preset, score.parts, request, (start, stop), network)
    arranging = score.options.arrangement
    boost = character(score.mood, min(1.0, score.options.direction.affect)).boost
    fresh = texture_notes(film.plan, lines, preset, boost)
    fresh[Role.MELODY] = line_notes(film.plan, lines.melody, preset[Role.MELODY], boost)
    fresh[Role.COUNTER] = line_notes(film.plan, lines.counter, preset[Role.COUNTER], boost)
    absent = {role.value for role in request.roles} - {part.role for part in score.parts}
    if absent:
        raise InputError(f"the score has no part {sorted(absent)[0]!r}", f"it was written with parts {arranging.parts}")
    parts = tuple(
        replace(part, notes=_joined(part, fresh[Role(part.role)], start, stop)) if part.role in request.roles else part
        for part in score.parts
    )
    return score.model_copy(update={"parts": parts})


def _film(score: Score) -> tuple[FilmBeats, Preset]:
    """The film as the player saw it when the score was written."""
    tempo = tempo_map_from_document(score.fit)
    end_beat = max(chord.end_beat for chord in score.chords)
    landed = [hit for hit in score.fit.hits if hit.lands is not Lands.MISS]
    request = ArrangeRequest(
        chords=[ChordEvent(parse_label(c.label), c.start_beat, c.end_beat) for c in score.chords],
        bars=tuple(tempo.bars(end_beat)),
        dynamics=[DynamicsPoint(p.beat, p.note_density, p.loudness) for p in score.dynamics],
        accents=[Accent(h.beat, strong=h.must, moving=h.kind is HitKind.MOTION) for h in landed],
        key=parse_key(score.key),
        end_beat=end_beat,
        tempo=tempo,
    )
    preset = score.ensemble or score.options.arrangement.preset
    arranging = replace(
        score.options.arrangement, preset=preset, mood=score.mood, affect=min(1.0, score.options.direction.affect)
    )
    plan = make_plan(request, arranging.tail_s)
    phrases = [Phrase(p.start_bar, p.bars, p.letter, p.occurrence) for p in score.form]
    form = Form(tuple(phrases)) if phrases else simple_form(len(plan.bars))
    name = preset_name(arranging)
    speech = score.speech if score.options.direction.under_dialogue else ()
    return film_beats(plan, form, request.key, name, speech), PRESETS[name]


def _beats(plan: Plan, request: RewriteRequest) -> tuple[int, int]:
    """First beat of the bars and the beat after them, whole quarters."""
    if not 1 <= request.first_bar <= request.last_bar <= len(plan.bars):
        raise InputError(
            f"bars {request.first_bar}-{request.last_bar} are not in the score", f"it has bars 1-{len(plan.bars)}"
        )
    first, last = plan.bars[request.first_bar - 1], plan.bars[request.last_bar - 1]
    return round(first.start_beat), min(round(last.start_beat + last.length_beats), round(plan.end_beat + 0.49))


def _drawn(
    film: FilmBeats,
    preset: Preset,
    parts: Sequence[Part],
    request: RewriteRequest,
    beats: tuple[int, int],
    network: PlayerNetwork,
) -> Lines:
    """What the player writes into the bars: the melody first, then the counterline, then the texture."""
    start, stop = beats
    stretch = Stretch(start, stop, min(_CONTEXT_BEATS, start))
    standing = _standing(parts, request.roles, start, stop)
    seed, hints = (request.seed, 5, start), no_hints(stretch)
    drawn: dict[Role, list[PlayedNote]] = {}

    def played(passage: Passage) -> list[PlayedNote]:
        found = play(network, [passage], PlayOptions())[0].notes
        return [_inside(note, stop) for note in film_ticks(found, stretch.first) if not note.given]

    if Role.MELODY in request.roles:
        register = comfortable(preset[Role.MELODY].register)
        given = [note for note in standing if note.role == MELODY]
        drawn[Role.MELODY] = played(melody_passage(film, stretch, register, given, hints, seed, film.spoken))
    lines = [*standing, *drawn.get(Role.MELODY, [])]
    if Role.COUNTER in request.roles:
        melody = [note for note in lines if note.role == MELODY]
        drawn[Role.COUNTER] = played(
            counter_passage(film, stretch, preset[Role.COUNTER].register, melody, hints, (*seed, 1))
        )
    texture: list[PlayedNote] = []
    if any(role in request.roles for role in (Role.CHORDS, Role.BASS, Role.FIGURE)):
        registers = {
            UPPER: (preset[Role.CHORDS].register[0], preset[Role.FIGURE].register[1]),
            LOWER: (preset[Role.BASS].register[0], preset[Role.CHORDS].register[0] + 14),
        }
        given = [*lines, *drawn.get(Role.COUNTER, [])]
        texture = played(texture_passage(film, stretch, registers, given, hints, (*seed, 2)))
    return Lines(
        melody=played_lines(drawn.get(Role.MELODY, []), film),
        counter=played_lines(drawn.get(Role.COUNTER, []), film),
        upper=played_lines([n for n in texture if n.role == UPPER], film),
        lower=played_lines([n for n in texture if n.role == LOWER], film),
    )


def _standing(parts: Sequence[Part], roles: Sequence[Role], start: int, stop: int) -> list[PlayedNote]:
    """The score's notes as the player knows them, without those that are written anew."""
    notes: list[PlayedNote] = []
    for part in parts:
        if part.role not in _PLAYER_ROLE:
            continue
        for note in part.notes:
            if part.role in roles and start - 1e-6 <= note.start_beat < stop - 1e-6:
                continue
            length = max(1, round(note.length_beats * TICKS))
            role = _PLAYER_ROLE[Role(part.role)]
            notes.append(PlayedNote(round(note.start_beat * TICKS), role, note.pitch, length, note.velocity // 16 + 1))
    return notes


def _inside(note: PlayedNote, stop: int) -> PlayedNote:
    """The note, cut where the rewritten bars end."""
    return replace(note, length=max(1, min(note.length, stop * TICKS - note.onset)))


def _joined(part: Part, fresh: Sequence[Note], start: int, stop: int) -> tuple[Note, ...]:
    """Old notes outside the bars, new ones inside; a new note gives way to an old one that still sounds."""
    before = [note for note in part.notes if note.start_beat < start - 1e-6]
    after = [note for note in part.notes if note.start_beat >= stop - 1e-6]
    ends: dict[int, float] = {}
    for note in before:
        ends[note.pitch] = max(ends.get(note.pitch, 0.0), note.end_beat)
    inside: list[Note] = []
    for note in sorted(fresh, key=lambda n: (n.start_beat, n.pitch, -n.length_beats)):
        if ends.get(note.pitch, 0.0) <= note.start_beat + 1e-6:
            inside.append(note)
            ends[note.pitch] = note.end_beat
    return (*before, *inside, *after)
