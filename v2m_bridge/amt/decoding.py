"""The one decoder loop: options, logit filters, a sampler, and windows for films longer than the network's context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.conditioning import Conditioning, IntArray
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.filters import (
    Affect,
    ChangeAtCut,
    ChangeOnBars,
    DecodeStep,
    Ending,
    FewSeesaws,
    Filter,
    InKey,
    Locked,
    LongestAlternation,
    LongestRun,
    OnlyChords,
)
from v2m_bridge.devices import one_thread
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import BoolArray, FloatArray
from v2m_bridge.progress import Progress, silent

CARRIED_SHARE = 1 / 4
"""Share of a full window that is carried over as context into the next one."""


@dataclass(frozen=True)
class ChordSequence:
    """One chord per slot, in C major / A minor.

    Attributes:
        ids: [N] chord ids.
        probabilities: [N] what the network gave each chord before any filter.
        locked: [N] where the user, not the network, has chosen.
        log_likelihood: natural log of the probability of all chords the network has chosen, before any filter.
        options: what was really used.
        checkpoint: identity of the network.
    """

    ids: IntArray
    probabilities: FloatArray
    locked: BoolArray
    log_likelihood: float
    options: DecodeOptions
    checkpoint: str


def decode_batch(
    network: ChordNetwork,
    conditionings: Sequence[Conditioning],
    options: Sequence[DecodeOptions],
    progress: Progress = silent,
) -> list[ChordSequence]:
    """Choose a chord for every slot of B films of one length; each gets the chords that it would get alone.

    Args:
        network: ours or the published one.
        conditionings: the films.
        options: one for each film; all but the seeds must agree.
        progress: called after every slot; an exception that it raises ends the decoding.

    Raises:
        InputError: options out of range or not alike, films of several lengths, or locks outside the film.
    """
    shared = _checked(conditionings, options)
    films = [_without_moods(item) if shared.affect == 0 else item for item in conditionings]
    chosen = _Choosing(films, shared, [item.seed for item in options])
    with one_thread():
        _choose_all(network, films, chosen, progress)
    return chosen.sequences(options, network.identity)


def _choose_all(network: ChordNetwork, films: Sequence[Conditioning], chosen: _Choosing, progress: Progress) -> None:
    """Slot by slot, in windows of the network's context."""
    n_slots, context = films[0].length, network.context
    slot = window_start = 0
    while slot < n_slots:
        stop = min(window_start + context, n_slots)
        cache, scores = network.start([film.window(window_start, stop) for film in films])
        if slot > window_start:
            scores = network.extend(cache, chosen.chords[:, window_start:slot])[:, -1]
        while True:
            chord = chosen.choose(scores, slot)
            slot += 1
            progress("chords", slot / n_slots)
            if slot == stop:
                break
            scores = network.extend(cache, chord[:, None])[:, 0]
        window_start = slot - int(context * CARRIED_SHARE)


def _without_moods(film: Conditioning) -> Conditioning:
    return replace(film, moods=(None,) * film.length)


def _checked(conditionings: Sequence[Conditioning], options: Sequence[DecodeOptions]) -> DecodeOptions:
    shared = options[0]
    if len(conditionings) != len(options) or any(replace(item, seed=shared.seed) != shared for item in options):
        raise InputError("a batch needs one set of options per film, alike but for the seed")
    lengths = {item.length for item in conditionings}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"a batch needs films of one length above 0, not {sorted(lengths)}")
    if shared.temperature < 0 or not 0 < shared.top_p <= 1 or shared.affect < 0:
        raise InputError("temperature and affect start at 0, top-p lies above 0 and up to 1")
    n_slots = lengths.pop()
    outside = [slot for slot in shared.locked if not 0 <= slot < n_slots]
    if outside:
        raise InputError(f"slot {outside[0]} is locked but the film has slots 0..{n_slots - 1}")
    return shared


class _Choosing:
    """The chords chosen so far for B films, the filters for the next one, and a random generator per film."""

    def __init__(self, films: Sequence[Conditioning], options: DecodeOptions, seeds: Sequence[int]) -> None:
        self.options = options
        n_slots = films[0].length
        self.locked = {**dict(enumerate(options.primer[:n_slots])), **options.locked}
        self.filters = _filters(films, options, self.locked)
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.chords = torch.zeros((len(films), n_slots), dtype=torch.long)
        self.run = torch.zeros(len(films), dtype=torch.long)
        self.log_probabilities = np.zeros((len(films), n_slots), dtype=np.float64)

    def choose(self, scores: Tensor, slot: int) -> Tensor:
        """Draw the chord [B] of ``slot`` from the network's scores [B, 159] and append it."""
        scores = scores.detach().float().cpu()
        plain = torch.log_softmax(scores, dim=-1)
        step = DecodeStep(slot, self.chords[:, :slot], self.run)
        for rule in self.filters:
            scores = rule(scores, step)
        uniforms = torch.tensor([generator.random() for generator in self.generators])
        chord = sample(scores, uniforms, self.options.temperature, self.options.top_p)
        same = self.chords[:, slot - 1] == chord if slot else torch.zeros_like(chord, dtype=torch.bool)
        self.run = torch.where(same, self.run + 1, 1)
        self.chords[:, slot] = chord
        self.log_probabilities[:, slot] = plain.gather(1, chord[:, None])[:, 0].double().numpy()
        return chord

    def sequences(self, options: Sequence[DecodeOptions], checkpoint: str) -> list[ChordSequence]:
        """The finished sequence of each film."""
        locked = np.zeros(self.chords.shape[1], dtype=np.bool_)
        locked[list(self.locked)] = True
        return [
            ChordSequence(
                ids=self.chords[row].numpy().copy(),
                probabilities=np.exp(self.log_probabilities[row]).astype(np.float32),
                locked=locked,
                log_likelihood=float(self.log_probabilities[row][~locked].sum()),
                options=own,
                checkpoint=checkpoint,
            )
            for row, own in enumerate(options)
        ]


def _filters(films: Sequence[Conditioning], options: DecodeOptions, locked: Mapping[int, int]) -> list[Filter]:
    modes = [film.minor for film in films]
    filters: list[Filter] = []
    if options.key_strength:
        filters.append(InKey(modes, options.key_strength))
    if options.affect:
        filters.append(Affect(films, options.affect))
    if options.change_at_cut:
        filters.append(ChangeAtCut([film.on_cut for film in films], options.change_at_cut))
    if any(film.on_bar.any() for film in films):
        filters.append(ChangeOnBars(films))
    if options.few_seesaws:
        filters.append(FewSeesaws())
    if options.end:
        filters.append(Ending(modes, films[0].length - 1))
    if options.longest_run is not None:
        filters.append(LongestRun(options.longest_run, films))
    if options.longest_alternation is not None:
        filters.append(LongestAlternation(options.longest_alternation))
    filters.append(OnlyChords(options.allow_no_chord))
    filters.append(Locked(locked))
    return filters


def sample(scores: Tensor, uniforms: Tensor, temperature: float, top_p: float) -> Tensor:
    """Draw one token per row of scores [B, V] by inverting its cumulative distribution at ``uniforms`` [B].

    ``temperature`` 0 takes the likeliest token. Tokens outside the nucleus are not drawn: that is the smallest set of
    likeliest tokens that holds the probability ``top_p`` (Holtzman et al. 2020).
    """
    if temperature == 0:
        return scores.argmax(dim=-1)
    probabilities = torch.softmax(scores.double() / temperature, dim=-1)
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = torch.where(before < top_p, ordered, 0.0)
    cumulative = kept.cumsum(dim=-1)
    place = torch.searchsorted(cumulative, uniforms.double()[:, None] * cumulative[:, -1:], right=True)
    last = (kept > 0).sum(dim=-1, keepdim=True) - 1
    return tokens.gather(1, torch.minimum(place, last))[:, 0]
