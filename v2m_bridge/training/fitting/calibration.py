"""Calibration of the network's log-probabilities as the logits that upstream's affective loss expects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.filters import affect_tilt
from v2m_bridge.training.judging.scored_songs import ScoredSong, song_emotion_targets, teacher_forced
from v2m_bridge.training.songs.dataset import Song, padded_film


def fit_calibration(network: ChordNetwork, songs: Sequence[Song]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Slope and offset of the affective logits, plain and after the affect filter, by logistic regression on songs."""
    scored = [ScoredSong(song, scores) for song, scores in zip(songs, teacher_forced(network, songs), strict=True)]
    wanted = torch.cat([song_emotion_targets(item.song)[1:] for item in scored])
    tilts = [affect_tilt([padded_film(item.song)], 1.0)[0] for item in scored]
    steered = [torch.log_softmax(item.scores + tilt, dim=-1) for item, tilt in zip(scored, tilts, strict=True)]
    return (
        _logistic(torch.cat([item.scores[1:] for item in scored]), wanted),
        _logistic(torch.cat([scores[1:] for scores in steered]), wanted),
    )


def _logistic(scores: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Slope and offset that fit scores [L, 159] to targets [L, 159] best."""
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=30)
    scores = scores.clamp(min=-25.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(scores * line[0] + line[1], wanted)
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    slope, offset = line.tolist()
    return slope, offset
