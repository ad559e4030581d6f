"""The decoder loop and every rule in it."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from amt_fixtures import SMALL, decode_one, film, small_network, small_original

from v2m_bridge.amt.conditioning import Conditioning, empty_conditioning
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import ChordSequence, decode_batch, sample
from v2m_bridge.amt.filters import (
    Affect,
    ChangeAtCut,
    ChangeOnBars,
    DecodeStep,
    Ending,
    FewSeesaws,
    InKey,
    Locked,
    LongestAlternation,
    LongestRun,
    OnlyChords,
    affect_tilt,
    emotion_weights,
)
from v2m_bridge.amt.network import BridgeNetwork
from v2m_bridge.amt.vocabulary import END_ID, N_TOKENS, PAD_ID
from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import QUALITIES, Chord, parse_label
from v2m_bridge.music.emotions import EMOTION_QUALITIES, EMOTIONS
from v2m_bridge.music.mood_degrees import degree_weights

FREE = DecodeOptions(
    top_p=1.0,
    affect=0.0,
    longest_run=None,
    longest_alternation=None,
    key_strength=0.0,
    change_at_cut=0.0,
    end=False,
    allow_no_chord=True,
)
"""Nothing but the network (and that the music does not end before the film)."""

NETWORK = small_network()
C, AM, G7 = (parse_label(label).id for label in ("C", "A:min", "G:7"))


def step(chords: list[list[int]], run: list[int]) -> DecodeStep:
    rows = torch.tensor(chords)
    return DecodeStep(rows.shape[1], rows, torch.tensor(run))


def zeros(batch: int = 1) -> torch.Tensor:
    return torch.zeros(batch, N_TOKENS)


def with_moods(item: Conditioning, mood: str | None) -> Conditioning:
    return dataclasses.replace(item, moods=(mood,) * item.length)


def labels(sequence: ChordSequence) -> list[str]:
    return [Chord.from_id(int(index)).label for index in sequence.ids]


# the rules, one by one


def test_end_and_padding_and_by_default_silence_are_never_chosen() -> None:
    scores = OnlyChords()(zeros(), step([[C]], [1]))
    assert {index for index in range(N_TOKENS) if math.isinf(scores[0, index])} == {0, END_ID, PAD_ID}
    assert torch.isfinite(OnlyChords(allow_no_chord=True)(zeros(), step([[C]], [1]))[0, 0])


def test_a_chord_may_not_outlast_its_limit() -> None:
    rule = LongestRun(3)
    assert torch.isfinite(rule(zeros(), step([[AM, C, C]], [2]))).all()
    scores = rule(zeros(2), step([[C, C, C], [AM, C, C]], [3, 2]))
    assert math.isinf(scores[0, C])
    assert torch.isfinite(scores[1]).all()
    with pytest.raises(InputError, match="at least 1"):
        LongestRun(0)


def test_two_chords_take_turns_only_so_often() -> None:
    rule = LongestAlternation(4)
    seesaw, three, slow = [C, AM, AM, C, C, AM, AM], [C, AM, G7, C, AM, G7, AM], [AM, C, C, AM, AM, AM, AM]
    rows = torch.tensor([seesaw, three, slow])
    banned = torch.isinf(rule(torch.zeros(3, N_TOKENS), DecodeStep(7, rows, torch.tensor([2, 1, 4]))))
    assert torch.nonzero(banned).tolist() == [[0, C]]  # it may stay, or move to a third chord
    with pytest.raises(InputError, match="at least 2"):
        LongestAlternation(1)


def test_a_seesaw_ends_by_itself() -> None:
    network = small_network()
    films = [film(120, seed=seed) for seed in range(4)]
    for item in decode_batch(network, films, [DecodeOptions(seed=s, temperature=0.3, top_p=0.3) for s in range(4)]):
        turns = [chord for chord, _ in itertools.groupby(item.ids.tolist())]
        assert all(len(set(turns[k : k + 5])) > 2 for k in range(len(turns) - 4))


def test_foreign_tones_cost_their_strength() -> None:
    major, minor = InKey([False, True], 2.0)(zeros(2), step([[C], [C]], [1, 1]))
    e_major, c_sharp = parse_label("E").id, parse_label("C#").id
    assert major[C] == major[AM] == major[G7] == 0
    assert major[e_major] == -2.0
    assert minor[e_major] == -1.0
    assert major[c_sharp] == -4.0


def test_changes_are_drawn_to_cuts() -> None:
    on_cut = np.array([False, False, True, False])
    rule = ChangeAtCut([on_cut], 1.0)
    before_cut = rule(zeros(), step([[C]], [1]))
    at_cut = rule(zeros(), step([[C, AM]], [1]))
    after = rule(zeros(), step([[C, AM, C]], [1]))
    assert before_cut[0, C] > 0
    assert at_cut[0, AM] < 0
    assert not after.any()


def test_affect_raises_qualities_and_degrees_of_the_mood() -> None:
    scores = Affect([with_moods(film(3), "sad")], 1.0)(zeros(), step([[C]], [1]))
    suiting = {n for n, quality in enumerate(QUALITIES) if quality.harte in EMOTION_QUALITIES["sad"]}
    degrees = degree_weights("sad", minor=False)
    for index in range(1, 157):
        expected = Chord.from_id(index).quality in suiting or degrees.get(index, 0.0) > 0
        assert (float(scores[0, index]) > 0) == expected, Chord.from_id(index)
    assert scores[0, 0] == scores[0, END_ID] == 0
    double = Affect([with_moods(film(3), "sad")], 2.0)(zeros(), step([[C]], [1]))
    assert torch.allclose(double, 2 * scores)


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("mood", EMOTIONS)
def test_a_mood_colours_the_key_and_keeps_its_tonic(mood: str, minor: bool) -> None:
    weights = degree_weights(mood, minor)
    tonic = (parse_label("A:min") if minor else parse_label("C:maj")).id
    assert not weights or weights[tonic] > 0
    assert all(abs(weight) < 2.5 for weight in weights.values())


def test_the_published_rule_keeps_its_sets() -> None:
    tilt = affect_tilt([with_moods(film(3), "sad")], 1.0)[0, 0]
    raised = {Chord.from_id(index).quality for index in range(1, 157) if tilt[index] > 0}
    assert {QUALITIES[index].harte for index in raised if index is not None} == set(EMOTION_QUALITIES["sad"])


def test_within_a_mood_the_rarer_chords_gain_most() -> None:
    """Else exciting and relaxing would both be plain major triads."""
    scores = Affect([with_moods(film(3), "relaxing")], 1.0)(zeros(), step([[C]], [1]))[0]
    assert scores[parse_label("C:maj7").id] > scores[parse_label("C:maj6").id] > scores[C] > 0


def test_chords_change_on_bars_and_cuts_rather_than_inside_of_bars() -> None:
    bars = np.array([True, False, True, False])
    cuts = np.array([False, False, False, True])
    rule = ChangeOnBars([dataclasses.replace(empty_conditioning(4), bars=bars, on_cut=cuts)])

    def kept(index: int) -> float:
        return float(rule(zeros(), step([[C] * index], [index]))[0, C])

    assert kept(1) > 0 > kept(2) and kept(3) == 0


def test_a_long_chord_waits_for_the_bar_but_not_for_ever() -> None:
    bars = np.zeros(9, dtype=np.bool_)
    bars[3] = True
    rule = LongestRun(2, [dataclasses.replace(empty_conditioning(9), bars=bars)])

    def may_stay(run: int, index: int) -> bool:
        return math.isfinite(float(rule(zeros(), step([[C] * index], [run]))[0, C]))

    assert may_stay(2, 2) and not may_stay(3, 3) and not may_stay(4, 4)
    unknown = LongestRun(2, [empty_conditioning(9)])
    assert math.isinf(float(unknown(zeros(), step([[C, C]], [2]))[0, C]))


def test_going_back_to_the_chord_before_the_last_costs() -> None:
    a, b = parse_label("A:min").id, parse_label("F:maj").id
    scores = FewSeesaws()(zeros(), step([[C, a, a, b, b]], [2]))[0]
    assert [index for index in range(159) if scores[index] != 0] == [a] and scores[a] < 0
    assert not FewSeesaws()(zeros(), step([[C, C]], [2])).any()


def test_measured_emotions_lean_where_no_mood_is_asked_for() -> None:
    given = dataclasses.replace(film(40), emotion=np.tile(np.eye(6, dtype=np.float32)[4], (40, 1)))
    weights = emotion_weights(given)
    assert np.allclose(weights[:, EMOTIONS.index("relaxing")], 1.0)
    half = dataclasses.replace(given, moods=("tense",) * 20 + (None,) * 20)
    assert emotion_weights(half)[0].tolist() == [0, 0, 1, 0, 0, 0]
    assert not emotion_weights(empty_conditioning(5)).any()


def test_the_last_slot_leans_to_the_tonic() -> None:
    rule = Ending([False, True], 2)
    assert not rule(zeros(2), step([[C], [C]], [1, 1])).any()
    major, minor = rule(zeros(2), step([[C, C], [C, C]], [1, 1]))
    assert major[C] > 0
    assert minor[AM] > 0
    assert major[AM] == minor[C] == major[0] == 0


def test_a_locked_chord_is_the_only_one_left() -> None:
    scores = Locked({1: G7})(zeros(), step([[C]], [1]))
    assert torch.isfinite(scores).nonzero().tolist() == [[0, G7]]
    with pytest.raises(InputError, match=r"0\.\.156"):
        Locked({0: 157})


# the sampler


def test_the_nucleus_holds_no_more_than_it_must() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    drawn = {int(sample(scores, torch.tensor([u]), 1.0, 0.7)[0]) for u in np.linspace(0, 0.999, 50)}
    assert drawn == {0, 1}
    assert int(sample(scores, torch.tensor([0.999]), 0.0, 1.0)[0]) == 0


def test_draws_follow_the_distribution() -> None:
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).expand(4000, 4)
    uniforms = torch.from_numpy(np.random.default_rng(0).random(4000))
    share = torch.bincount(sample(scores, uniforms, 1.0, 1.0), minlength=4) / 4000
    assert torch.allclose(share, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.03)


# the loop


def test_the_loop_draws_from_the_network_alone_when_no_rule_is_on() -> None:
    """Greedy decoding by hand, one call per chord, agrees."""
    given = film(30)
    found = decode_one(NETWORK, given, dataclasses.replace(FREE, temperature=0.0))
    cache, scores = NETWORK.start([given])
    total = 0.0
    for index in range(30):
        log_probabilities = torch.log_softmax(scores[0], dim=-1)
        chord = int(log_probabilities[:157].argmax())
        assert int(found.ids[index]) == chord
        assert found.probabilities[index] == pytest.approx(float(log_probabilities[chord].exp()), rel=1e-4)
        total += float(log_probabilities[chord])
        scores = NETWORK.extend(cache, torch.tensor([[chord]]))[:, 0]
    assert found.log_likelihood == pytest.approx(total, rel=1e-4)
    assert found.checkpoint == "small-0"


def test_an_item_of_a_batch_is_what_it_is_alone() -> None:
    films = [film(25, seed) for seed in range(4)]
    options = [DecodeOptions(seed=seed) for seed in (5, 6, 7, 8)]
    together = decode_batch(NETWORK, films, options)
    for item, own, found in zip(films, options, together, strict=True):
        alone = decode_one(NETWORK, item, own)
        assert alone.ids.tolist() == found.ids.tolist()
        assert alone.options == own


def test_seeds_repeat_and_differ() -> None:
    first, again, other = (decode_one(NETWORK, film(40), DecodeOptions(seed=seed)) for seed in (1, 1, 2))
    assert first.ids.tolist() == again.ids.tolist()
    assert first.ids.tolist() != other.ids.tolist()


def test_affect_zero_gives_the_same_chords_whatever_the_mood() -> None:
    options = DecodeOptions(affect=0.0)
    plain = decode_one(NETWORK, film(40), options).ids.tolist()
    for mood in EMOTIONS:
        assert decode_one(NETWORK, film(40, mood=mood), options).ids.tolist() == plain
    assert decode_one(NETWORK, film(40, mood="sad"), DecodeOptions()).ids.tolist() != plain


def test_rules_hold_in_the_result() -> None:
    given = film(60)
    options = DecodeOptions(longest_run=2, locked={7: G7, 8: G7, 9: G7}, primer=(C, AM), temperature=1.3, top_p=1.0)
    found = decode_one(NETWORK, given, options)
    assert labels(found)[:2] == ["C:maj", "A:min"]
    assert found.ids[7:10].tolist() == [G7] * 3
    assert np.flatnonzero(found.locked).tolist() == [0, 1, 7, 8, 9]
    assert 0 not in found.ids
    assert found.ids.max() < 157
    free = [index for index in range(12, 60)]
    assert not any(len(set(found.ids[index - 2 : index + 1].tolist())) == 1 for index in free)


def test_stronger_cuts_bring_more_changes_on_cuts() -> None:
    given = film(200)

    def share(strength: float) -> float:
        ids = decode_one(NETWORK, given, dataclasses.replace(FREE, change_at_cut=strength)).ids
        cuts = [index for index in np.flatnonzero(given.on_cut) if index > 0]
        return float(np.mean([ids[index] != ids[index - 1] for index in cuts]))

    assert share(4.0) > share(0.0)
    assert share(4.0) > 0.98


def test_films_longer_than_the_view_are_windowed_with_context() -> None:
    """Up to the first window's end nothing differs from a film of that length; beyond it the past is still heard."""
    network = small_network(shape=dataclasses.replace(SMALL, context=30))
    given = film(100)
    options = dataclasses.replace(FREE, temperature=0.0)
    found = decode_one(network, given, options)
    first = dataclasses.replace(given.window(0, 30))
    assert found.ids[:30].tolist() == decode_one(network, first, options).ids.tolist()
    cache, _ = network.start([given.window(20, 50)])
    scores = network.extend(cache, torch.from_numpy(found.ids[None, 20:30]))[0, -1]
    assert int(found.ids[30]) == int(scores[:157].argmax())
    assert len(found.ids) == 100


@pytest.mark.parametrize("n_slots", [1, 2, 299, 300, 301])
def test_every_length_is_filled(n_slots: int) -> None:
    assert len(decode_one(NETWORK, empty_conditioning(n_slots), DecodeOptions()).ids) == n_slots


def test_the_published_network_goes_through_the_same_loop() -> None:
    found = decode_one(small_original(), film(320, minor=True), DecodeOptions(seed=2))
    assert labels(found)[0] == "A:min"
    assert len(found.ids) == 320
    assert found.checkpoint == "original-0"


def test_the_chords_are_the_networks() -> None:
    """With its weights at zero the same options and seed give other chords, each as likely as any."""
    dead = BridgeNetwork(SMALL).eval()
    with torch.no_grad():
        for parameter in dead.parameters():
            parameter.zero_()
    alive, silent = (decode_one(network, film(50), FREE) for network in (NETWORK, dead))
    assert alive.ids.tolist() != silent.ids.tolist()
    assert len(set(silent.ids.tolist())) > 3
    assert np.std(np.log(alive.probabilities[1:])) > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top-p"),
        ({"affect": -0.1}, "affect"),
        ({"locked": {40: C}}, "slot 40"),
    ],
)
def test_options_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_one(NETWORK, film(10), dataclasses.replace(DecodeOptions(), **change))


def test_a_batch_must_agree() -> None:
    with pytest.raises(InputError, match="one length"):
        decode_batch(NETWORK, [film(5), film(6)], [DecodeOptions()] * 2)
    with pytest.raises(InputError, match="alike"):
        decode_batch(NETWORK, [film(5)] * 2, [DecodeOptions(), DecodeOptions(affect=0.5)])


def test_progress_can_cancel() -> None:
    from v2m_bridge.errors import Cancelled

    def stop(stage: str, fraction: float) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        decode_one(NETWORK, film(5), DecodeOptions(), stop)
