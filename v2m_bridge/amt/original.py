"""The published networks (Kang, Poria, Herremans 2023) under their own parameter names.

Published checkpoints load into :class:`OriginalNetwork` (the affective multimodal transformer) and
:class:`OriginalRegression` (biGRU). The decoder is written for a key-value cache: cross-attention keys are computed
once per film, self-attention keys once per chord.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.chord_network import Cache
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.vocabulary import N_TOKENS, PAD_QUALITY, PAD_ROOT, token_qualities, token_roots
from v2m_bridge.errors import CheckpointError
from v2m_bridge.music.chords import Chord

VIDEO_SIZE = 776
"""Semantics 768, scene offset 1, motion 1, emotion 6, in this order."""

_TONIC_TRIADS = (Chord(0, 0).id, Chord(9, 4).id)
"""C major and A minor: the first chord where no primer is given (upstream requires one)."""


@dataclass(frozen=True)
class OriginalShape:
    """Sizes of the published transformer; the defaults are those of its released checkpoint."""

    width: int = 512
    heads: int = 8
    inner: int = 1024
    encoder_layers: int = 6
    decoder_layers: int = 6
    context: int = 300


class _SelfAttention(nn.Module):
    """Multi-head attention under the names of ``torch.nn.MultiheadAttention``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def project(self, x: Tensor, part: int) -> Tensor:
        """[B, heads, L, size] query (0), key (1) or value (2) of x [B, L, width]."""
        width = x.shape[-1]
        rows = slice(part * width, (part + 1) * width)
        flat = F.linear(x, self.in_proj_weight[rows], self.in_proj_bias[rows])
        return flat.view(*x.shape[:2], self.heads, width // self.heads).transpose(1, 2)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
        """[B, L, width] of attention with scaled queries and an additive bias."""
        scores = query @ key.transpose(2, 3)
        weights = torch.softmax(scores if bias is None else scores + bias, dim=-1)
        flat = (weights @ value).transpose(1, 2).flatten(2)
        result: Tensor = self.out_proj(flat)
        return result


class _RelativeAttention(_SelfAttention):
    """Self-attention with the relative position embeddings of Music Transformer (Huang et al. 2018)."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__(width, heads)
        self.Er = nn.Parameter(torch.rand(context, width // heads))

    def bias(self, query: Tensor, keys: int) -> Tensor:
        """[B, heads, L, keys] what the distance adds to the scores; minus infinity for the future.

        ``query`` [B, heads, L, size] belongs to the last L of the keys.
        """
        length = query.shape[2]
        device = query.device
        lags = torch.arange(keys - length, keys, device=device)[:, None] - torch.arange(keys, device=device)[None]
        rows = (self.Er.shape[0] - 1 - lags).clamp(0, self.Er.shape[0] - 1)
        by_row = query @ self.Er.t()
        relative = by_row.gather(3, rows.expand(*query.shape[:2], length, keys))
        return relative.masked_fill(lags < 0, -math.inf)


def _scaled(query: Tensor) -> Tensor:
    return query / math.sqrt(query.shape[-1])


class _EncoderLayer(nn.Module):
    """Self-attention and feed-forward with a norm after each, named as in ``torch.nn.TransformerEncoderLayer``."""

    def __init__(self, shape: OriginalShape) -> None:
        super().__init__()
        self.self_attn = _SelfAttention(shape.width, shape.heads)
        self.linear1, self.linear2 = nn.Linear(shape.width, shape.inner), nn.Linear(shape.inner, shape.width)
        self.norm1, self.norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, width] of x [B, N, width]."""
        query, key, value = (self.self_attn.project(x, part) for part in range(3))
        x = self.norm1(x + self.self_attn.mix(_scaled(query), key, value))
        result: Tensor = self.norm2(x + self.linear2(torch.relu(self.linear1(x))))
        return result


@dataclass
class _LayerCache:
    """Keys and values of one decoder layer: of the film, and of the chords so far."""

    film_key: Tensor
    film_value: Tensor
    key: Tensor
    value: Tensor


class _DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, named as in ``torch.nn.TransformerDecoderLayer``."""

    def __init__(self, shape: OriginalShape) -> None:
        super().__init__()
        self.self_attn = _RelativeAttention(shape.width, shape.heads, shape.context)
        self.multihead_attn = _SelfAttention(shape.width, shape.heads)
        self.linear1, self.linear2 = nn.Linear(shape.width, shape.inner), nn.Linear(shape.inner, shape.width)
        self.norm1, self.norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.norm3 = nn.LayerNorm(shape.width)

    def film(self, memory: Tensor) -> _LayerCache:
        """The cache before the first chord, from the encoded film [B, N, width]."""
        key, value = (self.multihead_attn.project(memory, part) for part in (1, 2))
        empty = key[:, :, :0]
        return _LayerCache(key, value, empty, empty)

    def forward(self, x: Tensor, cache: _LayerCache) -> Tensor:
        """[B, L, width] of the next L chords x [B, L, width]; their keys and values are added to the cache."""
        query, key, value = (self.self_attn.project(x, part) for part in range(3))
        cache.key, cache.value = torch.cat((cache.key, key), dim=2), torch.cat((cache.value, value), dim=2)
        query = _scaled(query)
        bias = self.self_attn.bias(query, cache.key.shape[2])
        x = self.norm1(x + self.self_attn.mix(query, cache.key, cache.value, bias))
        query = _scaled(self.multihead_attn.project(x, 0))
        x = self.norm2(x + self.multihead_attn.mix(query, cache.film_key, cache.film_value))
        result: Tensor = self.norm3(x + self.linear2(torch.relu(self.linear1(x))))
        return result


class _Stack(nn.Module):
    """Layers and a last norm, named as in ``torch.nn.Transformer``."""

    def __init__(self, layers: list[nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)


class _Transformer(nn.Module):
    """Encoder and decoder, named as in ``torch.nn.Transformer``."""

    def __init__(self, shape: OriginalShape) -> None:
        super().__init__()
        self.encoder = _Stack([_EncoderLayer(shape) for _ in range(shape.encoder_layers)], shape.width)
        self.decoder = _Stack([_DecoderLayer(shape) for _ in range(shape.decoder_layers)], shape.width)


class _Positions(nn.Module):
    """Sinusoidal positions, a stored buffer upstream."""

    pe: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        place = torch.arange(length)[:, None]
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        pe = torch.zeros(length, 1, width)
        pe[:, 0, 0::2], pe[:, 0, 1::2] = torch.sin(place * rate), torch.cos(place * rate)
        self.register_buffer("pe", pe)

    def forward(self, start: int, length: int) -> Tensor:
        """[1, length, width] from position ``start``."""
        return self.pe[start : start + length].transpose(0, 1)


@dataclass
class OriginalCache(Cache):
    """Per-layer caches, and the key [B] of each film: 0 major, 1 minor."""

    layers: list[_LayerCache]
    key: Tensor


class OriginalNetwork(nn.Module):
    """The published affective multimodal transformer; it starts from a first chord, not from a start token."""

    roots: Tensor
    qualities: Tensor

    def __init__(self, shape: OriginalShape | None = None, identity: str = "untrained") -> None:
        super().__init__()
        self.shape = shape = shape or OriginalShape()
        self.identity = identity
        self.context = shape.context
        width = shape.width
        self.register_buffer("roots", torch.tensor(token_roots()), persistent=False)
        self.register_buffer("qualities", torch.tensor(token_qualities()), persistent=False)
        self.embedding = nn.Embedding(N_TOKENS, width)  # in the checkpoints, never used
        self.embedding_root = nn.Embedding(PAD_ROOT + 1, width)
        self.embedding_attr = nn.Embedding(PAD_QUALITY + 1, width)
        self.positional_encoding = _Positions(shape.context, width)
        self.positional_encoding_video = _Positions(shape.context, width)
        self.Linear_vis = nn.Linear(VIDEO_SIZE, width)
        self.Linear_chord = nn.Linear(width + 1, width)
        self.condition_linear = nn.Linear(1, width)  # in the checkpoints, never used
        self.transformer = _Transformer(shape)
        self.Wout = nn.Linear(width, N_TOKENS)
        self.Wout_root = nn.Linear(width, PAD_ROOT + 1)  # separate heads: in the checkpoints, never used
        self.Wout_attr = nn.Linear(width, PAD_QUALITY + 1)

    def begin(self, video: Tensor, key: Tensor) -> OriginalCache:
        """Encode films [B, N, 776], N up to 300, in keys [B] (0 major, 1 minor)."""
        x = self.Linear_vis(video) + self.positional_encoding_video(0, video.shape[1])
        encoder, decoder = self.transformer.encoder, self.transformer.decoder
        for layer in encoder.layers:
            x = layer(x)
        memory = encoder.norm(x)
        caches = [layer.film(memory) for layer in decoder.layers if isinstance(layer, _DecoderLayer)]
        return OriginalCache(0, caches, key)

    def advance(self, cache: OriginalCache, roots: Tensor, qualities: Tensor) -> Tensor:
        """Logits [B, L, 159] after each of the next L chords, given by root and quality id [B, L].

        Raises:
            ValueError: more chords than the network's context.
        """
        batch, length = roots.shape
        if cache.length + length > self.context:
            raise ValueError(f"the published network sees at most {self.context} chords")
        x = self.embedding_root(roots) + self.embedding_attr(qualities)
        key = cache.key.to(x.dtype)[:, None, None].expand(batch, length, 1)
        x = self.Linear_chord(torch.cat((x, key), dim=-1)) + self.positional_encoding(cache.length, length)
        decoder = self.transformer.decoder
        for layer, kept in zip(decoder.layers, cache.layers, strict=True):
            x = layer(x, kept)
        cache.length += length
        logits: Tensor = self.Wout(decoder.norm(x))
        return logits

    @torch.inference_mode()
    def start(self, conditionings: list[Conditioning]) -> tuple[Cache, Tensor]:
        """See :class:`v2m_bridge.amt.chord_network.ChordNetwork`; the film is padded to the context, as in training."""
        device = self.Wout.weight.device
        rows = [video_rows(item, self.context) for item in conditionings]
        modes = torch.tensor([float(item.minor) for item in conditionings], device=device)
        cache = self.begin(torch.from_numpy(np.stack(rows)).to(device), modes)
        first = torch.full((len(conditionings), N_TOKENS), -math.inf, device=device)
        for row, item in enumerate(conditionings):
            first[row, _TONIC_TRIADS[int(item.minor)]] = 0.0
        return cache, first

    @torch.inference_mode()
    def extend(self, cache: Cache, chords: Tensor) -> Tensor:
        """See :class:`v2m_bridge.amt.chord_network.ChordNetwork`."""
        assert isinstance(cache, OriginalCache)
        chords = chords.to(self.roots.device)
        return self.advance(cache, self.roots[chords], self.qualities[chords])


@dataclass(frozen=True)
class RegressionShape:
    """Sizes of the published biGRU."""

    hidden: int = 64
    layers: int = 2


class OriginalRegression(nn.Module):
    """The published biGRU for note density and loudness."""

    def __init__(self, shape: RegressionShape | None = None) -> None:
        super().__init__()
        shape = shape or RegressionShape()
        self.bigru = nn.GRU(VIDEO_SIZE, shape.hidden, shape.layers, batch_first=True, bidirectional=True)
        self.bifc = nn.Linear(2 * shape.hidden, 2)

    def forward(self, video: Tensor) -> Tensor:
        """[B, N, 2] note density and loudness of films [B, N, 776]."""
        result: Tensor = self.bifc(self.bigru(video)[0])
        return result


def video_rows(conditioning: Conditioning, steps: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[steps, 776] inputs as upstream builds them: the scene offset counts from 1; absent values are 0."""
    length = min(conditioning.length, steps)
    rows = np.zeros((steps, VIDEO_SIZE), np.float32)
    part = conditioning.window(0, length)
    rows[:length, :768] = part.semantic * part.semantic_present[:, None]
    rows[:length, 768] = part.scene_offset + 1
    rows[:length, 769] = part.motion * part.motion_present
    rows[:length, 770:] = part.emotion * part.emotion_present[:, None]
    return rows


def shape_from_names(tensors: Mapping[str, Tensor]) -> OriginalShape:
    """Sizes of a published transformer, derived from the shapes of its tensors.

    Raises:
        CheckpointError: these are not the tensors of one.
    """
    try:
        context, size = tensors["transformer.decoder.layers.0.self_attn.Er"].shape
        inner, width = tensors["transformer.decoder.layers.0.linear1.weight"].shape
        shape = OriginalShape(
            width=width,
            heads=width // size,
            inner=inner,
            encoder_layers=_count_layers(tensors, "encoder"),
            decoder_layers=_count_layers(tensors, "decoder"),
            context=context,
        )
    except KeyError as error:
        raise CheckpointError(
            f"these are not the weights of the published chord network: {error.args[0]} is not among them"
        ) from error
    except (ValueError, ZeroDivisionError) as error:
        raise CheckpointError(f"these are not the weights of the published chord network: {error}") from error
    if width % size or not 0 < width <= 4096 or not 0 < context <= 4096:
        raise CheckpointError(f"these are not the weights of the published chord network: sizes {shape}")
    return shape


def _count_layers(tensors: Mapping[str, Tensor], part: str) -> int:
    prefix = f"transformer.{part}.layers."
    return len({name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)})


def regression_shape_from_names(tensors: Mapping[str, Tensor]) -> RegressionShape:
    """Sizes of a published biGRU, derived from the shapes of its tensors.

    Raises:
        CheckpointError: these are not the tensors of one.
    """
    layers = len([name for name in tensors if name.startswith("bigru.weight_ih_l") and not name.endswith("_reverse")])
    recurrent = tensors.get("bigru.weight_hh_l0")
    if recurrent is None or recurrent.ndim != 2 or not 0 < recurrent.shape[1] <= 4096 or not 0 < layers <= 16:
        raise CheckpointError("these are not the weights of the published dynamics network")
    return RegressionShape(hidden=recurrent.shape[1], layers=layers)
