"""Makes ``import torchvision`` work beside a torch build that lacks torchvision's compiled operators.

torchvision declares meta kernels for ``torchvision::nms`` and ``torchvision::qnms`` while it is imported. Their schemas
come from its compiled library, which does not load when torch and torchvision are of different builds (the CPU build of
torch beside the PyPI wheel of torchvision); the import then ends with "operator torchvision::nms does not exist".
open_clip imports torchvision for its image transforms only and calls neither operator, so it is enough to declare the
two schemas. Where the compiled library loads, it has declared them and nothing is done here.
"""

from __future__ import annotations

from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_declared: list[Any] = []
"""Keeps the declarations alive; they end with the object that made them."""


def import_torchvision() -> None:
    """Import torchvision; declare its two schemas first if they are missing.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: it cannot be imported for another reason.
    """
    import importlib
    import sys

    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _declared:
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declare()
        importlib.import_module("torchvision")


def _declare() -> None:
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
