"""The player's weights on disk."""

from __future__ import annotations

from pathlib import Path

from v2m_bridge.amt.checkpoints import checked_weights, fill, save_weights, shape_of
from v2m_bridge.amt.player.network import PlayerNetwork, PlayerShape

PLAYER_FORMAT = "v2m.player/1"
DEFAULT_PLAYER = "player.safetensors"


def load_player(path: Path | None = None, device: str = "cpu") -> PlayerNetwork:
    """Read a player for use.

    Args:
        path: a ``.safetensors`` file or a folder that holds ``player.safetensors``; None for the shipped one.
        device: of torch, ``"cpu"`` or ``"cuda"``.

    Raises:
        CheckpointError: missing, damaged, or of another kind or size.
    """
    weights = checked_weights(path, DEFAULT_PLAYER, PLAYER_FORMAT)
    network = PlayerNetwork(shape_of(weights, PlayerShape), weights.identity)
    fill(network, weights)
    return network.to(device).eval()


def save_player(path: Path, network: PlayerNetwork, recipe: str) -> None:
    """Write a player in half precision; ``recipe`` says how it came about, as JSON."""
    save_weights(path, PLAYER_FORMAT, network.shape, network.state_dict(), recipe)
