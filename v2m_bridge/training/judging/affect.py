"""The effect of a mood on the chords: their qualities by requested mood, and the loss of likelihood."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import decode_batch
from v2m_bridge.amt.filters import emotion_sets, foreign_tones
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.progress import Progress, silent

MOODS = EMOTIONS[:-1]
"""All emotions but neutral."""

TABLE_SLOTS = 64
"""Slots of each decoding."""


@dataclass(frozen=True)
class AffectTable:
    """Shares of chords (slots) in each emotion's quality set, by requested mood.

    Attributes:
        shares: mood (``neutral`` too) -> emotion -> share, 0..1; sets overlap, so rows do not add up to 1.
        log_likelihood: mood -> mean log-likelihood per slot, under the network without a mood.
        in_key: mood -> share of chords with all tones in C major, or in A minor with its leading tone.
        seeds: decodings per mood, half of them of a film in minor.
        affect: strength of the mood.
    """

    shares: dict[str, dict[str, float]]
    log_likelihood: dict[str, float]
    in_key: dict[str, float]
    seeds: int
    affect: float

    @property
    def cost(self) -> dict[str, float]:
        """Mood -> log-likelihood per slot (in nats) that it loses against ``neutral``."""
        neutral = self.log_likelihood["neutral"]
        return {mood: neutral - value for mood, value in self.log_likelihood.items()}


def affect_table(
    network: ChordNetwork,
    films: Sequence[Conditioning],
    seeds: int,
    progress: Progress = silent,
    options: DecodeOptions = DecodeOptions(),
) -> AffectTable:
    """Decode the same two films, one in major and one in minor, with every mood and ``seeds`` seeds."""
    shares: dict[str, dict[str, float]] = {}
    likelihood: dict[str, float] = {}
    in_key: dict[str, float] = {}
    sets = emotion_sets()
    for done, mood in enumerate(EMOTIONS):
        progress("affect table", done / len(EMOTIONS))
        asked = [_with_mood(films, index % 2 == 1, mood) for index in range(seeds)]
        found = decode_batch(network, asked, [dataclasses.replace(options, seed=seed) for seed in range(seeds)])
        chords = torch.from_numpy(np.stack([item.ids for item in found]))
        shares[mood] = {other: float(sets[EMOTIONS.index(other)][chords].float().mean()) for other in MOODS}
        plain = [dataclasses.replace(film, moods=(None,) * film.length) for film in asked]
        likelihood[mood] = mean_log_likelihood(network, plain, chords)
        in_key[mood] = _share_in_key(chords, asked)
    return AffectTable(shares, likelihood, in_key, seeds, options.affect)


def _with_mood(films: Sequence[Conditioning], minor: bool, mood: str) -> Conditioning:
    """The first film in this mode that is long enough, else the first film, cut or repeated to the table's length."""
    fitting = [film for film in films if film.minor == minor and film.length >= TABLE_SLOTS]
    film = (fitting or list(films))[0]
    repeats = -(-TABLE_SLOTS // film.length)
    part = film.window(0, TABLE_SLOTS) if repeats == 1 else film.window(0, film.length)
    if part.length < TABLE_SLOTS:
        rows = np.resize(np.arange(part.length), TABLE_SLOTS)
        changed = {
            item.name: getattr(part, item.name)[rows]
            for item in dataclasses.fields(part)
            if isinstance(getattr(part, item.name), np.ndarray)
        }
        part = dataclasses.replace(part, **changed, moods=(None,) * TABLE_SLOTS)
    return dataclasses.replace(
        part,
        semantic=part.semantic.astype(np.float32),
        moods=(mood,) * TABLE_SLOTS,
        minor=minor,
        slots_left=np.arange(TABLE_SLOTS - 1, -1, -1, dtype=np.int64),
    )


@torch.inference_mode()
def mean_log_likelihood(network: ChordNetwork, films: Sequence[Conditioning], chords: torch.Tensor) -> float:
    """Mean log-probability per slot of chords [B, N], each given those before it."""
    cache, first = network.start(list(films))
    scores = torch.cat((first[:, None], network.extend(cache, chords[:, :-1])), dim=1)
    own = torch.log_softmax(scores.float(), dim=-1).gather(2, chords[..., None])[..., 0]
    return float(own[:, 1:].mean())


def _share_in_key(chords: torch.Tensor, films: Sequence[Conditioning]) -> float:
    foreign = {minor: foreign_tones(minor) for minor in (False, True)}
    inside = [(foreign[film.minor][row] < 1.0).float().mean() for film, row in zip(films, chords, strict=True)]
    return float(torch.stack(inside).mean())
