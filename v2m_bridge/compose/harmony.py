"""From harmonic slots to chords in the score's key. The network chooses; the user's primer and locks are kept."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.compose.direction import Direction
from v2m_bridge.compose.engine import HarmonyNetworks
from v2m_bridge.compose.measured_energy import energy_of_arousal, features_for_chords, mean_arousals, neutral_arc
from v2m_bridge.compose.planned_chords import FormPlace, planned_cadences, planned_repeats
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.arrangement import DynamicsPoint
from v2m_bridge.music.chords import Chord, ChordEvent
from v2m_bridge.music.locks import parse_locks, parse_primer
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent
from v2m_bridge.sync.model import Slot
from v2m_bridge.timeline.model import Timeline

if TYPE_CHECKING:
    from v2m_bridge.amt.alignment import AlignmentNetwork
    from v2m_bridge.amt.conditioning import Conditioning
    from v2m_bridge.amt.decoding import ChordSequence
    from v2m_bridge.amt.dynamics import Dynamics
    from v2m_bridge.amt.ranking import Ranking


LONGEST_CHORD_S = 4.0
"""A chord that nobody locked changes after about this long: the network tends to repeat chords."""

LOCK_TOLERANCE_S = 0.02
"""A lock this little before a slot means that slot: times are typed with two decimals."""

ENERGY_OF_MOOD = {
    "exciting": 1.35,
    "fearful": 0.85,
    "tense": 1.1,
    "sad": 0.7,
    "relaxing": 0.75,
    "neutral": 1.0,
}
"""Arousal of each mood (Russell's circumplex: exciting and tense high, sad and relaxing low), as a factor."""


@dataclass(frozen=True)
class HarmonyInput:
    """What the chords of a score have to fit.

    Attributes:
        timeline: the edit.
        features: what was measured in its picture.
        direction: key and moods.
        slots: spans of one chord each, contiguous from beat 0 to the end of the film.
        held: chords that stand already, in the score's key, by the index of their slot.
        place: the form over the slots, whose cadences and repeats the chords follow; None plans none.
    """

    timeline: Timeline
    features: FootageFeatures
    direction: Direction
    slots: Sequence[Slot]
    held: Mapping[int, Chord] = field(default_factory=dict)
    place: FormPlace | None = None


@dataclass(frozen=True)
class Harmony:
    """The chords of a score, in its key, and the predicted dynamics under them.

    ``chords`` are contiguous; neighbours that are the same chord have become one. ``ranking`` says how they were
    chosen among several, where there were several.
    """

    chords: tuple[ChordEvent, ...]
    dynamics: tuple[DynamicsPoint, ...]
    checkpoint: str
    log_likelihood: float
    warnings: tuple[str, ...] = ()
    ranking: Ranking | None = None


def harmonise(
    film: HarmonyInput, options: ScoreOptions, networks: HarmonyNetworks, progress: Progress = silent
) -> Harmony:
    """Let the network choose a chord for every slot and predict the dynamics.

    With an aligner, ``options.harmony.candidates`` candidates are drawn in one batch, each with dynamics of its own,
    and the one that the aligner ranks first is kept; without an aligner a single one is drawn. Around held chords,
    several are drawn too, and the one whose joints the network finds most likely is kept.

    Raises:
        InputError: a primer or lock that cannot be read or lies outside the film.
    """
    from v2m_bridge.amt.conditioning import condition
    from v2m_bridge.amt.decoding import decode_batch
    from v2m_bridge.amt.dynamics import CUE_MARGIN, predict_dynamics

    slots, direction, aligner = film.slots, film.direction, networks.aligner
    cuts_s = [film.timeline.seconds(cut.frame) for cut in film.timeline.cuts]
    features = features_for_chords(film.features, direction.sections)
    conditioning = condition(slots, features, cuts_s, direction.moods, direction.key.minor)
    several = options.harmony.candidates if aligner or film.held else 1
    asked = _decode_options(film, options)
    drawn = _drawn(_with_cadences(asked, film), several)
    sequences = decode_batch(networks.chords, [conditioning] * len(drawn), drawn, progress)
    moving = condition(slots, film.features, cuts_s, direction.moods, direction.key.minor)
    predicted = predict_dynamics(moving, networks.dynamics, CUE_MARGIN)
    if not conditioning.motion_present.any():
        predicted = neutral_arc(predicted, [slot.start_s for slot in slots])
    courses = _courses(predicted, slots, drawn)
    ranking = _ranked(aligner, film, sequences, courses) if aligner and len(drawn) > 1 else None
    chosen = ranking.chosen if ranking else _best_joined(sequences, film.held)
    course = courses[chosen]
    sequence = _with_repeats(film, sequences[chosen], conditioning, networks)
    arousals = mean_arousals(slots, film.features)
    factors = [
        energy(mood, options.direction.affect) if mood else energy_of_arousal(arousal, options.direction.affect)
        for mood, arousal in zip(conditioning.moods, arousals, strict=True)
    ]
    points = tuple(
        DynamicsPoint(slot.start_beat, float(density) * factor, float(loudness) * factor)
        for slot, density, loudness, factor in zip(slots, course.note_density, course.loudness, factors, strict=True)
    )
    return Harmony(
        chords=_merged(slots, sequence, _filled(asked), direction),
        dynamics=points,
        checkpoint=sequence.checkpoint,
        log_likelihood=sequence.log_likelihood,
        warnings=_warnings(conditioning),
        ranking=ranking,
    )


def _filled(options: DecodeOptions) -> frozenset[int]:
    """Slots whose chord the user or an older score has chosen."""
    return frozenset({*options.locked, *range(len(options.primer))})


def _with_cadences(options: DecodeOptions, film: HarmonyInput) -> DecodeOptions:
    if film.place is None:
        return options
    planned = planned_cadences(film.place, film.direction.key.minor, _filled(options))
    return replace(options, locked={**planned, **options.locked})


def _with_repeats(
    film: HarmonyInput, sequence: ChordSequence, conditioning: Conditioning, networks: HarmonyNetworks
) -> ChordSequence:
    """The sequence whose phrases repeat what their letter had at first; the network fills in what that leaves."""
    from v2m_bridge.amt.decoding import decode_batch

    if film.place is None:
        return sequence
    ids = [int(chord) for chord in sequence.ids]
    repeats = planned_repeats(film.place, ids, conditioning.moods, _filled(sequence.options))
    if not repeats:
        return sequence
    again = replace(sequence.options, locked={**repeats, **sequence.options.locked})
    return decode_batch(networks.chords, [conditioning], [again], silent)[0]


def _best_joined(sequences: Sequence[ChordSequence], held: Mapping[int, Chord]) -> int:
    """The sequence whose free chords, and the held chords right after them, are the most likely."""

    def likelihood(sequence: ChordSequence) -> float:
        count = len(sequence.probabilities)
        heard = [n for n in range(count) if n not in held or (n and n - 1 not in held)]
        return sum(math.log(max(1e-12, float(sequence.probabilities[n]))) for n in heard)

    return max(range(len(sequences)), key=lambda n: likelihood(sequences[n]))


def energy(mood: str | None, affect: float) -> float:
    """Factor of the mood on note density and loudness; 1 without a mood or at affect 0."""
    return float(ENERGY_OF_MOOD.get(mood or "neutral", 1.0) ** min(1.0, affect))


def _drawn(options: DecodeOptions, count: int) -> list[DecodeOptions]:
    from v2m_bridge.amt.ranking import candidate_seeds

    return [replace(options, seed=seed) for seed in candidate_seeds(options.seed, count)]


def _courses(dynamics: Dynamics, slots: Sequence[Slot], drawn: Sequence[DecodeOptions]) -> list[Dynamics]:
    """Dynamics of every candidate: as predicted for the first, varied by their seeds for the others."""
    from v2m_bridge.amt.dynamics import vary_dynamics

    starts_s = [slot.start_s for slot in slots]
    return [dynamics, *(vary_dynamics(dynamics, starts_s, options.seed) for options in drawn[1:])]


def _ranked(
    aligner: AlignmentNetwork, film: HarmonyInput, sequences: Sequence[ChordSequence], courses: Sequence[Dynamics]
) -> Ranking:
    """How the candidates rank; ``courses`` are their dynamics, in the same order."""
    from v2m_bridge.amt.by_second import seconds_of_slots
    from v2m_bridge.amt.ranking import rank

    starts_s = [slot.start_s for slot in film.slots]
    minor, length = film.direction.key.minor, film.features.length
    pieces = [
        seconds_of_slots(item.ids, starts_s, course.note_density, course.loudness, minor, length)
        for item, course in zip(sequences, courses, strict=True)
    ]
    per_chord = [item.log_likelihood / max(1, int((~item.locked).sum())) for item in sequences]
    return rank(aligner, film.features, pieces, per_chord, [item.options.seed for item in sequences])


def _decode_options(film: HarmonyInput, options: ScoreOptions) -> DecodeOptions:
    slots, down = film.slots, -film.direction.key.semitones_from_network
    locked: dict[int, int] = {}
    starts = [slot.start_s for slot in slots]
    for lock in parse_locks(options.harmony.locks):
        if lock.seconds >= slots[-1].end_s:
            raise InputError(f"--lock at {lock.seconds:g} s lies after the end of the film, {slots[-1].end_s:g} s")
        locked[max(0, bisect_right(starts, lock.seconds + LOCK_TOLERANCE_S) - 1)] = lock.chord.transposed(down).id
    locked.update({index: chord.transposed(down).id for index, chord in film.held.items()})
    primer = parse_primer(options.harmony.primer) if options.harmony.primer else ()
    return replace(
        options.decoding,
        seed=options.direction.seed,
        affect=options.direction.affect,
        longest_run=max(1, round(LONGEST_CHORD_S / options.harmony.harmonic_rhythm_s)),
        locked=locked,
        primer=tuple(chord.transposed(down).id for chord in primer),
    )


def _merged(
    slots: Sequence[Slot], sequence: ChordSequence, asked: Collection[int], direction: Direction
) -> tuple[ChordEvent, ...]:
    """One event for each run of equal chords, with the probability of its first slot; None where one was ``asked``."""
    up = direction.key.semitones_from_network
    events: list[ChordEvent] = []
    for index, slot in enumerate(slots):
        chord = Chord.from_id(int(sequence.ids[index])).transposed(up)
        if events and events[-1].chord == chord:
            last = events[-1]
            own = None if index in asked else last.probability
            events[-1] = ChordEvent(chord, last.start_beat, slot.end_beat, own)
            continue
        probability = None if index in asked else float(sequence.probabilities[index])
        events.append(ChordEvent(chord, slot.start_beat, slot.end_beat, probability))
    return tuple(events)


def _warnings(conditioning: Conditioning) -> tuple[str, ...]:
    if conditioning.semantic_present.any() or conditioning.motion_present.any():
        return ()
    return ("no picture could be measured: chords and dynamics follow the cuts, the key and the mood alone",)
