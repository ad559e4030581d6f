"""Our chord network: a video encoder, a causal decoder over the chords so far, and heads that copy from the song.

It adds to the published AMT (Kang et al. 2023):

* a learned "absent" vector per modality, so that any modality may be missing;
* the number of slots left until the film ends;
* history features (module ``history``) as input and as attention bias, after the induction heads of Olsson et al. 2022;
* intervals between chords, in the input and in the output;
* a pointer head (See et al. 2017) that mixes copies of earlier chords with the vocabulary's distribution.

Shapes: B films, L new tokens, K tokens so far, N slots of film.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.chord_network import Cache
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.film import SLOTS_LEFT_KINDS, Film, SharedDropout, VideoEncoder, as_film
from v2m_bridge.amt.history import FOLLOW_FEATURES, LONGEST_RUN, PULSE_FREQUENCIES, History, HistoryFeatures
from v2m_bridge.amt.vocabulary import N_TOKENS, PAD_ID, PAD_QUALITY, PAD_ROOT, token_qualities, token_roots
from v2m_bridge.music.chords import QUALITIES
from v2m_bridge.music.emotions import EMOTIONS

LAG_KINDS = 48
"""Classes of the distance between two slots (:func:`lag_kinds`)."""

NO_INTERVAL = 12
"""Class of the interval where one of two tokens has no root; 0..11 are semitones."""

NO_RELATIVE = 12 * len(QUALITIES)
"""156, class of a token that cannot be reached by interval and quality; 0..155 can."""


KeysAndValues = tuple[Tensor, Tensor]
AttentionOutput = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network; they are stored with its weights.

    Attributes:
        width: of the decoder.
        layers: of the decoder.
        heads: attention heads per layer.
        inner: width of the feed-forward part.
        copies: heads that copy earlier chords.
        video_width: of the video encoder.
        context: most chords that the network may see at once.
        dropout: share that is dropped in training.
    """

    width: int = 192
    layers: int = 4
    heads: int = 4
    inner: int = 512
    copies: int = 4
    video_width: int = 64
    context: int = 300
    dropout: float = 0.25


def lag_kinds(lags: Tensor) -> Tensor:
    """Class of a distance in slots: 0..31 exactly, then logarithmic to 300 (after T5, Raffel et al. 2020)."""
    far = 32 + (torch.log(lags.clamp(min=32).float() / 32) / math.log(300 / 32) * (LAG_KINDS - 33)).long()
    return torch.where(lags < 32, lags, far.clamp(max=LAG_KINDS - 1))


class Attention(nn.Module):
    """Causal self-attention, biased by the lag and by how well each earlier position matches the present one."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.lag = nn.Parameter(torch.zeros(shape.heads, LAG_KINDS))
        self.follow = nn.Parameter(torch.randn(shape.heads, FOLLOW_FEATURES) * 0.3)

    def forward(self, x: Tensor, positions: RelativePositions, past: KeysAndValues | None) -> AttentionOutput:
        """Attend from L new tokens x [B, L, width] to all K so far.

        Args:
            x: [B, L, width].
            positions: where the L tokens stand to all K.
            past: keys and values of the K - L tokens before, [B, heads, K - L, width / heads] each; None for none.

        Returns:
            [B, L, width], then keys and values of all K tokens, to be given as ``past`` next time.
        """
        batch, length, width = x.shape
        query, key, value = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.project(x).chunk(3, dim=-1)
        )
        if past is not None:
            key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        scores = biased_scores(query, key, positions.bias(self.lag, self.follow))
        mixed = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed), key, value


@dataclass(frozen=True)
class RelativePositions:
    """Where L queries stand to all K keys.

    Attributes:
        lags: [L, K] class of each distance (:func:`lag_kinds`).
        hidden: [L, K] bool, True where the key lies in the query's future.
        follow: [B, F, L, K] match features (``HistoryFeatures.follow_features``).
    """

    lags: Tensor
    hidden: Tensor
    follow: Tensor

    def bias(self, lag_table: Tensor, follow_table: Tensor) -> Tensor:
        """[B, heads, L, K] from tables [heads, lags] and [heads, F]; minus infinity where a key lies in the future."""
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

    def forward(self, x: Tensor, positions: RelativePositions, past: KeysAndValues | None) -> AttentionOutput:
        """As :meth:`Attention.forward`, with the feed-forward part after it and both added to x [B, L, width]."""
        mixed, key, value = self.attention(self.norm1(x), positions, past)
        x = x + self.dropout(mixed)
        x = x + self.dropout(self.outer(self.inner_dropout(F.gelu(self.inner(self.norm2(x))))))
        return x, key, value


class CopyHeads(nn.Module):
    """Mixes the vocabulary's distribution with distributions over the chords chosen so far."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.copies = shape.copies
        self.size = 32  # of each head's queries and keys
        self.query = nn.Linear(shape.width, shape.copies * self.size)
        self.key = nn.Linear(shape.width, shape.copies * self.size)
        self.lag = nn.Parameter(torch.zeros(shape.copies, LAG_KINDS))
        self.follow = nn.Parameter(torch.randn(shape.copies, FOLLOW_FEATURES) * 0.3 + 0.5)
        self.gate = nn.Linear(shape.width, shape.copies + 1)

    def forward(self, x: Tensor, keys: Tensor, ids: Tensor, vocabulary: Tensor, positions: RelativePositions) -> Tensor:
        """Log-probabilities [B, L, 159].

        Args:
            x: [B, L, width] the decoder's output.
            keys: [B, K, copies * size] from :attr:`key` for every token so far.
            ids: [B, K] those tokens.
            vocabulary: [B, L, 159] logits.
            positions: where the L tokens stand to all K.
        """
        batch, length, _ = x.shape
        query = self.query(x).view(batch, length, self.copies, self.size).transpose(1, 2)
        key = keys.view(batch, -1, self.copies, self.size).transpose(1, 2)
        scores = biased_scores(query, key, positions.bias(self.lag, self.follow))
        chosen = F.one_hot(ids, N_TOKENS).to(x.dtype)[:, None]
        copied = torch.softmax(scores.float(), dim=-1).to(x.dtype) @ chosen
        gate = torch.softmax(self.gate(x).float(), dim=-1)
        total = gate[..., :1] * torch.softmax(vocabulary.float(), dim=-1)
        total = total + torch.einsum("blc,bclv->blv", gate[..., 1:], copied.float())
        return torch.log(total + 1e-9)


@dataclass
class DecoderCache(Cache):
    """What :class:`BridgeNetwork` keeps between steps, of T tokens so far.

    Attributes:
        history: the tokens themselves and their running features.
        video: [B, N, width] encoded film.
        mood: [B, N, layers, width] what the moods add; None without a mood.
        past: per layer, keys and values [B, heads, T, width / heads]; empty before the first step.
        copy_keys: [B, T, copies * 32] keys of the copy heads; None before the first step.
    """

    history: History
    video: Tensor
    mood: Tensor | None
    past: list[KeysAndValues]
    copy_keys: Tensor | None


def intervals(now: Tensor, before: Tensor) -> Tensor:
    """Semitones 0..11 up from root id ``before`` to ``now``; 12 where either is no root (N, END, PAD)."""
    sounding = (now >= 1) & (now <= 12) & (before >= 1) & (before <= 12)
    return torch.where(sounding, (now - before) % 12, NO_INTERVAL)


def relative_chord_ids() -> Tensor:
    """[root ids, 159] class 0..155 of each token by its interval from a root and its quality; 156 for none."""
    roots, qualities = torch.tensor(token_roots())[None], torch.tensor(token_qualities())[None]
    steps = intervals(roots, torch.arange(PAD_ROOT + 1)[:, None])
    return torch.where(steps < NO_INTERVAL, steps * len(QUALITIES) + qualities - 1, NO_RELATIVE)


class BridgeNetwork(nn.Module):
    """The default chord network; the module says what it is made of."""

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
        self.register_buffer("relative", relative_chord_ids(), persistent=False)
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
        """[B, N, width]: row n is added to the decoder's input when it chooses the chord of slot n.

        ``transposed`` [B] is 1 for training songs moved out of C major / A minor, None when none is.
        """
        vectors: Tensor = self.video_out(self.encoder(film)) + self.left(film.left_kind)
        vectors = vectors + self.mode[film.minor][:, None]
        return vectors if transposed is None else vectors + self.transposed * transposed[:, None, None]

    def mood_vectors(self, film: Film) -> Tensor | None:
        """[B, N, layers, width] what the moods add before each layer, or None where no film asks for a mood.

        The rest of the network is trained without moods, so that without a mood it gives exactly what it gave before
        (steering by added activations, Turner et al. 2023).
        """
        if not bool(film.mood_strength.any()):
            return None
        return self.mood[film.mood] * film.mood_strength[..., None, None]

    def decode(
        self,
        ids: Tensor,
        history: HistoryFeatures,
        video: Tensor,
        mood: Tensor | None = None,
        cache: DecoderCache | None = None,
    ) -> tuple[Tensor, list[KeysAndValues], Tensor]:
        """Log-probabilities [B, L, 159] for the token after each of L, then keys and values per layer, and copy keys.

        Args:
            ids: [B, K] all tokens so far.
            history: history features of the last L of them.
            video: [B, L, width] film vectors of the slots to be chosen.
            mood: [B, L, layers, width] what their moods add, if any.
            cache: of the tokens before the last L.
        """
        x = self._embed(history) + video
        kind = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        positions = self._positions(history, ids.shape[1], kind)
        kept: list[KeysAndValues] = []
        x = self.dropout(x)
        for index, layer in enumerate(self.layers):
            x = x if mood is None else x + mood[:, :, index]
            x, key, value = layer(x, positions, cache.past[index] if cache and cache.past else None)
            kept.append((key, value))
        x = self.norm(x)
        copy_keys = self.copy.key(x)
        if cache is not None and cache.copy_keys is not None:
            copy_keys = torch.cat((cache.copy_keys, copy_keys), dim=1)
        return self.copy(x, copy_keys, ids, self._logits(x, history), positions), kept, copy_keys

    def _logits(self, x: Tensor, history: HistoryFeatures) -> Tensor:
        """[B, L, 159]: the sum of a score per token, per root, per quality, and per interval from the present root."""
        present = self.roots[history.recent[..., 0]]
        related = F.pad(self.relative_out(x), (0, 1)).gather(2, self.relative[present])
        by_part = self.root_out(x)[..., self.roots] + self.quality_out(x)[..., self.qualities]
        logits: Tensor = self.vocabulary(x) + by_part + related
        return logits

    def _embed(self, history: HistoryFeatures) -> Tensor:
        x: Tensor = self.pulse(history.pulse)
        for back in range(4):
            token = history.recent[..., back]
            x = x + self.root[back](self.roots[token]) + self.quality[back](self.qualities[token])
        roots = self.roots[history.chords]
        for back in range(2):
            x = x + self.interval[back](intervals(roots[..., back], roots[..., back + 1]))
        for back in range(3):
            x = x + self.run[back](history.runs[..., back])
        return x

    @staticmethod
    def _positions(history: HistoryFeatures, keys: int, kind: torch.dtype) -> RelativePositions:
        length = history.runs.shape[1]
        device = history.runs.device
        lags = torch.arange(keys - length, keys, device=device)[:, None] - torch.arange(keys, device=device)[None]
        return RelativePositions(lag_kinds(lags.clamp(min=0)), lags < 0, history.follow_features(kind))

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
        scores = self._advance(cache, chords.to(self.mood.device))
        cache.length += chords.shape[1]
        return scores

    def _advance(self, cache: DecoderCache, tokens: Tensor) -> Tensor:
        before = cache.history.length
        history = cache.history.push(tokens)
        after = cache.history.length
        slots = torch.arange(before, after, device=tokens.device).clamp(max=cache.video.shape[1] - 1)
        ids = cache.history.ids[:, :after]
        mood = None if cache.mood is None else cache.mood[:, slots]
        scores, cache.past, cache.copy_keys = self.decode(ids, history, cache.video[:, slots], mood, cache)
        return scores
