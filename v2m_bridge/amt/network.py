"""Our chord network: a video encoder, a causal decoder over the chords so far, and heads that copy from the song.

What is not in the published AMT (Kang et al. 2023): a learned "absent" vector per modality, so that any of them may
be missing; slots left until the film ends; history features (``history``) as input and as attention bias, after the
induction heads of Olsson et al. (2022); intervals between chords, in the input and the output; and a pointer head (See
et al. 2017) that mixes copies of earlier chords with the vocabulary's distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.chord_network import Cache
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.history import FOLLOW_FEATURES, LONGEST_RUN, PULSE_FREQUENCIES, History, Trace
from v2m_bridge.amt.vocabulary import N_TOKENS, PAD_ID, PAD_QUALITY, PAD_ROOT, token_qualities, token_roots
from v2m_bridge.footage.model import SEMANTIC_SIZE
from v2m_bridge.music.chords import QUALITIES
from v2m_bridge.music.emotions import EMOTIONS

SLOTS_LEFT_KINDS = 28
"""Classes of "slots left": beyond the end, 0..15 exactly, then by powers of two, and unknown."""

UNKNOWN_LEFT = SLOTS_LEFT_KINDS - 1
LAG_KINDS = 48
NO_INTERVAL = 12
NO_RELATIVE = 12 * len(QUALITIES)


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network; they are stored with its weights."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    inner: int = 512
    copies: int = 4
    video_width: int = 64
    context: int = 300
    dropout: float = 0.25


@dataclass(frozen=True)
class Film:
    """Conditioning of B films as tensors, [B, N, ...]; presence masks are bool."""

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


def left_kinds(slots_left: Tensor) -> Tensor:
    """Class of each count of slots left (below 0: beyond the end)."""
    coarse = 17 + (torch.log2(slots_left.clamp(min=16).float() / 16) * 1.5).long()
    exact = slots_left.clamp(min=-1) + 1
    return torch.where(slots_left < 16, exact, coarse.clamp(max=UNKNOWN_LEFT - 1))


def lag_kinds(lags: Tensor) -> Tensor:
    """Class of a distance in slots: 0..31 exactly, then logarithmic to 300 (after T5, Raffel et al. 2020)."""
    far = 32 + (torch.log(lags.clamp(min=32).float() / 32) / math.log(300 / 32) * (LAG_KINDS - 33)).long()
    return torch.where(lags < 32, lags, far.clamp(max=LAG_KINDS - 1))


class SharedDropout(nn.Module):
    """Dropout of whole channels over the sequence [B, L, channels]: stronger per draw and far fewer draws."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
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
        """[B, N, width]; slot n hears slots n - 10 .. n + 10, but none where the film is ``over`` [B, N]."""
        semantic = self._seen(film.semantic)
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
            heard = norm(rows) if over is None else norm(rows).masked_fill(over[..., None], 0.0)
            mixed = mixer(heard.transpose(1, 2)).transpose(1, 2)
            rows = rows + self.dropout(F.gelu(mixed))
        return rows

    def _seen(self, semantic: Tensor) -> Tensor:
        """Projection of the standardised features; out of training one product, with no copy of the widest input."""
        if self.training:
            projected: Tensor = self.semantic(self.dropout((semantic - self.semantic_mean) * self.semantic_scale))
            return projected
        weight = self.semantic.weight * self.semantic_scale
        return F.linear(semantic, weight, self.semantic.bias - weight @ self.semantic_mean)


class Attention(nn.Module):
    """Causal self-attention biased by lag and by how well each earlier place matches the present one."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.lag = nn.Parameter(torch.zeros(shape.heads, LAG_KINDS))
        self.follow = nn.Parameter(torch.randn(shape.heads, FOLLOW_FEATURES) * 0.3)

    def forward(self, x: Tensor, places: Places, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, width = x.shape
        query, key, value = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.project(x).chunk(3, dim=-1)
        )
        if past is not None:
            key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        scores = biased_scores(query, key, places.bias(self.lag, self.follow))
        mixed = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed), key, value


@dataclass(frozen=True)
class Places:
    """Where L queries stand to all keys: lag classes [L, K], the hidden future [L, K], match features [B, F, L, K]."""

    lags: Tensor
    hidden: Tensor
    follow: Tensor

    def bias(self, lag_table: Tensor, follow_table: Tensor) -> Tensor:
        """[B, heads, L, K] from tables [heads, lags] and [heads, F]; minus infinity where the future hides."""
        batch, features, length, keys = self.follow.shape
        matched = (follow_table @ self.follow.reshape(batch, features, length * keys)).view(batch, -1, length, keys)
        lag = lag_table[:, self.lags].masked_fill(self.hidden, -math.inf)
        return matched + lag


def biased_scores(query: Tensor, key: Tensor, bias: Tensor) -> Tensor:
    """``query key^T / sqrt(size) + bias`` of [B, heads, L, size], [B, heads, K, size], [B, heads, L, K] in one pass."""
    flat = torch.baddbmm(
        bias.flatten(0, 1), query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2), alpha=query.shape[-1] ** -0.5
    )
    return flat.view(bias.shape)


class Layer(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.norm1, self.norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.inner = nn.Linear(shape.width, shape.inner)
        self.outer = nn.Linear(shape.inner, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.inner_dropout = SharedDropout(shape.dropout)

    def forward(self, x: Tensor, places: Places, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        mixed, key, value = self.attention(self.norm1(x), places, past)
        x = x + self.dropout(mixed)
        x = x + self.dropout(self.outer(self.inner_dropout(F.gelu(self.inner(self.norm2(x))))))
        return x, key, value


class CopyHeads(nn.Module):
    """Mixes the vocabulary's distribution with distributions over the chords heard so far."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.copies = shape.copies
        self.size = 32
        self.query = nn.Linear(shape.width, shape.copies * self.size)
        self.key = nn.Linear(shape.width, shape.copies * self.size)
        self.lag = nn.Parameter(torch.zeros(shape.copies, LAG_KINDS))
        self.follow = nn.Parameter(torch.randn(shape.copies, FOLLOW_FEATURES) * 0.3 + 0.5)
        self.gate = nn.Linear(shape.width, shape.copies + 1)

    def forward(self, x: Tensor, keys: Tensor, ids: Tensor, vocabulary: Tensor, places: Places) -> Tensor:
        """Log-probabilities [B, L, 159].

        Args:
            x: [B, L, width] the decoder's output.
            keys: [B, K, copies * size] from :attr:`key` for every token so far.
            ids: [B, K] those tokens.
            vocabulary: [B, L, 159] logits.
        """
        batch, length, _ = x.shape
        query = self.query(x).view(batch, length, self.copies, self.size).transpose(1, 2)
        key = keys.view(batch, -1, self.copies, self.size).transpose(1, 2)
        scores = biased_scores(query, key, places.bias(self.lag, self.follow))
        heard = F.one_hot(ids, N_TOKENS).to(x.dtype)[:, None]
        copied = torch.softmax(scores.float(), dim=-1).to(x.dtype) @ heard
        gate = torch.softmax(self.gate(x).float(), dim=-1)
        total = gate[..., :1] * torch.softmax(vocabulary.float(), dim=-1)
        total = total + torch.einsum("blc,bclv->blv", gate[..., 1:], copied.float())
        return torch.log(total + 1e-9)


@dataclass
class DecoderCache(Cache):
    """Keys and values per layer, copy keys, the song so far and the encoded film."""

    history: History
    video: Tensor
    mood: Tensor | None
    past: list[tuple[Tensor, Tensor]]
    copy_keys: Tensor | None


def intervals(now: Tensor, before: Tensor) -> Tensor:
    """Semitones 0..11 up from root id ``before`` to ``now``; 12 where either is no root (N, END, PAD)."""
    sounding = (now >= 1) & (now <= 12) & (before >= 1) & (before <= 12)
    return torch.where(sounding, (now - before) % 12, NO_INTERVAL)


def relative_places() -> Tensor:
    """[root id of the present chord, 159] which interval and quality each token is from there, 156 for none."""
    roots, qualities = torch.tensor(token_roots())[None], torch.tensor(token_qualities())[None]
    steps = intervals(roots, torch.arange(PAD_ROOT + 1)[:, None])
    return torch.where(steps < NO_INTERVAL, steps * len(QUALITIES) + qualities - 1, NO_RELATIVE)


class BridgeNetwork(nn.Module):
    """The default chord network; see the module."""

    roots: Tensor
    qualities: Tensor
    relative: Tensor

    def __init__(self, shape: NetworkShape | None = None, identity: str = "untrained") -> None:
        super().__init__()
        self.shape = shape = shape or NetworkShape()
        self.identity = identity
        self.context = shape.context
        width = shape.width
        self.register_buffer("roots", torch.tensor(token_roots()), persistent=False)
        self.register_buffer("qualities", torch.tensor(token_qualities()), persistent=False)
        self.register_buffer("relative", relative_places(), persistent=False)
        self.encoder = VideoEncoder(shape.video_width, shape.dropout)
        self.video_out = nn.Linear(shape.video_width, width)
        self.mood = nn.Parameter(torch.zeros(len(EMOTIONS), shape.layers, width))
        self.left = nn.Embedding(SLOTS_LEFT_KINDS, width)
        self.mode = nn.Parameter(torch.zeros(2, width))
        self.transposed = nn.Parameter(torch.zeros(width))
        self.root = nn.ModuleList(nn.Embedding(PAD_ROOT + 1, width) for _ in range(4))
        self.quality = nn.ModuleList(nn.Embedding(PAD_QUALITY + 1, width) for _ in range(4))
        self.run = nn.ModuleList(nn.Embedding(LONGEST_RUN + 1, width) for _ in range(3))
        self.interval = nn.ModuleList(nn.Embedding(NO_INTERVAL + 1, width) for _ in range(2))
        self.pulse = nn.Linear(2 * len(PULSE_FREQUENCIES) + 1, width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.vocabulary = nn.Linear(width, N_TOKENS)
        self.root_out = nn.Linear(width, PAD_ROOT + 1)
        self.quality_out = nn.Linear(width, PAD_QUALITY + 1)
        self.relative_out = nn.Linear(width, NO_RELATIVE)
        self.copy = CopyHeads(shape)
        self.dropout = nn.Dropout(shape.dropout)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)

    def film_vectors(self, film: Film, transposed: Tensor | None = None) -> Tensor:
        """[B, N, width] what the decoder hears when it chooses the chord of slot n.

        ``transposed`` [B] is 1 for training songs moved out of C major / A minor, None when none is.
        """
        vectors: Tensor = self.video_out(self.encoder(film)) + self.left(film.left_kind)
        vectors = vectors + self.mode[film.minor][:, None]
        return vectors if transposed is None else vectors + self.transposed * transposed[:, None, None]

    def mood_vectors(self, film: Film) -> Tensor | None:
        """[B, N, layers, width] what the moods add before each layer, or None where nothing is asked for.

        The rest of the network is trained without them, so that no mood is exactly the plain network (steering by
        added activations, Turner et al. 2023).
        """
        if not bool(film.mood_strength.any()):
            return None
        return self.mood[film.mood] * film.mood_strength[..., None, None]

    def decode(
        self,
        ids: Tensor,
        trace: Trace,
        video: Tensor,
        mood: Tensor | None = None,
        cache: DecoderCache | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]], Tensor]:
        """Log-probabilities [B, L, 159] for the token after each of L, and what to cache.

        Args:
            ids: [B, K] all tokens so far.
            trace: history features of the last L of them.
            video: [B, L, width] film vectors of the slots to be chosen.
            mood: [B, L, layers, width] what their moods add, if any.
            cache: of the tokens before the last L.
        """
        x = self._embed(trace) + video
        kind = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        places = self._places(trace, ids.shape[1], kind)
        kept: list[tuple[Tensor, Tensor]] = []
        x = self.dropout(x)
        for index, layer in enumerate(self.layers):
            x = x if mood is None else x + mood[:, :, index]
            x, key, value = layer(x, places, cache.past[index] if cache and cache.past else None)
            kept.append((key, value))
        x = self.norm(x)
        copy_keys = self.copy.key(x)
        if cache is not None and cache.copy_keys is not None:
            copy_keys = torch.cat((cache.copy_keys, copy_keys), dim=1)
        return self.copy(x, copy_keys, ids, self._logits(x, trace), places), kept, copy_keys

    def _logits(self, x: Tensor, trace: Trace) -> Tensor:
        """[B, L, 159] of the vocabulary: each token by itself, by root, by quality, and by its way from the present."""
        present = self.roots[trace.recent[..., 0]]
        related = F.pad(self.relative_out(x), (0, 1)).gather(2, self.relative[present])
        by_part = self.root_out(x)[..., self.roots] + self.quality_out(x)[..., self.qualities]
        logits: Tensor = self.vocabulary(x) + by_part + related
        return logits

    def _embed(self, trace: Trace) -> Tensor:
        x: Tensor = self.pulse(trace.pulse)
        for back in range(4):
            token = trace.recent[..., back]
            x = x + self.root[back](self.roots[token]) + self.quality[back](self.qualities[token])
        roots = self.roots[trace.chords]
        for back in range(2):
            x = x + self.interval[back](intervals(roots[..., back], roots[..., back + 1]))
        for back in range(3):
            x = x + self.run[back](trace.runs[..., back])
        return x

    @staticmethod
    def _places(trace: Trace, keys: int, kind: torch.dtype) -> Places:
        length = trace.runs.shape[1]
        device = trace.runs.device
        lags = torch.arange(keys - length, keys, device=device)[:, None] - torch.arange(keys, device=device)[None]
        return Places(lag_kinds(lags.clamp(min=0)), lags < 0, trace.follow_features(kind))

    @torch.inference_mode()
    def start(self, conditionings: list[Conditioning]) -> tuple[Cache, Tensor]:
        """See :class:`v2m_bridge.amt.chord_network.ChordNetwork`."""
        device = self.mood.device
        film = as_film(conditionings, device)
        video = self.film_vectors(film)
        history = History(len(conditionings), video.shape[1] + 1, device)
        cache = DecoderCache(0, history, video, self.mood_vectors(film), [], None)
        first = torch.full((len(conditionings), 1), PAD_ID, dtype=torch.long, device=device)
        return cache, self._advance(cache, first)[:, 0]

    @torch.inference_mode()
    def extend(self, cache: Cache, chords: Tensor) -> Tensor:
        """See :class:`v2m_bridge.amt.chord_network.ChordNetwork`."""
        assert isinstance(cache, DecoderCache)
        scores = self._advance(cache, chords)
        cache.length += chords.shape[1]
        return scores

    def _advance(self, cache: DecoderCache, tokens: Tensor) -> Tensor:
        before = cache.history.length
        trace = cache.history.push(tokens)
        after = cache.history.length
        slots = torch.arange(before, after).clamp(max=cache.video.shape[1] - 1)
        ids = cache.history.ids[:, :after]
        mood = None if cache.mood is None else cache.mood[:, slots]
        scores, cache.past, cache.copy_keys = self.decode(ids, trace, cache.video[:, slots], mood, cache)
        return scores


def as_film(conditionings: list[Conditioning], device: torch.device | str = "cpu") -> Film:
    """Stack films of one length; a mood is fully on where it is set."""

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
