"""One step of the player at a time for many rows, with keys and values kept in place and heads put together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from v2m_bridge.amt.player.network import Block, PlayerNetwork, Steps, hint_bag
from v2m_bridge.amt.player.steps import COLUMN, HARMONY_FIELDS, NO_QUALITY, NO_ROOT, PITCHES, PLACES, ROLES, TICKS


class Tables:
    """What can be worked out before the first step: sums of embeddings, and heads as one matrix and a table each."""

    def __init__(self, network: PlayerNetwork) -> None:
        width = network.shape.width
        self.network = network
        self.note = [network.kind.weight, network.place.weight, network.pitch.weight, network.duration.weight,
                     network.velocity.weight]  # fmt: skip
        self.first = torch.cat((network.to_place.weight, network.follow.weight))
        self.first_bias = torch.cat((network.to_place.bias, network.follow.bias))
        # Few rows times a wide matrix is quicker with the matrix turned round.
        self.wide = [
            (block.query_key_value.weight.t().contiguous(), block.widen.weight.t().contiguous())
            for block in network.blocks
            if isinstance(block, Block)
        ]
        self.joined = [
            (join.weight[:, :width].contiguous(), embedding.weight @ join.weight[:, width:].t() + join.bias)
            for join, embedding in (
                (network.join_pitch, network.place),
                (network.join_duration, network.pitch),
                (network.join_velocity, network.duration),
            )
        ]

    def beats(self, beats: Tensor, hints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each beat adds at the bottom and in the middle [..., width], and its row of ``above_root`` [...]."""
        first = len(HARMONY_FIELDS)
        bottom = torch.stack([e(beats[..., i]) for i, e in enumerate(self.network.harmony)]).sum(0)
        middle = torch.stack([e(beats[..., first + i]) for i, e in enumerate(self.network.film)]).sum(0)
        quality = beats[..., COLUMN["quality"]].clamp(max=NO_QUALITY - 1)
        return bottom, middle + self.network.hint(hint_bag(hints)), quality

    def above_root(self, kind: Tensor, pitch: Tensor, root: Tensor, quality: Tensor) -> Tensor:
        known = (kind == 1) & (root < NO_ROOT)
        above = torch.where(known, (pitch - root) % 12, torch.full_like(pitch, 12))
        return self.network.above_root.weight[above * 13 + quality]


class CachedPlayer:
    """Rows of sequences that grow by one step at a time.

    Keys and values lie in two tensors of fixed size, [layers, rows, heads, context, width of a head]; every row
    stands at a place of its own.
    """

    def __init__(
        self, network: PlayerNetwork, rows: int, context: int | None = None, tables: Tables | None = None
    ) -> None:
        shape = network.shape
        self.network, self.tables = network, tables or Tables(network)
        self.context = min(context or shape.context, shape.context)
        device = network.position.weight.device
        size = (shape.layers, rows, shape.heads, self.context, shape.width // shape.heads)
        self.keys, self.values = torch.zeros(size, device=device), torch.zeros(size, device=device)
        self.at = torch.zeros(rows, dtype=torch.long, device=device)
        self._rows = torch.arange(rows, device=device)

    @property
    def rows(self) -> int:
        return len(self.at)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the rows only."""
        self.keys, self.values, self.at = self.keys[:, rows], self.values[:, rows], self.at[rows]
        self._rows = torch.arange(len(self.at), device=self.at.device)

    def step(self, bottom: Tensor, middle: Tensor) -> Tensor:
        """Take in one step of every row.

        Args:
            bottom: [rows, width] embedding of the step without its position.
            middle: [rows, width] what the film adds.

        Returns:
            [rows, width] hidden vectors that tell the next step.
        """
        network = self.network
        x = bottom + network.position.weight[self.at]
        longest = int(self.at.max()) + 1
        hidden_future = None
        if self.rows > 1:
            later = torch.arange(longest, device=self.at.device)[None] > self.at[:, None]
            hidden_future = torch.where(later, -torch.inf, 0.0)[:, None, None]
        for index, module in enumerate(network.blocks):
            assert isinstance(module, Block)
            if index == network.shape.film_layer:
                x = x + middle
            x = self._block(index, module, x, longest, hidden_future)
        self.at = self.at + 1
        return F.layer_norm(x, (x.shape[-1],), network.norm.weight, network.norm.bias)

    def _block(self, index: int, block: Block, x: Tensor, longest: int, future: Tensor | None) -> Tensor:
        rows, width = x.shape
        normed = F.layer_norm(x, (width,), block.norm_attention.weight, block.norm_attention.bias)
        attention, feed = self.tables.wide[index]
        both = torch.addmm(block.query_key_value.bias, normed, attention)
        query, key, value = both.view(rows, 3, block.heads, -1).unbind(1)
        keys, values = self.keys[index], self.values[index]
        keys[self._rows, :, self.at] = key
        values[self._rows, :, self.at] = value
        weights = torch.matmul(query[:, :, None], keys[:, :, :longest].transpose(2, 3)) * (query.shape[-1] ** -0.5)
        if future is not None:
            weights = weights + future
        looked = torch.matmul(torch.softmax(weights, -1), values[:, :, :longest]).reshape(rows, width)
        x = x + F.linear(looked, block.out.weight, block.out.bias)
        normed = F.layer_norm(x, (width,), block.norm_feed.weight, block.norm_feed.bias)
        wide = F.gelu(torch.addmm(block.widen.bias, normed, feed))
        return x + F.linear(wide, block.narrow.weight, block.narrow.bias)

    def fill(self, row: int, steps: Steps) -> Tensor:
        """Put a whole sequence of known steps [1, L] into an empty row; the hidden vector [width] of its last step."""
        network, length = self.network, steps.notes.shape[1]
        x = network.embed(steps) + network.position.weight[:length]
        film = network.film_vectors(steps)
        for index, module in enumerate(network.blocks):
            assert isinstance(module, Block)
            if index == network.shape.film_layer:
                x = x + film
            normed = module.norm_attention(x)
            _, key, value = (
                part.view(1, length, module.heads, -1).transpose(1, 2)
                for part in module.query_key_value(normed).chunk(3, dim=-1)
            )
            self.keys[index, row, :, :length] = key[0]
            self.values[index, row, :, :length] = value[0]
            x = module(x)
        self.at[row] = length
        hidden: Tensor = network.norm(x[0, -1])
        return hidden

    def place(self, hidden: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, 73] logits of the next place, and the gates [rows, 7] that the pitch takes."""
        out = F.linear(hidden, self.tables.first, self.tables.first_bias)
        logits, gates = out[:, : PLACES + 1], out[:, PLACES + 1 :]
        occupied = (hints > 0).to(hidden.dtype)
        pull = torch.cat([gates[:, :ROLES]] * TICKS, -1) * occupied
        ends = gates[:, -1:] * occupied.amax(-1, keepdim=True)
        return logits + torch.cat((pull, ends), -1), gates

    def pitch(self, hidden: Tensor, place: Tensor, gates: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, 128] logits of the pitch at ``place``, and the joined vectors for :meth:`duration`."""
        joined = self._join(0, hidden, place)
        network = self.network
        inside = place.clamp(max=PLACES - 1)
        before = torch.where(place < PLACES, hints[self._rows[: len(place)], inside], torch.zeros_like(place))
        known = (before > 0).to(hidden.dtype)[:, None]
        gate = gates[:, ROLES : 2 * ROLES].gather(-1, (inside % ROLES)[:, None])
        same = F.one_hot(before, PITCHES).to(hidden.dtype)
        logits = F.linear(joined, network.to_pitch.weight, network.to_pitch.bias)
        return logits + known * (gate * same + network.answer.weight[before]), joined

    def duration(self, joined: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
        """[rows, 24] logits of the duration, and the joined vectors for :meth:`velocity`."""
        joined = self._join(1, joined, pitch)
        return F.linear(joined, self.network.to_duration.weight, self.network.to_duration.bias), joined

    def velocity(self, joined: Tensor, duration: Tensor) -> Tensor:
        """[rows, 9] logits of the velocity."""
        joined = self._join(2, joined, duration)
        return F.linear(joined, self.network.to_velocity.weight, self.network.to_velocity.bias)

    def _join(self, head: int, vectors: Tensor, drawn: Tensor) -> Tensor:
        weight, table = self.tables.joined[head]
        return F.gelu(F.linear(vectors, weight) + table[drawn])
