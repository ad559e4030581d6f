"""Metrics as upstream defines them (Video2Music, evaluate.py): per song, given the true chords before each position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from v2m_bridge.amt.filters import emotion_sets
from v2m_bridge.amt.vocabulary import END_ID, N_TOKENS, PAD_ID
from v2m_bridge.music.emotions import EMOTIONS

HITS_AT = (1, 3, 5)
CORRESPONDENCE_THRESHOLD = 0.80
"""The correspondence counts only seconds whose strongest emotion has at least this probability (upstream)."""


def ranks_of(scores: Tensor, targets: Tensor) -> Tensor:
    """Rank of each target [...] among scores [..., 159]: 0 is the best; ties go to the lower id."""
    own = scores.gather(-1, targets[..., None])
    ids = torch.arange(scores.shape[-1], device=scores.device)
    ahead = (scores > own) | ((scores == own) & (ids < targets[..., None]))
    return ahead.sum(dim=-1)


def song_hits(ranks: Tensor) -> Tensor:
    """[3] shares of positions whose rank is within 1, 3 and 5; zeros when there are no positions."""
    if ranks.numel() == 0:
        return torch.zeros(len(HITS_AT))
    return torch.tensor([float((ranks < k).float().mean()) for k in HITS_AT])


def emotion_targets(emotion: Tensor, targets: Tensor) -> Tensor:
    """[L, 159] upstream's affective target of one song.

    The strongest emotion of each second marks its chord qualities on all roots; END and PAD mark themselves.

    Args:
        emotion: [L, 6] probabilities of the seconds of the targets, zeros after the end of the film.
        targets: [L] tokens.
    """
    sets = emotion_sets()
    known = (emotion.sum(dim=-1) > 0)[:, None]
    rows = torch.where(known, sets[emotion.argmax(dim=-1)], 0.0)
    special = (targets == END_ID) | (targets == PAD_ID)
    return torch.where(special[:, None], F.one_hot(targets, N_TOKENS).float(), rows)


def affective_bce(logits: Tensor, wanted: Tensor) -> float:
    """Upstream's affective loss of one song: binary cross-entropy over all entries [299, 159], padding included."""
    return float(F.binary_cross_entropy_with_logits(logits, wanted))


def correspondence(best: Tensor, emotion: Tensor, targets: Tensor) -> tuple[int, int]:
    """Number of counted seconds whose predicted chord is in the set of their emotion, and number of counted seconds.

    A second counts if its strongest emotion has at least ``CORRESPONDENCE_THRESHOLD`` and is not neutral, and it is not
    padding.

    Args:
        best: [L] predicted chords.
        emotion: [L, 6] probabilities.
        targets: [L] true chords.
    """
    strongest, which = emotion.max(dim=-1)
    counted = (strongest >= CORRESPONDENCE_THRESHOLD) & (which != EMOTIONS.index("neutral")) & (targets != PAD_ID)
    inside = emotion_sets()[which].gather(1, best[:, None])[:, 0] > 0
    return int((inside & counted).sum()), int(counted.sum())


def song_rmse(predicted: Tensor, truth: Tensor) -> Tensor:
    """[2] root mean square error of one song over its 300 padded seconds, [300, 2] each (upstream)."""
    return (predicted - truth).square().mean(dim=0).sqrt()
