"""How well music follows a picture: two encoders with one embedding space, after VMAs (arXiv 2409.07450); our reading.

A window of film and a window of music each get a global embedding (what the window is like as a whole) and a local
one (how each stretch of a few seconds differs from the whole). The alignment is the sum of the scaled inner products of
both pairs: music scores high when it is of the film's kind *and* changes when the film changes. ``docs/alignment.md``
says what is published and what is our reading.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.film import Film, SharedDropout, VideoEncoder
from v2m_bridge.amt.vocabulary import token_qualities, token_roots
from v2m_bridge.music.chords import N_CHORDS, QUALITIES, ROOTS

DENSE_RATE = 8
"""Rows of the dense input a second."""

DENSE_COLUMNS = 4
"""Motion, novelty, brightness, colourfulness (``FootageFeatures.dense``)."""

WINDOW_S = 96
"""Seconds of a window: what the encoders are trained and judged on."""

BLOCK_S = 128
"""Seconds of film that are encoded at once, so that the memory for a long film stays small."""

REACH_S = 10
"""How many seconds to each side an encoded second depends on."""

_CHORD_FEATURES = len(ROOTS) + 1 + len(QUALITIES) + 1 + 1
_DYNAMICS_FEATURES = 5


@dataclass(frozen=True)
class AlignmentShape:
    """Sizes of the network; they are stored with its weights.

    Attributes:
        video_width: of the video encoder; joint training needs that of the chord network.
        music_width: of each music encoder.
        members: pairs of music encoder and embedding heads whose scores are averaged; the video encoder is one for all.
        size: of the global embedding.
        local_size: of the local embedding, per cell.
        cells: stretches of a window that the local embedding tells apart; 4 s each of 96 s.
        references: windows of other films that come with the weights, to compare with.
        dropout: share that is dropped in training.
    """

    video_width: int = 64
    music_width: int = 48
    members: int = 2
    size: int = 48
    local_size: int = 16
    cells: int = 24
    references: int = 64
    dropout: float = 0.3


@dataclass(frozen=True)
class Dense:
    """Low-level features [B, 8 N, 4] at 8 a second, and whether each row was measured [B, 8 N]."""

    rows: Tensor
    present: Tensor


@dataclass(frozen=True)
class Music:
    """Music of B pieces as tensors, one row a second.

    Attributes:
        chords: [B, N] chord ids 0..156, in C major or A minor.
        dynamics: [B, N, 2] note density in notes a second, loudness as linear RMS.
        chords_present, dynamics_present: [B, N] bool.
        minor: [B] 0 or 1.
    """

    chords: Tensor
    dynamics: Tensor
    chords_present: Tensor
    dynamics_present: Tensor
    minor: Tensor


@dataclass(frozen=True)
class WindowEmbedding:
    """Embeddings of B windows by M members: ``whole`` [B, M, size], ``local`` [B, M, cells * local_size].

    Every vector has length 1; a local one has length 0 where all cells of the window are alike.
    """

    whole: Tensor
    local: Tensor


class TemporalVideoEncoder(nn.Module):
    """Film to one vector a second: the chord network's encoder for what is known per second, plus the dense input.

    All is convolution, so the cost is linear in frames. The weights of the dense branch start at zero. Its output is
    added to the seconds whose dense rows were measured.
    """

    def __init__(self, encoder: VideoEncoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.frames = nn.Conv1d(DENSE_COLUMNS, width // 2, 5, padding=2)
        self.seconds = nn.Conv1d(width // 2, width, DENSE_RATE, stride=DENSE_RATE)
        self.dense_absent = nn.Parameter(torch.zeros(width))
        nn.init.zeros_(self.seconds.weight)
        assert self.seconds.bias is not None
        nn.init.zeros_(self.seconds.bias)

    def forward(self, film: Film, dense: Dense | None = None) -> Tensor:
        """[B, N, width]; outside training a long film is encoded block by block, with the same result."""
        length = film.motion.shape[1]
        if self.training or length <= BLOCK_S:
            return self._encode(film, dense)
        blocks = []
        for start in range(0, length, BLOCK_S):
            stop = min(start + BLOCK_S, length)
            left, right = max(0, start - REACH_S), min(length, stop + REACH_S)
            part = None
            if dense is not None:
                inside = slice(DENSE_RATE * left, DENSE_RATE * right)
                part = Dense(dense.rows[:, inside], dense.present[:, inside])
            blocks.append(self._encode(_film_between(film, left, right), part)[:, start - left : stop - left])
        return torch.cat(blocks, dim=1)

    def _encode(self, film: Film, dense: Dense | None) -> Tensor:
        rows: Tensor = self.encoder(film) + self.dense_absent
        if dense is None:
            return rows
        present = dense.present[..., None].to(rows.dtype)
        frames = F.gelu(self.frames((dense_features(dense.rows) * present).transpose(1, 2)))
        seconds = self.seconds(frames * present.transpose(1, 2)).transpose(1, 2)
        share = present.view(present.shape[0], -1, DENSE_RATE).mean(dim=2)[..., None]
        result: Tensor = rows + share * seconds
        return result


def _film_between(film: Film, start: int, stop: int) -> Film:
    """Seconds ``[start, stop)``; fields with one entry per film stay as they are."""
    return Film(
        **{
            field.name: value[:, start:stop] if value.dim() > 1 else value
            for field in dataclasses.fields(film)
            for value in [getattr(film, field.name)]
        }
    )


def dense_features(rows: Tensor) -> Tensor:
    """[..., 4] network inputs of dense rows [..., 4]: motion (0..255) as a logarithm, the others (0..1) as -1..1."""
    motion = torch.log1p(rows[..., :1].clamp(min=0)) - 1.0
    return torch.cat((motion, rows[..., 1:].clamp(0, 1) * 2 - 1), dim=-1)


class EmbeddingHead(nn.Module):
    """One vector a second to the global and the local embedding of one member."""

    def __init__(self, width: int, shape: AlignmentShape) -> None:
        super().__init__()
        self.cells = shape.cells
        self.mixer = nn.Conv1d(width, width, 5, padding=2)
        self.norm = nn.LayerNorm(width)
        self.whole_norm = nn.LayerNorm(2 * width)
        self.whole = nn.Linear(2 * width, shape.size)
        self.local = nn.Linear(width, shape.local_size)
        self.dropout = nn.Dropout(shape.dropout)
        self.shared_dropout = SharedDropout(shape.dropout)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Global [B, size] and local [B, cells * local_size] embedding of rows [B, N, width]."""
        mixed = F.gelu(self.mixer(self.norm(rows).transpose(1, 2)).transpose(1, 2))
        rows = rows + self.shared_dropout(mixed)
        spread = torch.sqrt(rows.var(dim=1, correction=0) + 1e-5)
        whole = self.whole(self.dropout(self.whole_norm(torch.cat((rows.mean(dim=1), spread), dim=-1))))
        cells = F.adaptive_avg_pool1d(rows.transpose(1, 2), self.cells).transpose(1, 2)
        local = self.local(self.shared_dropout(cells - cells.mean(dim=1, keepdim=True)))
        local = local - local.mean(dim=1, keepdim=True)
        return F.normalize(whole, dim=-1), F.normalize(local.flatten(1), dim=-1, eps=1e-3)


class MusicEncoder(nn.Module):
    """Music to one vector a second; absent chords or dynamics are replaced by learned vectors."""

    roots: Tensor
    qualities: Tensor

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("roots", torch.tensor(token_roots()[:N_CHORDS]), persistent=False)
        self.register_buffer("qualities", torch.tensor(token_qualities()[:N_CHORDS]), persistent=False)
        self.chords = nn.Linear(_CHORD_FEATURES, width)
        self.dynamics = nn.Linear(_DYNAMICS_FEATURES, width)
        self.mode = nn.Parameter(torch.zeros(2, width))
        self.absent = nn.Parameter(torch.zeros(2, width))
        self.dropout = SharedDropout(dropout)

    def forward(self, music: Music) -> Tensor:
        """[B, N, width], one vector a second."""
        chords = self.chords(self.dropout(self.chord_features(music.chords))) + self.mode[music.minor][:, None]
        dynamics = self.dynamics(self.dropout(dynamics_features(music.dynamics)))
        rows = torch.where(music.chords_present[..., None], chords, self.absent[0])
        rows = rows + torch.where(music.dynamics_present[..., None], dynamics, self.absent[1])
        return F.gelu(rows)

    def chord_features(self, chords: Tensor) -> Tensor:
        """[B, N, 28] of chord ids [B, N]: root and quality one-hot, and 1 where the chord is a new one."""
        root = F.one_hot(self.roots[chords], len(ROOTS) + 1).float()
        quality = F.one_hot(self.qualities[chords], len(QUALITIES) + 1).float()
        new = torch.zeros_like(chords, dtype=torch.float32)
        new[:, 1:] = (chords[:, 1:] != chords[:, :-1]).float()
        return torch.cat((root, quality, new[..., None]), dim=-1)


def dynamics_features(dynamics: Tensor) -> Tensor:
    """[B, N, 5] of dynamics [B, N, 2].

    Density and loudness standardised by MuVi-Sync, log loudness, and how much the first two changed in a second.
    """
    density, loudness = (dynamics[..., 0] - 10.34) / 5.68, (dynamics[..., 1] - 0.175) / 0.099
    level = (torch.log(dynamics[..., 1].clamp(min=1e-3)) + 1.9) / 0.7
    steps = torch.stack((density, loudness), dim=-1).diff(dim=1, prepend=torch.stack((density, loudness), -1)[:, :1])
    return torch.cat((torch.stack((density, loudness, level), dim=-1), steps), dim=-1)


class AlignmentNetwork(nn.Module):
    """Both encoders, their embedding heads and the scales of the inner products; see the module.

    The weights are stored under the names of the attributes, so these stay: ``video_trackers``, ``music_trackers``.
    """

    reference_whole: Tensor
    reference_local: Tensor

    def __init__(self, shape: AlignmentShape | None = None, identity: str = "untrained") -> None:
        super().__init__()
        self.shape = shape = shape or AlignmentShape()
        self.identity = identity
        rows = (shape.references, shape.members)
        self.register_buffer("reference_whole", torch.zeros(*rows, shape.size))
        self.register_buffer("reference_local", torch.zeros(*rows, shape.cells * shape.local_size))
        self.video = TemporalVideoEncoder(VideoEncoder(shape.video_width, shape.dropout), shape.video_width)
        members = range(shape.members)
        self.video_trackers = nn.ModuleList(EmbeddingHead(shape.video_width, shape) for _ in members)
        self.music = nn.ModuleList(MusicEncoder(shape.music_width, shape.dropout) for _ in members)
        self.music_trackers = nn.ModuleList(EmbeddingHead(shape.music_width, shape) for _ in members)
        self.log_scale = nn.Parameter(torch.full((2,), math.log(10.0)))

    def embed_film(self, film: Film, dense: Dense | None = None) -> WindowEmbedding:
        """Embeddings of B windows of film."""
        rows = self.video(film, dense)
        return _stacked([head(F.gelu(rows)) for head in self.video_trackers])

    def embed_music(self, music: Music) -> WindowEmbedding:
        """Embeddings of B windows of music."""
        pairs = zip(self.music, self.music_trackers, strict=True)
        return _stacked([head(encoder(music)) for encoder, head in pairs])

    def member_scores(self, films: WindowEmbedding, music: WindowEmbedding) -> Tensor:
        """[M, B, C] alignment of each of B film windows with each of C music windows, by each of M members."""
        whole = torch.einsum("bme,cme->mbc", films.whole, music.whole)
        local = torch.einsum("bme,cme->mbc", films.local, music.local)
        scale = self.log_scale.exp()
        return scale[0] * whole + scale[1] * local

    def scores(self, films: WindowEmbedding, music: WindowEmbedding) -> Tensor:
        """[B, C] alignment, mean over members; 0 means neither agreement nor disagreement."""
        return self.member_scores(films, music).mean(dim=0)

    def remember(self, films: WindowEmbedding) -> None:
        """Store windows of other films, as many as ``shape.references``, for :meth:`relative_scores`."""
        self.reference_whole.copy_(films.whole)
        self.reference_local.copy_(films.local)

    def relative_scores(self, films: WindowEmbedding, music: WindowEmbedding) -> Tensor:
        """[B, C] how much better music follows these films than the stored ones, in standard deviations over those.

        Some music agrees a little with every film, which says nothing about this film. Without references (all zero)
        these are the plain :meth:`scores`.
        """
        own = self.scores(films, music)
        others = self.scores(WindowEmbedding(self.reference_whole, self.reference_local), music)
        spread = others.std(dim=0, correction=0)
        return torch.where(spread > 1e-6, (own - others.mean(dim=0)) / spread.clamp(min=1e-6), own)


def _stacked(parts: Sequence[tuple[Tensor, Tensor]]) -> WindowEmbedding:
    whole, local = zip(*parts, strict=True)
    return WindowEmbedding(torch.stack(whole, dim=1), torch.stack(local, dim=1))


def join_embeddings(parts: Sequence[WindowEmbedding]) -> WindowEmbedding:
    """One batch of all windows, in the order given."""
    return WindowEmbedding(torch.cat([part.whole for part in parts]), torch.cat([part.local for part in parts]))
