"""How well music follows a picture: two encoders that meet in one space, after VMAs (arXiv 2409.07450); our reading.

A window of film and a window of music each become a global track (what it is like as a whole) and a local track (how
each stretch of a few seconds differs from the whole). The alignment of the two is the sum of the scaled inner products
of both tracks, so that music is right when it is of the film's kind *and* moves when the film moves. What is our
reading and what is published: ``docs/alignment.md``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.network import Film, SharedDropout, VideoEncoder
from v2m_bridge.amt.vocabulary import token_qualities, token_roots
from v2m_bridge.music.chords import N_CHORDS, QUALITIES, ROOTS

DENSE_RATE = 8
"""Rows of the dense input a second."""

DENSE_COLUMNS = 4
"""Motion, novelty, brightness, colourfulness (``FootageFeatures.dense``)."""

WINDOW_S = 96
"""Seconds of a window: what the encoders are trained and judged on."""

BLOCK_S = 128
"""Seconds of film that are encoded at once: what a long film needs beside its rows stays small."""

REACH_S = 10
"""How far a second of the encoded film hears to each side."""

_CHORD_FEATURES = len(ROOTS) + 1 + len(QUALITIES) + 1 + 1
_DYNAMICS_FEATURES = 5


@dataclass(frozen=True)
class AlignmentShape:
    """Sizes of the network; they are stored with its weights.

    Attributes:
        video_width: of the video encoder; joint training needs that of the chord network.
        music_width: of each music encoder.
        members: pairs of encoders whose scores are averaged; they share the video encoder where it is shared.
        size: of the global track.
        local_size: of the local track, per cell.
        cells: stretches of a window that the local track tells apart, of 4 s in 96.
        references: windows of other films that come with the weights, to compare with.
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
class Track:
    """Where B windows lie in the shared space: ``whole`` [B, M, size], ``local`` [B, M, cells * local_size].

    Every vector has length 1, or 0 where there is nothing to tell cells apart by.
    """

    whole: Tensor
    local: Tensor


class TemporalVideoEncoder(nn.Module):
    """Film to one vector a second: per-second modalities by the chord network's encoder, and the dense input beside it.

    Convolutions only, so the cost is linear in frames. The dense branch starts at zero and is added where it was
    measured; elsewhere its learned vector stands.
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
        """[B, N, width]; out of training a long film is worked through in blocks, which changes no number."""
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
        heard = F.gelu(self.frames((dense_features(dense.rows) * present).transpose(1, 2)))
        seconds = self.seconds(heard * present.transpose(1, 2)).transpose(1, 2)
        share = present.view(present.shape[0], -1, DENSE_RATE).mean(dim=2)[..., None]
        result: Tensor = rows + share * seconds
        return result


def _film_between(film: Film, start: int, stop: int) -> Film:
    """The seconds from ``start`` to ``stop``; what is told once per film stays."""
    return Film(
        **{
            field.name: value[:, start:stop] if value.dim() > 1 else value
            for field in dataclasses.fields(film)
            for value in [getattr(film, field.name)]
        }
    )


def dense_features(rows: Tensor) -> Tensor:
    """Motion 0..255 on a logarithmic scale about 0; the other columns are 0..1 and centred."""
    motion = torch.log1p(rows[..., :1].clamp(min=0)) - 1.0
    return torch.cat((motion, rows[..., 1:].clamp(0, 1) * 2 - 1), dim=-1)


class Tracker(nn.Module):
    """From one vector a second to the two tracks of one member."""

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
        """[B, size] and [B, cells * local_size] of rows [B, N, width]."""
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
        """[B, N, width]."""
        chords = self.chords(self.dropout(self.chord_features(music.chords))) + self.mode[music.minor][:, None]
        dynamics = self.dynamics(self.dropout(dynamics_features(music.dynamics)))
        rows = torch.where(music.chords_present[..., None], chords, self.absent[0])
        rows = rows + torch.where(music.dynamics_present[..., None], dynamics, self.absent[1])
        return F.gelu(rows)

    def chord_features(self, chords: Tensor) -> Tensor:
        """[B, N, 28] root and quality, one of each, and whether the chord is new."""
        root = F.one_hot(self.roots[chords], len(ROOTS) + 1).float()
        quality = F.one_hot(self.qualities[chords], len(QUALITIES) + 1).float()
        new = torch.zeros_like(chords, dtype=torch.float32)
        new[:, 1:] = (chords[:, 1:] != chords[:, :-1]).float()
        return torch.cat((root, quality, new[..., None]), dim=-1)


def dynamics_features(dynamics: Tensor) -> Tensor:
    """[B, N, 5] density and loudness on the scale of MuVi-Sync, loudness in logarithms, and their steps."""
    density, loudness = (dynamics[..., 0] - 10.34) / 5.68, (dynamics[..., 1] - 0.175) / 0.099
    level = (torch.log(dynamics[..., 1].clamp(min=1e-3)) + 1.9) / 0.7
    steps = torch.stack((density, loudness), dim=-1).diff(dim=1, prepend=torch.stack((density, loudness), -1)[:, :1])
    return torch.cat((torch.stack((density, loudness, level), dim=-1), steps), dim=-1)


class AlignmentNetwork(nn.Module):
    """Both encoders and the scale of their agreement; see the module."""

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
        self.video_trackers = nn.ModuleList(Tracker(shape.video_width, shape) for _ in members)
        self.music = nn.ModuleList(MusicEncoder(shape.music_width, shape.dropout) for _ in members)
        self.music_trackers = nn.ModuleList(Tracker(shape.music_width, shape) for _ in members)
        self.log_scale = nn.Parameter(torch.full((2,), math.log(10.0)))

    def film_track(self, film: Film, dense: Dense | None = None) -> Track:
        """Tracks of B windows of film."""
        rows = self.video(film, dense)
        return _track([tracker(F.gelu(rows)) for tracker in self.video_trackers])

    def music_track(self, music: Music) -> Track:
        """Tracks of B windows of music."""
        pairs = zip(self.music, self.music_trackers, strict=True)
        return _track([tracker(encoder(music)) for encoder, tracker in pairs])

    def member_scores(self, films: Track, music: Track) -> Tensor:
        """[M, B, C] alignment of every film window with every music window, by member."""
        whole = torch.einsum("bme,cme->mbc", films.whole, music.whole)
        local = torch.einsum("bme,cme->mbc", films.local, music.local)
        scale = self.log_scale.exp()
        return scale[0] * whole + scale[1] * local

    def scores(self, films: Track, music: Track) -> Tensor:
        """[B, C] alignment, mean over members; 0 is indifferent."""
        return self.member_scores(films, music).mean(dim=0)

    def remember(self, films: Track) -> None:
        """Keep windows of other films [references] for :meth:`peculiar_scores`."""
        self.reference_whole.copy_(films.whole)
        self.reference_local.copy_(films.local)

    def peculiar_scores(self, films: Track, music: Track) -> Tensor:
        """[B, C] how much better music follows these films than others: standard deviations over the references.

        Some music agrees a little with every film; that does not make it this film's. Without references (all zero),
        plain :meth:`scores`.
        """
        own = self.scores(films, music)
        others = self.scores(Track(self.reference_whole, self.reference_local), music)
        spread = others.std(dim=0, correction=0)
        return torch.where(spread > 1e-6, (own - others.mean(dim=0)) / spread.clamp(min=1e-6), own)


def _track(parts: Sequence[tuple[Tensor, Tensor]]) -> Track:
    whole, local = zip(*parts, strict=True)
    return Track(torch.stack(whole, dim=1), torch.stack(local, dim=1))


def join_tracks(tracks: Sequence[Track]) -> Track:
    """Batches of windows, one after the other."""
    return Track(torch.cat([track.whole for track in tracks]), torch.cat([track.local for track in tracks]))
