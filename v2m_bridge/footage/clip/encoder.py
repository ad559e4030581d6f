"""CLIP on the footage: the content of the picture (768 numbers a second) and its emotion (six probabilities).

Model and words are those of the published features (Kang, Poria, Herremans 2023): ViT-L/14 at 336 pixels with OpenAI's
weights; the image feature is not normalised; the emotion is the softmax over the six words alone. Without weights
:func:`find_weights` gives None, and the score is made without CLIP and warns of that.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from v2m_bridge.devices import free_memory, is_out_of_memory
from v2m_bridge.errors import CheckpointError, SetupError
from v2m_bridge.footage.cache import media_identity
from v2m_bridge.footage.model import SEMANTIC_SIZE, FloatArray
from v2m_bridge.footage.video.trace import UInt8Array
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.settings import models_folder

if TYPE_CHECKING:
    import torch

CLIP_MODEL = "ViT-L-14-336"
HUB_REPOSITORY = "timm/vit_large_patch14_clip_336.openai"
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""OpenAI's weights in open_clip's layout, the safe format first."""

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures CLIP was trained on, RGB 0..1 (OpenAI's preprocessing)."""

BATCH = 16
"""Stills encoded together."""


# --------------------------------------------------------------------------------------------------------- weights


def clip_folder() -> Path:
    """Where ``models pull clip`` puts the weights: ``models/clip`` in the state folder."""
    return models_folder() / "clip"


def find_weights(local: Path | None = None) -> Path | None:
    """The CLIP weights on this machine: the given file, else those pulled, else those in the hub's own cache.

    Args:
        local: a file; None: what ``V2M_CLIP_WEIGHTS`` names, if anything.

    Raises:
        CheckpointError: the file does not exist.
    """
    if local is None and os.environ.get("V2M_CLIP_WEIGHTS"):
        local = Path(os.environ["V2M_CLIP_WEIGHTS"]).expanduser()
    if local is not None:
        if not local.is_file():
            raise CheckpointError(f"CLIP weights {local} do not exist", "correct V2M_CLIP_WEIGHTS or unset it")
        return local
    folder = clip_folder()
    if folder.is_dir():
        pulled = sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)
        if pulled:
            return pulled[0]
    return _in_hub_cache()


def _in_hub_cache() -> Path | None:
    """The weights in the folder where the hub keeps downloads, found without importing the hub's package."""
    root = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME", "~/.cache/huggingface")) / "hub")
    snapshots = root.expanduser() / f"models--{HUB_REPOSITORY.replace('/', '--')}" / "snapshots"
    for name in HUB_FILES:
        for path in sorted(snapshots.glob(f"*/{name}")):
            if path.is_file():
                return path
    return None


# ---------------------------------------------------------------------------------------------------------- encoder


class ClipEncoder:
    """Encodes stills in batches; the six words are encoded once, when it is made.

    Args:
        model: an open_clip model in float32 on the CPU; it is taken over, and its text half dropped.
        device: ``"cpu"``, ``"cuda"``, ``"mps"`` or ``"auto"``.
        precision: ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"auto"`` (bfloat16 on the CPU, float16 on a GPU).
        identity: names the weights in caches and in the score.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, device: str = "auto", precision: str = "auto", identity: str = "unnamed"
    ) -> None:
        import torch

        from v2m_bridge.footage.clip.tower import make_lean

        self.identity = identity
        self._precision, self._batch, self._notes = precision, BATCH, list[str]()
        self._device = torch.device(_chosen_device(device))
        self._dtype: torch.dtype = getattr(torch, _chosen_precision(precision, self._device.type))
        with torch.inference_mode():
            words = model.encode_text(tokenizer(list(EMOTIONS)), normalize=True)
            self._words = (model.logit_scale.exp() * words).float().T.contiguous().to(self._device)
        make_lean(model.visual)
        self._visual = model.visual.eval().to(self._device, self._dtype)
        self._mean = torch.tensor(PIXEL_MEAN, device=self._device)[:, None, None]
        self._deviation = torch.tensor(PIXEL_DEVIATION, device=self._device)[:, None, None]

    def encode(self, stills: Sequence[UInt8Array]) -> tuple[FloatArray, FloatArray]:
        """Semantic ``[n, 768]`` (not normalised) and emotion ``[n, 6]`` of n stills ``[336, 336, 3]``."""
        import torch

        if not stills:
            return np.zeros((0, SEMANTIC_SIZE), np.float32), np.zeros((0, len(EMOTIONS)), np.float32)
        features: list[torch.Tensor] = []
        start = 0
        with torch.inference_mode():
            while start < len(stills):
                part = stills[start : start + self._batch]
                try:
                    features.append(self._look(part))
                except RuntimeError as error:
                    if self._device.type == "cpu" or not is_out_of_memory(error):
                        raise
                    self._need_less_memory()
                    if self._device.type == "cpu":
                        features = [feature.cpu() for feature in features]
                    continue
                start += len(part)
            semantic = torch.cat(features)
            logits = torch.nn.functional.normalize(semantic, dim=-1) @ self._words
            emotion = logits.softmax(dim=-1)
        return semantic.cpu().numpy(), emotion.cpu().numpy()

    def take_notes(self) -> list[str]:
        """What had to be done otherwise since the last call, for the warnings of a score."""
        notes, self._notes = self._notes, []
        return notes

    def _look(self, stills: Sequence[UInt8Array]) -> torch.Tensor:
        """[n, 768] float32 on the device."""
        import torch

        batch = torch.from_numpy(np.stack(stills)).to(self._device)
        pixels = batch.permute(0, 3, 1, 2).float().div_(255).sub_(self._mean).div_(self._deviation)
        features: torch.Tensor = self._visual(pixels.to(self._dtype)).float()
        return features

    def _need_less_memory(self) -> None:
        """Halve the batch; a GPU that cannot hold a single picture gives way to the processor, for good."""
        import torch

        gpu = self._device.type.upper()
        free_memory()
        if self._batch > 1:
            self._batch //= 2
            self._notes = [f"the memory of the {gpu} device was full, so CLIP looked at {self._batch} pictures at once"]
            return
        self._device, self._batch = torch.device("cpu"), BATCH
        self._dtype = getattr(torch, _chosen_precision(self._precision, "cpu"))
        self._visual = self._visual.to(self._device, self._dtype)
        self._words, self._mean, self._deviation = (
            tensor.to(self._device) for tensor in (self._words, self._mean, self._deviation)
        )
        self._notes = [f"the memory of the {gpu} device was full, so CLIP looked at the pictures on the processor"]
        free_memory()


def load_encoder(weights: Path, *, device: str = "auto", precision: str = "auto") -> ClipEncoder:
    """The encoder with weights from a file; only plain tensors are read from it.

    Raises:
        CheckpointError: the file is damaged, is not plain weights, or belongs to another model.
        SetupError: open_clip cannot be loaded.
    """
    open_clip = import_open_clip()
    try:
        if weights.suffix == ".safetensors":
            _read_header(weights)  # refuses a broken file before the network is built, which takes seconds
        model = open_clip.create_model(CLIP_MODEL, pretrained=str(weights), force_quick_gelu=True, weights_only=True)
    except Exception as error:  # torch, safetensors, pickle and zip each raise their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"CLIP weights {weights.name} cannot be used: {reason[:200]}", f"they must be those of {HUB_REPOSITORY}"
        ) from error
    tokenizer = open_clip.get_tokenizer(CLIP_MODEL)
    return ClipEncoder(model, tokenizer, device=device, precision=precision, identity=weights_identity(weights))


def _read_header(weights: Path) -> None:
    from safetensors import safe_open

    with safe_open(weights, framework="pt") as file:
        file.keys()


def weights_identity(weights: Path) -> str:
    """A name for weights that depends on their content alone."""
    return f"{CLIP_MODEL}:{media_identity(weights)[:16]}"


def import_open_clip() -> Any:
    """The ``open_clip`` module.

    Raises:
        SetupError: it, torch or torchvision cannot be loaded.
    """
    from v2m_bridge.footage.clip.torchvision_schemas import import_torchvision

    try:
        import_torchvision()
        import open_clip
    except (ImportError, RuntimeError) as error:
        raise SetupError(
            f"CLIP does not load: {error}", "reinstall torch and torchvision of matching versions"
        ) from error
    return open_clip


def _chosen_device(device: str) -> str:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name in ("cuda", "mps") if there[name]), "cpu")
    if not there.get(device, True):
        raise SetupError(f"this machine has no {device.upper()} device", "choose --device auto or cpu")
    return device


def _chosen_precision(precision: str, device: str) -> str:
    if precision != "auto":
        return precision
    return "float16" if device in ("cuda", "mps") else "bfloat16"
