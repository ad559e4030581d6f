"""The film as tensors, and the encoder that reads it: one vector per slot (or second) for every network of ours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.footage.model import SEMANTIC_SIZE
from v2m_bridge.music.emotions import EMOTIONS

SLOTS_LEFT_KINDS = 28
"""Classes of "slots left": beyond the end, 0..15 exactly, then by powers of two, and unknown."""

UNKNOWN_LEFT = SLOTS_LEFT_KINDS - 1
"""Class of a film whose length is not known."""


@dataclass(frozen=True)
class Film:
    """:class:`Conditioning` of B films of N slots as tensors.

    Attributes:
        semantic: [B, N, 768] CLIP image features.
        emotion: [B, N, 6] probabilities.
        motion: [B, N] mean absolute RGB difference, 0..255.
        scene_offset: [B, N] seconds since the last cut.
        semantic_present, emotion_present, motion_present: [B, N] bool, whether the row was measured.
        left_kind: [B, N] class of the slots left (:func:`left_kinds`).
        mood: [B, N] index into ``EMOTIONS``; counts where ``mood_strength`` is above 0.
        mood_strength: [B, N] 0..1.
        minor: [B] 0 or 1.
    """

    semantic: Tensor
    emotion: Tensor
    motion: Tensor
    scene_offset: Tensor
    semantic_present: Tensor
    emotion_present: Tensor
    motion_present: Tensor
    left_kind: Tensor
    mood: Tensor
    mood_strength: Tensor
    minor: Tensor


def as_film(conditionings: list[Conditioning], device: torch.device | str = "cpu") -> Film:
    """Stack films of one length; ``mood_strength`` is 1 where a mood is set and 0 elsewhere."""

    def stacked(name: str) -> Tensor:
        return torch.stack([torch.as_tensor(getattr(item, name)) for item in conditionings]).to(device)

    moods = [[-1 if mood is None else EMOTIONS.index(mood) for mood in item.moods] for item in conditionings]
    mood = torch.tensor(moods, device=device)
    return Film(
        semantic=stacked("semantic"),
        emotion=stacked("emotion"),
        motion=stacked("motion"),
        scene_offset=stacked("scene_offset"),
        semantic_present=stacked("semantic_present"),
        emotion_present=stacked("emotion_present"),
        motion_present=stacked("motion_present"),
        left_kind=left_kinds(stacked("slots_left")),
        mood=mood.clamp(min=0),
        mood_strength=(mood >= 0).float(),
        minor=torch.tensor([int(item.minor) for item in conditionings], device=device),
    )


def left_kinds(slots_left: Tensor) -> Tensor:
    """Class of each count of slots left, of any shape; below 0 means beyond the end."""
    coarse = 17 + (torch.log2(slots_left.clamp(min=16).float() / 16) * 1.5).long()
    exact = slots_left.clamp(min=-1) + 1
    return torch.where(slots_left < 16, exact, coarse.clamp(max=UNKNOWN_LEFT - 1))


class SharedDropout(nn.Module):
    """Dropout of whole channels over a sequence: each draw drops more, and far fewer draws are needed."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L, channels], with channels dropped in training and unchanged otherwise."""
        if not self.training or self.share == 0.0:
            return x
        kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.share
        return x * (kept.to(x.dtype) / (1.0 - self.share))


class VideoEncoder(nn.Module):
    """Modalities to one vector per slot; an absent one is replaced by a learned vector, then neighbours are mixed."""

    semantic_mean: Tensor
    semantic_scale: Tensor

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("semantic_mean", torch.zeros(SEMANTIC_SIZE))
        self.register_buffer("semantic_scale", torch.ones(SEMANTIC_SIZE))
        self.semantic = nn.Linear(SEMANTIC_SIZE, width)
        self.emotion = nn.Linear(len(EMOTIONS), width)
        self.motion = nn.Linear(1, width)
        self.scene = nn.Linear(2, width)
        self.absent = nn.Parameter(torch.zeros(3, width))
        self.mixers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 4))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.mixers)
        self.dropout = SharedDropout(dropout)

    def forward(self, film: Film, over: Tensor | None = None) -> Tensor:
        """[B, N, width]; slot n depends on slots n - 10 .. n + 10, but not on those where ``over`` [B, N] is True."""
        semantic = self._projected(film.semantic)
        emotion = self.emotion(film.emotion)
        motion = self.motion(torch.log1p(film.motion)[..., None] - 2.0)
        offset = film.scene_offset[..., None]
        scene = self.scene(torch.cat((torch.log1p(offset), (offset < 1.0).float()), dim=-1))
        rows: Tensor = scene
        parts = (semantic, emotion, motion)
        masks = (film.semantic_present, film.emotion_present, film.motion_present)
        for part, mask, absent in zip(parts, masks, self.absent, strict=True):
            rows = rows + torch.where(mask[..., None], part, absent)
        for mixer, norm in zip(self.mixers, self.norms, strict=True):
            normed = norm(rows) if over is None else norm(rows).masked_fill(over[..., None], 0.0)
            mixed = mixer(normed.transpose(1, 2)).transpose(1, 2)
            rows = rows + self.dropout(F.gelu(mixed))
        return rows

    def _projected(self, semantic: Tensor) -> Tensor:
        """[B, N, width] of the standardised features [B, N, 768].

        Outside training the standardisation is folded into the weights, which saves a copy of the widest input.
        """
        if self.training:
            projected: Tensor = self.semantic(self.dropout((semantic - self.semantic_mean) * self.semantic_scale))
            return projected
        weight = self.semantic.weight * self.semantic_scale
        return F.linear(semantic, weight, self.semantic.bias - weight @ self.semantic_mean)
