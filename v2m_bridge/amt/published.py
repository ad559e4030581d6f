"""Import of published checkpoints: pickles of weights are read without running their code, and kept as safetensors."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.amt.checkpoints import (
    ORIGINAL_CHORDS_FORMAT,
    ORIGINAL_DYNAMICS_FORMAT,
    Weights,
    fill,
    save_weights,
)
from v2m_bridge.amt.original import (
    OriginalNetwork,
    OriginalRegression,
    regression_shape_from_names,
    shape_from_names,
)
from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.settings import models_folder


@dataclass(frozen=True)
class Imported:
    """The new file, its kind (``"chord network"`` or ``"dynamics network"``), and how many parameters it holds."""

    path: Path
    kind: str
    parameters: int


def import_published(path: Path, name: str | None = None, folder: Path | None = None) -> Imported:
    """Check a published checkpoint of either network and write it as safetensors.

    Args:
        path: a PyTorch pickle of weights, or a safetensors file with the published names.
        name: of the new file, without suffix.
        folder: where the new file goes; None for ``models`` in the state folder.

    Raises:
        CheckpointError: not plain weights, or not those of a published network.
        InputError: ``name`` is no file name.
    """
    tensors = _plain_tensors(path)
    name = path.stem if name is None else name
    if not re.fullmatch(r"[\w][\w.-]*", name):
        raise InputError(f"{name!r} is no name for a checkpoint", "use letters, digits, dots and dashes")
    target = (folder or models_folder()) / f"{name}.safetensors"
    weights = Weights(path, tensors, {}, name)
    if not any(key.startswith(("bigru.", "transformer.")) for key in tensors):
        raise CheckpointError(
            f"checkpoint {path.name} is of neither published network (its first tensor is {min(tensors)})",
            "networks of train are used in place: score --checkpoint, evaluate --checkpoint",
        )
    if any(key.startswith("bigru.") for key in tensors):
        shape = regression_shape_from_names(tensors)
        regression = OriginalRegression(shape)
        fill(regression, weights)
        save_weights(target, ORIGINAL_DYNAMICS_FORMAT, shape, regression.state_dict(), half=False)
        return Imported(target, "dynamics network", _count(regression))
    sizes = shape_from_names(tensors)
    network = OriginalNetwork(sizes)
    fill(network, weights)
    save_weights(target, ORIGINAL_CHORDS_FORMAT, sizes, network.state_dict(), half=False)
    return Imported(target, "chord network", _count(network))


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _plain_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name; no code in the file is run."""
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} {'is a folder' if path.is_dir() else 'does not exist'}")
    if not path.stat().st_size:
        raise CheckpointError(f"checkpoint {path.name} is empty")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: object = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"checkpoint {path.name} holds more than weights or is damaged; it was not run",
            "ask its author for a file of plain weights (a state_dict)",
        ) from error
    except Exception as error:  # damaged files raise many kinds
        raise CheckpointError(
            f"checkpoint {path.name} is damaged, cut short or no file of weights; nothing was imported",
            "compare its size with the original, or fetch it again",
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(f"checkpoint {path.name} is not a table of weights")
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"checkpoint {path.name} holds {type(value).__name__} under {key!r}, not a tensor")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"checkpoint {path.name} holds numbers that are not finite in {key}")
    return {key.removeprefix("module."): value for key, value in found.items()}
