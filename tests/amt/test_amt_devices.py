"""Networks on other devices than the processor: tokens go where the network is, and the chords stay the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from amt_fixtures import film, small_network, small_original

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import decode_batch
from v2m_bridge.devices import LARGE_BATCH, torch_device
from v2m_bridge.errors import InputError, SetupError

NETWORKS = {"ours": small_network, "published": small_original}


def test_auto_takes_the_processor_for_a_single_film(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [torch_device("auto"), torch_device("auto", LARGE_BATCH), torch_device("cpu", 512)] == ["cpu", "cuda", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert torch_device("auto", LARGE_BATCH) == "cpu"
    with pytest.raises(SetupError, match="CUDA"):
        torch_device("cuda")
    with pytest.raises(InputError, match="tpu"):
        torch_device("tpu")


def test_tokens_go_to_the_device_of_the_network() -> None:
    """On the meta device, which computes shapes only."""
    network = small_network().to("meta")
    network.mood_vectors = lambda film: None  # type: ignore[method-assign]  # it reads a value, which meta has not
    seen: list[str] = []
    network._advance = lambda cache, tokens: seen.append(tokens.device.type) or tokens  # type: ignore[method-assign]
    cache, _ = network.start([film(8)])
    network.extend(cache, torch.zeros(1, 1, dtype=torch.long))
    assert seen == ["meta", "meta"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_cuda_chooses_the_chords_of_the_processor(name: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        network: ChordNetwork = NETWORKS[name]().to(device).eval()
        found.append(decode_batch(network, [film(300)] * 2, [DecodeOptions(seed=1), DecodeOptions(seed=2)]))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one.ids, other.ids)
