"""The player's network: a causal Transformer over beats and notes, with conditions of the film from its middle on.

A note is drawn as a chain: place and role, pitch given these, duration given the pitch, velocity given the duration.
Each head takes the hidden vector of the head before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.player.steps import (
    CAST_DUO,
    CAST_MELODY,
    COLUMN,
    DURATIONS,
    FILM_FIELDS,
    HARMONY_FIELDS,
    LOWER,
    MELODY,
    NO_PLACE,
    NO_QUALITY,
    NO_ROOT,
    PITCHES,
    PLACES,
    ROLES,
    TICKS,
    VELOCITIES,
)

_LAST_NAMED_QUALITY = NO_QUALITY - 1
SHUT = -1e4
"""Added to the logit of what cannot be drawn."""


@dataclass(frozen=True)
class PlayerShape:
    """Sizes of the network.

    Attributes:
        width: of the residual stream.
        layers: how many blocks; conditions of the film enter before block ``film_layer``.
        heads: of attention.
        context: steps that can be looked back on.
    """

    width: int = 256
    layers: int = 8
    heads: int = 4
    context: int = 768
    film_layer: int = 4
    dropout: float = 0.1


@dataclass(frozen=True)
class Steps:
    """A batch of sequences.

    Attributes:
        notes: [B, L, 5] kind (0 beat, 1 note), place, pitch, duration class, velocity class.
        beats: [B, L, 21] conditions of the beat that a step lies in (``steps.FIELDS``).
        hints: [B, L, 72] pitch at each place of the same beat of the letter's last occurrence, 0 where none.
    """

    notes: Tensor
    beats: Tensor
    hints: Tensor

    def to(self, device: str) -> Steps:
        return Steps(self.notes.to(device), self.beats.to(device), self.hints.to(device))


@dataclass(frozen=True)
class Scores:
    """Logits of the four parts of the next note, each [..., classes]."""

    place: Tensor
    pitch: Tensor
    duration: Tensor
    velocity: Tensor


class Block(nn.Module):
    """Pre-norm attention and feed-forward with one matrix for query, key and value."""

    def __init__(self, shape: PlayerShape) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.dropout = shape.heads, shape.dropout
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        query, key, value = (
            part.view(rows, length, self.heads, -1).transpose(1, 2)
            for part in self.query_key_value(self.norm_attention(x)).chunk(3, dim=-1)
        )
        looked = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self._drop(self.out(looked.transpose(1, 2).reshape(rows, length, width)))
        return x + self._drop(self.narrow(self._drop(F.gelu(self.widen(self.norm_feed(x))))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class PlayerNetwork(nn.Module):
    """See the module's text; ``identity`` names the checkpoint in scores."""

    def __init__(self, shape: PlayerShape, identity: str = "untrained") -> None:
        super().__init__()
        width = shape.width
        self.shape, self.identity = shape, identity
        self.kind, self.place = nn.Embedding(2, width), nn.Embedding(NO_PLACE + 1, width)
        self.pitch, self.duration = nn.Embedding(PITCHES, width), nn.Embedding(len(DURATIONS), width)
        self.velocity, self.position = nn.Embedding(VELOCITIES, width), nn.Embedding(shape.context, width)
        self.harmony = nn.ModuleList(nn.Embedding(field.values, width) for field in HARMONY_FIELDS)
        self.above_root = nn.Embedding(13 * 13 + 1, width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.to_place = nn.Linear(width, PLACES + 1)
        self.join_pitch, self.to_pitch = nn.Linear(2 * width, width), nn.Linear(width, PITCHES)
        self.join_duration, self.to_duration = nn.Linear(2 * width, width), nn.Linear(width, len(DURATIONS))
        self.join_velocity, self.to_velocity = nn.Linear(2 * width, width), nn.Linear(width, VELOCITIES)
        self.film = nn.ModuleList(nn.Embedding(field.values, width) for field in FILM_FIELDS)
        self.hint = nn.Linear(PLACES + PITCHES, width, bias=False)
        self.follow = nn.Linear(width, 2 * ROLES + 1)
        self.answer = nn.Embedding(PITCHES, PITCHES)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        self.forget_film()

    def forget_film(self) -> None:
        """Set everything that the film adds to nothing: the network is then the one without it."""
        for embedding in self.film:
            assert isinstance(embedding, nn.Embedding)
            nn.init.zeros_(embedding.weight)
        for module in (self.hint, self.follow, self.answer):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)

    def film_parameters(self) -> list[nn.Parameter]:
        """What the film's conditions are made of."""
        modules = (self.film, self.hint, self.follow, self.answer)
        return [parameter for module in modules for parameter in module.parameters()]

    def embed(self, steps: Steps) -> Tensor:
        """[B, L, width] what goes in at the bottom, without the position."""
        kind, place, pitch, duration, velocity = steps.notes.unbind(-1)
        x = self.kind(kind) + self.place(place) + self.pitch(pitch) + self.duration(duration) + self.velocity(velocity)
        for column, embedding in enumerate(self.harmony):
            x = x + embedding(steps.beats[..., column])
        root, quality = steps.beats[..., COLUMN["root"]], steps.beats[..., COLUMN["quality"]]
        known = (kind == 1) & (root < NO_ROOT)
        above = torch.where(known, (pitch - root) % 12, torch.full_like(pitch, 12))
        above_root: Tensor = self.above_root(above * 13 + quality.clamp(max=_LAST_NAMED_QUALITY))
        bottom: Tensor = x + above_root
        return bottom

    def film_vectors(self, steps: Steps) -> Tensor:
        """[B, L, width] what the film adds in the middle of the network."""
        first = len(HARMONY_FIELDS)
        x: Tensor = self.hint(hint_bag(steps.hints))
        for column, embedding in enumerate(self.film):
            x = x + embedding(steps.beats[..., first + column])
        return x

    def forward(self, steps: Steps) -> Tensor:
        """[B, L, width] hidden vectors, each of which tells the next step."""
        return self.upper(self.lower(steps), steps)

    def lower(self, steps: Steps) -> Tensor:
        """[B, L, width] after the blocks that know nothing of the film."""
        x = self.embed(steps) + self.position.weight[: steps.notes.shape[1]]
        for block in self.blocks[: self.shape.film_layer]:
            x = block(x)
        return x

    def upper(self, x: Tensor, steps: Steps) -> Tensor:
        """[B, L, width] the hidden vectors, from what :meth:`lower` gave."""
        x = x + self.film_vectors(steps)
        for block in self.blocks[self.shape.film_layer :]:
            x = block(x)
        hidden: Tensor = self.norm(x)
        return hidden

    def score(self, hidden: Tensor, following: Tensor, hints: Tensor) -> Scores:
        """Logits of the next steps, each part given the true parts before it.

        Args:
            hidden: [B, L, width] from :meth:`forward`.
            following: [B, L, 5] the next step of each; a beat step stands for "beat over".
            hints: [B, L, 72] of the steps that ``hidden`` belongs to.
        """
        place, pitch, duration = (following[..., part] for part in (1, 2, 3))
        gates = self.follow(hidden)
        place_logits = self.place_logits(hidden, gates, hints)
        pitch_logits, joined = self.pitch_logits(hidden, gates, hints, place)
        joined = F.gelu(self.join_duration(torch.cat((joined, self.pitch(pitch)), -1)))
        duration_logits = self.to_duration(joined)
        joined = F.gelu(self.join_velocity(torch.cat((joined, self.duration(duration)), -1)))
        return Scores(place_logits, pitch_logits, duration_logits, self.to_velocity(joined))

    def place_logits(self, hidden: Tensor, gates: Tensor, hints: Tensor) -> Tensor:
        """[..., 73] raised at places where the last occurrence has a note, as far as the gates say."""
        occupied = (hints > 0).to(hidden.dtype)
        pull = torch.cat([gates[..., :ROLES]] * TICKS, -1) * occupied
        ends = gates[..., -1:] * occupied.any(-1, keepdim=True).to(hidden.dtype)
        logits: Tensor = self.to_place(hidden)
        return logits + torch.cat((pull, ends), -1)

    def pitch_logits(self, hidden: Tensor, gates: Tensor, hints: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """[..., 128] given the place, and the joined vector [..., width] that the next head takes."""
        joined = F.gelu(self.join_pitch(torch.cat((hidden, self.place(place)), -1)))
        inside = place.clamp(max=PLACES - 1)
        before = hints.gather(-1, inside[..., None])[..., 0].long()
        before = torch.where(place < PLACES, before, torch.zeros_like(before))
        gate = gates[..., ROLES : 2 * ROLES].gather(-1, (inside % ROLES)[..., None])
        known = (before > 0).to(hidden.dtype)[..., None]
        same = F.one_hot(before, PITCHES).to(hidden.dtype)
        logits: Tensor = self.to_pitch(joined)
        return logits + known * (gate * same + self.answer(before)), joined


def silent_roles(cast: Tensor) -> Tensor:
    """[..., 73] what to add to the logits of places for each ``cast`` [...]: roles that do not play are shut out."""
    table = torch.zeros(4, PLACES + 1, device=cast.device)
    role = torch.arange(PLACES, device=cast.device) % ROLES
    table[CAST_MELODY, :PLACES] = torch.where(role == MELODY, 0.0, SHUT)
    table[CAST_DUO, :PLACES] = torch.where(role == LOWER, SHUT, 0.0)
    return table[cast]


def hint_bag(hints: Tensor) -> Tensor:
    """[..., 200] which places and which pitches the last occurrence's beat has."""
    occupied = hints > 0
    pitches = torch.zeros(*hints.shape[:-1], PITCHES, device=hints.device)
    pitches.scatter_(-1, hints.long(), 1.0)
    pitches[..., 0] = 0.0
    return torch.cat((occupied.float(), pitches), -1)


_BLOCK_NAMES = {
    "self_attn.in_proj_": "query_key_value.",
    "self_attn.out_proj.": "out.",
    "norm1.": "norm_attention.",
    "norm2.": "norm_feed.",
    "linear1.": "widen.",
    "linear2.": "narrow.",
}
_NAMES = {
    "pr.": "place.", "pi.": "pitch.", "du.": "duration.", "ve.": "velocity.", "pos.": "position.", "bf.": "harmony.",
    "rel.": "above_root.", "h1.0.": "join_pitch.", "h2.0.": "join_duration.", "h3.0.": "join_velocity.",
    "o_pr.": "to_place.", "o_pi.": "to_pitch.", "o_du.": "to_duration.", "o_ve.": "to_velocity.",
}  # fmt: skip


def from_first_training(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the first training, which knew no film, under the names used here."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("layers."):
            _, index, rest = name.split(".", 2)
            start = next(old for old in _BLOCK_NAMES if rest.startswith(old))
            new = f"blocks.{index}.{_BLOCK_NAMES[start]}{rest[len(start) :]}"
        else:
            start = next((old for old in _NAMES if name.startswith(old)), "")
            new = _NAMES[start] + name[len(start) :] if start else name
        renamed[new] = tensor
    return renamed
