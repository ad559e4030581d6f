"""Fetches OpenAI's CLIP weights, checks their hash, and keeps them as plain tensors.

The published file is a TorchScript archive, which may hold code: it is opened only after its hash was found right, and
only its tensors are kept.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.errors import InputError
from v2m_bridge.files.download import Download
from v2m_bridge.files.whole import write_whole
from v2m_bridge.footage.clip.encoder import CLIP_MODEL, WEIGHT_SUFFIXES, clip_folder
from v2m_bridge.progress import Progress, silent
from v2m_bridge.settings import make_folder

if TYPE_CHECKING:
    import torch

NAME = f"{CLIP_MODEL}-openai.safetensors"
SHA256 = "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"
"""As OpenAI publishes it, in the address itself; open_clip checks the same."""

URL = f"https://openaipublic.azureedge.net/clip/models/{SHA256}/ViT-L-14-336px.pt"
LARGEST = 2 << 30
NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that the archive keeps among its tensors."""


def pull_clip(progress: Progress = silent) -> Path:
    """Download the CLIP weights (0.9 GB) into :func:`.clip_folder`, unless some are there.

    Returns:
        The file of weights, half precision, in the layout of open_clip.

    Raises:
        DownloadError: the server cannot be reached, or what came is not the published file; nothing is kept.
        InputError: the weights cannot be written.
        SetupError: their folder cannot be made.
    """
    from safetensors.torch import save

    folder = clip_folder()
    there = sorted(path for path in folder.glob("*") if path.suffix in WEIGHT_SUFFIXES)
    if there:
        return there[0]
    target = folder / NAME
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder) as fresh:
        archive = _published().fetch(Path(fresh) / "archive.pt", progress)
        write_whole(target, save(_tensors(archive)))
    return target


def _published() -> Download:
    remedy = f"check the network, or put CLIP weights of {CLIP_MODEL} as a .safetensors file into {clip_folder()}"
    return Download("the CLIP weights", URL, SHA256, LARGEST, remedy)


def _tensors(archive: Path) -> dict[str, torch.Tensor]:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is old; this file will not change
        try:
            module = torch.jit.load(str(archive), map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise InputError(f"the CLIP weights cannot be opened: {str(error).splitlines()[0]}") from error
        return {name: tensor.contiguous() for name, tensor in module.state_dict().items() if name not in NO_WEIGHTS}
