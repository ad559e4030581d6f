"""CLIP's image network with the same result in fewer and larger operations, to be faster.

Three things differ from open_clip's version. On a CPU in bfloat16, attention is computed picture by picture with two
matrix products that fit the cache, which is twice as fast as the fused kernel. The factor of the quick GELU is moved
into the weights around it, so that one SiLU remains. The last block computes the class token alone, because nothing
else is read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

QUICK_GELU = 1.702
"""OpenAI's weights were trained with the activation x * sigmoid(1.702 x)."""


def make_lean(visual: Any) -> bool:
    """Replace the blocks of an open_clip vision transformer in place; False, and no change, for another network."""
    transformer = getattr(visual, "transformer", None)
    if getattr(visual, "pool_type", None) != "tok" or getattr(visual, "attn_pool", None) is not None:
        return False
    if transformer is None or not getattr(transformer, "batch_first", False):
        return False
    blocks = transformer.resblocks
    if not len(blocks) or not all(_is_plain(block) for block in blocks):
        return False
    for place, block in enumerate(blocks):
        blocks[place] = LeanBlock(block, class_only=place == len(blocks) - 1)
    return True


def _is_plain(block: Any) -> bool:
    if type(block).__name__ != "ResidualAttentionBlock" or hasattr(block, "ln_1_kv"):
        return False
    attention, activation = block.attn, block.mlp.gelu
    return (
        isinstance(attention, nn.MultiheadAttention)
        and attention.in_proj_weight is not None
        and attention.in_proj_bias is not None
        and attention.bias_k is None
        and type(activation).__name__ == "QuickGELU"
        and all(isinstance(scale, nn.Identity) for scale in (block.ls_1, block.ls_2))
    )


class LeanBlock(nn.Module):
    """One transformer block; with ``class_only`` it computes the first token alone."""

    def __init__(self, block: Any, *, class_only: bool) -> None:
        super().__init__()
        self.class_only = class_only
        self.heads: int = block.attn.num_heads
        self.ln_1, self.ln_2 = block.ln_1, block.ln_2
        self.in_weight, self.in_bias = block.attn.in_proj_weight, block.attn.in_proj_bias
        self.out, self.widen, self.narrow = block.attn.out_proj, block.mlp.c_fc, block.mlp.c_proj
        with torch.no_grad():
            self.widen.weight.mul_(QUICK_GELU)
            self.widen.bias.mul_(QUICK_GELU)
            self.narrow.weight.div_(QUICK_GELU)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """``[batch, tokens, width]`` to the same shape, or to ``[batch, 1, width]`` with ``class_only``."""
        batch, tokens, width = x.shape
        mixed = functional.linear(self.ln_1(x), self.in_weight, self.in_bias)
        query, key, value = mixed.view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).contiguous()
        if self.class_only:
            x, query = x[:, :1], query[:, :, :1]
        seen = self._attend(query, key, value)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, -1, width))
        wide: Tensor = functional.silu(self.widen(self.ln_2(x)), inplace=True)
        answer: Tensor = x + self.narrow(wide)
        return answer

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention; all arrays are ``[batch, heads, tokens, features of a head]``."""
        if query.device.type != "cpu" or query.dtype != torch.bfloat16:
            return functional.scaled_dot_product_attention(query, key, value)
        query = query * query.shape[-1] ** -0.5
        seen = torch.empty_like(query)
        for picture in range(len(query)):
            likeness = torch.bmm(query[picture], key[picture].transpose(1, 2))
            torch.bmm(torch.softmax(likeness, dim=-1), value[picture], out=seen[picture])
        return seen
