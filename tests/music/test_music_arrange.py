"""The arrangement as a composer checks it: ranges, voice leading, bass, metre, hits, ending."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace

import pytest
from random_music import Case, random_case

from v2m_bridge.errors import InputError
from v2m_bridge.music.arrange import ArrangeOptions, arrange, preset_name
from v2m_bridge.music.arrangement import Accent, Arrangement, ArrangeRequest, DynamicsPoint, Note, Part
from v2m_bridge.music.chords import NO_CHORD, ChordEvent
from v2m_bridge.music.instruments import INSTRUMENTS, PRESETS, Role, parse_parts, parse_preset
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.locks import parse_primer
from v2m_bridge.timing.tempo import Metre, TempoMap

CASES = 50
C_MAJOR = parse_key("C major")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [random_case(seed) for seed in range(CASES)]


def last_beat(case: Case) -> float:
    return case.tempo.beat_at(case.tempo.seconds_at(case.end_beat) + case.options.tail_s)


def preset_part_of(case: Case, part: Part):
    return PRESETS[preset_name(case.options)][Role(part.role)]


def sounding(part: Part, beat: float) -> list[int]:
    return sorted(n.pitch for n in part.notes if n.start_beat <= beat + 1e-6 < n.end_beat)


def simple(
    primer: str,
    *,
    beats: float = 4.0,
    accents: tuple[Accent, ...] = (),
    options: ArrangeOptions | None = None,
    density: float = 10.0,
    bpm: float = 120.0,
    metres: tuple[Metre, ...] = (),
    loudness: float = 0.16,
) -> Arrangement:
    chords = [ChordEvent(c, beats * i, beats * (i + 1)) for i, c in enumerate(parse_primer(primer))]
    tempo = TempoMap([TempoMap.constant(bpm).points[0]], metres)
    end = chords[-1].end_beat
    dynamics = [DynamicsPoint(c.start_beat, density, loudness) for c in chords]
    request = ArrangeRequest(chords, list(tempo.bars(end)), dynamics, accents, C_MAJOR, end, tempo)
    return arrange(request, options or ArrangeOptions())


def part(music: Arrangement, role: str) -> Part:
    return next(p for p in music.parts if p.role == role)


def test_voices_move_less_than_three_semitones_and_never_cross(cases: list[Case]) -> None:
    for case in cases:
        chords = case.part("chords")
        voicings = [sounding(chords, c.start_beat) for c in case.changes]
        assert all(len(set(v)) == 4 for v in voicings)
        moves = [sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 4 for p, q in itertools.pairwise(voicings)]
        assert sum(moves) / len(moves) < 2.0  # asked for: below 3


def test_chords_hold_the_tones_of_the_symbol_above_the_bass(cases: list[Case]) -> None:
    for case in cases:
        for event in case.changes:
            voicing = sounding(case.part("chords"), event.start_beat)
            assert {p % 12 for p in voicing} == set(event.chord.pitch_classes)
            assert min(sounding(case.part("bass"), event.start_beat)) < voicing[0]


def test_every_bass_note_is_a_chord_tone_and_nearly_always_the_root(cases: list[Case]) -> None:
    roots = notes = 0
    for case in cases:
        for note in case.part("bass").notes:
            chord = case.chord_at(note.start_beat)
            assert note.pitch % 12 in chord.pitch_classes
        for event in case.changes:
            notes += 1
            roots += min(sounding(case.part("bass"), event.start_beat)) % 12 == event.chord.root
    assert 0.8 < roots / notes < 1.0  # inversions exist, as passing notes


def test_every_sounding_note_of_every_part_belongs_to_its_chord(cases: list[Case]) -> None:
    for case in cases:
        for p in case.music.parts:
            for note in p.notes:
                assert note.pitch % 12 in case.chord_at(note.start_beat).pitch_classes, (p.role, note)
                if p.role != "hits":
                    late = note.end_beat - 1e-3
                    assert note.pitch % 12 in case.chord_at(late).pitch_classes, (p.role, note)


def test_no_part_leaves_its_instrument(cases: list[Case]) -> None:
    for case in cases:
        for p in case.music.parts:
            sound = preset_part_of(case, p).sound
            assert p.program == sound.program
            assert all(sound.lowest <= n.pitch <= sound.highest for n in p.notes)
            assert all(1 <= n.velocity <= 127 and n.length_beats > 0.04 for n in p.notes)
            assert all(0 <= c.value <= 127 and c.number in (1, 11) for c in p.controls)


def test_equal_pitches_never_overlap_on_a_channel_and_nothing_sounds_after_the_end(cases: list[Case]) -> None:
    for case in cases:
        by_pitch: dict[tuple[int, int], list[Note]] = defaultdict(list)
        for p in case.music.parts:
            assert p.channel != 9
            for note in p.notes:
                assert note.start_beat >= 0
                assert note.end_beat <= last_beat(case) + 1e-9
                by_pitch[p.channel, note.pitch].append(note)
            assert all(0 <= c.beat < last_beat(case) for c in p.controls)
        for notes in by_pitch.values():
            for a, b in itertools.pairwise(sorted(notes)):
                assert a.end_beat <= b.start_beat + 1e-9
        assert len({p.channel for p in case.music.parts}) == len(case.music.parts)


def test_the_same_seed_gives_the_same_notes_and_another_seed_others() -> None:
    again = random_case(7)
    assert again.music == random_case(7).music
    others = []
    request = ArrangeRequest(
        again.chords, again.bars, again.dynamics, again.accents, C_MAJOR, again.end_beat, again.tempo
    )
    for seed in range(4):
        music = arrange(request, replace(again.options, seed=seed))
        others.append(part(music, "figure").notes)
        assert part(music, "chords").notes == again.part("chords").notes
    assert len(set(others)) > 1


def test_cadence_is_led_as_the_textbook_has_it() -> None:
    music = simple("Dm7 G7 C", options=ArrangeOptions(preset="orchestra"))
    chords = [sounding(part(music, "chords"), 4.0 * i) for i in range(3)]
    line = list(zip(*chords, strict=True))
    seventh = next(v for v in line if v[0] % 12 == 0)  # C, the seventh of Dm7, falls to B, which rises to C
    assert (seventh[1] - seventh[0], seventh[2] - seventh[1]) == (-1, 1)
    fourth = next(v for v in line if v[1] % 12 == 5)  # F, the seventh of G7, falls to E
    assert fourth[2] - fourth[1] == -1
    assert [min(sounding(part(music, "bass"), 4.0 * i)) % 12 for i in range(3)] == [2, 7, 0]


def test_suspension_resolves_in_its_own_voice_while_the_others_are_held() -> None:
    music = simple("C Gsus4 G C", options=ArrangeOptions(preset="elegy"))
    before, after = (sounding(part(music, "chords"), b) for b in (4.0, 8.0))
    assert sorted(b - a for a, b in zip(before, after, strict=True)) == [-1, 0, 0, 0]
    tied = [n for n in part(music, "chords").notes if n.start_beat <= 4.0 and n.end_beat >= 8.5]
    assert len(tied) == 3  # held tones are one note, not struck again


def test_a_strong_hit_has_a_breath_before_and_weight_on_it() -> None:
    music = simple("C Am F G C Am", accents=(Accent(8.0, True), Accent(12.0, False)))
    for role in ("chords", "bass", "figure", "swell"):
        notes = part(music, role).notes
        assert not [n for n in notes if n.start_beat < 8.0 and n.end_beat > 7.51], role
        assert max(n.velocity for n in notes if n.start_beat == 8.0) > max(
            n.velocity for n in notes if 4.0 <= n.start_beat < 7.5
        )
    assert len([n for n in part(music, "bass").notes if n.start_beat == 8.0]) == 2  # in octaves
    boom = part(music, "hits").notes
    assert [n.start_beat for n in boom] == [8.0, 8.0] and boom[1].pitch - boom[0].pitch == 12

    def control(beat: float, number: int) -> int:
        return [c.value for c in part(music, "swell").controls if c.number == number and c.beat <= beat][-1]

    assert control(7.5, 1) > control(0.0, 1) + 10 and control(7.5, 11) > control(0.0, 11)
    assert control(8.0, 1) > control(7.5, 1) + 10  # the hit is above its build, and falls from there
    assert control(11.5, 1) < control(8.0, 1)


def test_without_must_hits_there_is_no_hits_track() -> None:
    assert [p.role for p in simple("C F", accents=(Accent(4.0, False),)).parts] == ["chords", "bass", "figure", "swell"]


@pytest.mark.parametrize("numerator", [2, 3, 4, 5])
def test_the_figure_keeps_to_the_metre(numerator: int) -> None:
    metres = (Metre(0.0, numerator, 4),)
    music = simple("C F G C F G C F", beats=float(numerator), metres=metres, density=12.0)
    figure = part(music, "figure").notes
    downbeats = [float(numerator * bar) for bar in range(7)]
    assert set(downbeats) <= {n.start_beat for n in figure}
    weight = {b: n.velocity for n in figure for b in [n.start_beat]}
    off = [weight[b] for b in weight if b % numerator and b < downbeats[-1]]
    assert min(weight[b] for b in downbeats) >= max(off)


def test_every_density_gets_its_own_motion() -> None:
    counts = [len(part(simple("C F G C", density=d), "figure").notes) for d in (0, 2.5, 5, 7.5, 10, 15, 22)]
    assert counts == sorted(counts) and len(set(counts)) == 7
    assert counts[0] <= 3  # only the closing chord


def test_slow_and_fast_tempi_play_as_many_notes_a_second() -> None:
    per_second = []
    for bpm in (66.0, 96.0, 144.0):
        notes = [n for n in part(simple("C F G C F G", density=9.0, bpm=bpm), "figure").notes if n.start_beat < 20]
        per_second.append(len(notes) / (20 * 60 / bpm))
    assert all(2.7 < rate < 4.6 for rate in per_second)  # 9 / 2.5 = 3.6


def test_the_music_ends_on_the_last_frame_or_rings_for_the_tail() -> None:
    dry = simple("C F G C")
    assert max(n.end_beat for p in dry.parts for n in p.notes) == 16.0
    wet = simple("C F G C", options=ArrangeOptions(tail_s=3.0))
    for role in ("chords", "bass", "figure", "swell"):
        assert max(n.end_beat for n in part(wet, role).notes) == pytest.approx(22.0)  # 3 s at 120
        assert not [n for n in part(wet, role).notes if n.start_beat >= 16.0]
    fade = [c.value for c in part(wet, "swell").controls if c.number == 11 and c.beat >= 16.0]
    assert fade == sorted(fade, reverse=True) and fade[-1] < fade[0] - 30
    assert part(wet, "figure").notes[-1].length_beats > 3  # the last chord is rolled and held, the motion stops


def test_silence_where_no_chord_is_asked_for() -> None:
    music = simple("C N.C. C")
    assert not [n for p in music.parts for n in p.notes if n.start_beat < 8.0 and n.end_beat > 4.0 + 1e-9]
    nothing = arrange(ArrangeRequest([ChordEvent(NO_CHORD, 0, 8)], [], [], [], C_MAJOR, 8.0), ArrangeOptions())
    assert not any(p.notes for p in nothing.parts) and nothing.warnings == ("no chord sounds in C major",)


def test_louder_is_louder_and_a_mood_colours_it_by_as_much_as_affect_says() -> None:
    def mean(music: Arrangement) -> float:
        notes = part(music, "chords").notes
        return sum(n.velocity for n in notes) / len(notes)

    assert mean(simple("C F G C", loudness=0.4)) > mean(simple("C F G C", loudness=0.1)) + 20
    sad, half, off, plain = (
        simple("C F G C", options=ArrangeOptions(preset="piano", mood=mood, affect=affect))
        for mood, affect in (("sad", 1.0), ("sad", 0.5), ("sad", 0.0), (None, 1.0))
    )
    assert mean(sad) < mean(half) < mean(plain)
    assert off == plain


def test_presets_follow_the_mood_and_affect_0_switches_it_off() -> None:
    assert preset_name(ArrangeOptions(mood="tense")) == "suspense"
    assert preset_name(ArrangeOptions(mood="tense", affect=0.0)) == "orchestra"
    assert preset_name(ArrangeOptions(preset="Piano", mood="tense")) == "piano"


def test_parts_are_chosen_by_name() -> None:
    assert parse_parts("bass, chords") == (Role.CHORDS, Role.BASS)
    assert parse_parts("all") == tuple(Role)
    only = simple("C F", options=ArrangeOptions(parts=parse_parts("bass")))
    assert [(p.role, p.channel) for p in only.parts] == [("bass", 1)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: parse_parts("chords, kazoo"), "'kazoo'"),
        (lambda: parse_parts(""), "unknown"),
        (lambda: parse_preset("polka"), "'polka'"),
        (lambda: simple("C", options=ArrangeOptions(mood="hungry")), "'hungry'"),
        (lambda: simple("C", options=ArrangeOptions(tail_s=-1.0)), "tail"),
        (lambda: simple("C", density=float("nan")), "dynamics"),
        (lambda: arrange(ArrangeRequest([], [], [], [], C_MAJOR, 0.0), ArrangeOptions()), "length"),
    ],
)
def test_wrong_wishes_are_refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()


def test_overlapping_chords_are_refused() -> None:
    c, g = parse_primer("C G")
    with pytest.raises(InputError, match="G:maj at beat 1"):
        chords = [ChordEvent(c, 0, 2), ChordEvent(g, 1, 3)]
        arrange(ArrangeRequest(chords, [], [], [], C_MAJOR, 3.0), ArrangeOptions())


@pytest.mark.parametrize("name", PRESETS)
def test_registers_of_a_preset_lie_inside_its_instruments(name: str) -> None:
    for role in Role:
        preset_part = PRESETS[name][role]
        assert preset_part.instrument in INSTRUMENTS
        assert (
            preset_part.sound.lowest <= preset_part.register[0] < preset_part.register[1] <= preset_part.sound.highest
        )
    assert PRESETS[name][Role.BASS].register[0] < PRESETS[name][Role.CHORDS].register[0]
