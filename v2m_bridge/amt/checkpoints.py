"""Weights on disk: safetensors, with the network's sizes as metadata. Nothing that is loaded can run code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.network import BridgeNetwork, NetworkShape
from v2m_bridge.amt.original import OriginalNetwork, OriginalShape
from v2m_bridge.errors import CheckpointError
from v2m_bridge.files.whole import write_whole
from v2m_bridge.settings import shipped_models as shipped_models

CHORDS_FORMAT = "v2m.chords/1"
DYNAMICS_FORMAT = "v2m.dynamics/1"
ORIGINAL_CHORDS_FORMAT = "v2m.original-chords/1"
ORIGINAL_DYNAMICS_FORMAT = "v2m.original-dynamics/1"
DEFAULT_CHORDS = "chords.safetensors"
DEFAULT_DYNAMICS = "dynamics.safetensors"

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Contents of one checkpoint file: tensors by name, its metadata, and the identity that goes into scores."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    identity: str


def save_weights(
    path: Path, format_name: str, shape: object, tensors: Mapping[str, Tensor], recipe: str = "", half: bool = True
) -> None:
    """Write a safetensors file.

    Args:
        path: the file; its folder is made.
        format_name: says what kind of network it is; checked when the file is read.
        shape: a dataclass with the network's sizes, stored as metadata.
        tensors: by name.
        recipe: how the weights came about, as JSON.
        half: store floats as float16.

    Raises:
        InputError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    assert dataclasses.is_dataclass(shape) and not isinstance(shape, type)
    metadata = {"format": format_name, "shape": json.dumps(dataclasses.asdict(shape)), "recipe": recipe}
    stored = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in tensors.items()
    }
    write_whole(path, save(stored, metadata=metadata))


def read_weights(path: Path) -> Weights:
    """Read any safetensors file.

    Raises:
        CheckpointError: missing, truncated, not safetensors, or with numbers that are not finite.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist", "give a .safetensors file or reinstall the package")
    try:
        with safe_open(path, framework="pt") as handle:
            metadata = dict(handle.metadata() or {})
            tensors = {name: handle.get_tensor(name) for name in list(handle.keys())}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"checkpoint {path.name} is not a whole safetensors file: {error}",
            "published pickles are read with: v2m-bridge models import PATH",
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"checkpoint {path.name} holds numbers that are not finite in {name}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Weights(path, tensors, metadata, f"{path.stem}-{digest}")


def fill(module: torch.nn.Module, weights: Weights) -> None:
    """Copy weights into a module, in the module's precision.

    Raises:
        CheckpointError: a tensor is missing, unknown or of another shape; named in the message.
    """
    own = module.state_dict()
    for problem, names in (("lacks", own.keys() - weights.tensors.keys()), ("has", weights.tensors.keys() - own)):
        if names:
            first = sorted(names)[0]
            raise CheckpointError(f"checkpoint {weights.path.name} {problem} {first} ({len(names)} such tensors)")
    for name, tensor in weights.tensors.items():
        if tensor.shape != own[name].shape:
            raise CheckpointError(
                f"checkpoint {weights.path.name}: {name} is {list(tensor.shape)}, expected {list(own[name].shape)}"
            )
    module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in weights.tensors.items()})


def load_chord_network(path: Path | None = None, device: str = "cpu") -> ChordNetwork:
    """Read a chord network for use: ours or an imported published one.

    Args:
        path: a ``.safetensors`` file or a folder that holds ``chords.safetensors``; None for the shipped one.
        device: of torch, ``"cpu"`` or ``"cuda"``.

    Raises:
        CheckpointError: see :func:`read_weights` and :func:`fill`.
    """
    weights = checked_weights(path, DEFAULT_CHORDS, CHORDS_FORMAT, ORIGINAL_CHORDS_FORMAT)
    network: BridgeNetwork | OriginalNetwork
    if weights.metadata["format"] == ORIGINAL_CHORDS_FORMAT:
        network = OriginalNetwork(shape_of(weights, OriginalShape), weights.identity)
    else:
        network = BridgeNetwork(shape_of(weights, NetworkShape), weights.identity)
    fill(network, weights)
    return network.to(device).eval()


def checked_weights(path: Path | None, name: str, *formats: str) -> Weights:
    """Read a file, or the file ``name`` of a folder (None: the shipped ones), and check that it has one of the formats.

    Raises:
        CheckpointError: see :func:`read_weights`; or another format.
    """
    place = path if path is not None else shipped_models()
    weights = read_weights(place / name if place.is_dir() else place)
    found = weights.metadata.get("format")
    if found not in formats:
        raise CheckpointError(f"checkpoint {weights.path.name} has format {found!r}, expected {' or '.join(formats)}")
    return weights


def shape_of(weights: Weights, kind: type[_T]) -> _T:
    """The network's sizes from the metadata.

    Raises:
        CheckpointError: absent, or not sizes of this kind of network.
    """
    try:
        values = json.loads(weights.metadata["shape"])
        names = {item.name: item.type for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
        if set(values) != set(names):
            raise ValueError(f"it has {sorted(values)}")
        for name, value in values.items():
            allowed = (int, float) if name == "dropout" else (int,)
            if not isinstance(value, allowed) or isinstance(value, bool) or not 0 <= value <= 4096:
                raise ValueError(f"{name} is {value!r}")
        return kind(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint {weights.path.name} does not say its sizes: {error}") from error
