"""Which device of torch does the work, and on how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from v2m_bridge.errors import InputError, SetupError

DEVICES = ("auto", "cpu", "cuda", "mps")
"""What ``--device`` and ``V2M_DEVICE`` take."""

LARGE_BATCH = 32
"""A step of the chord network is hundreds of small operations: a GPU is only faster at this many films together."""


def check_device(name: str) -> str:
    """The name, if it is known.

    Raises:
        InputError: it is not.
    """
    if name not in DEVICES:
        raise InputError(f"device {name!r} is unknown", f"choose {', '.join(DEVICES[:-1])} or {DEVICES[-1]}")
    return name


def torch_device(name: str, batch: int = 1) -> str:
    """The device for a small network that works on ``batch`` films at once.

    ``auto`` takes CUDA or MPS for large batches, and the processor for small ones, where it is faster.

    Raises:
        InputError: the name is unknown.
        SetupError: this machine has no such device.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if check_device(name) == "auto":
        return next((gpu for gpu in ("cuda", "mps") if there[gpu]), "cpu") if batch >= LARGE_BATCH else "cpu"
    if not there[name]:
        raise SetupError(f"this machine has no {name.upper()} device", "choose --device auto or cpu")
    return name


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch says that a device's memory is full; Apple's GPU says it in words only."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def free_memory() -> None:
    """Give memory that torch holds in reserve back to the GPU."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, and on as many as before afterwards.

    A decoding step is hundreds of tiny operations: sharing them out costs more than it gains, most where other
    programs, such as the host, use the cores too. Sums also keep one order, so that a seed gives the same notes on any
    machine.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
