"""Silero's voice detector for 16 kHz, written for whole recordings: all windows of a recording go through it at once.

The weights are those that the package ``silero-vad`` ships (MIT). Its own loader walks window by window in a scripted
model and sets the number of threads of the whole process; this one gives the same probabilities.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.errors import SetupError
from v2m_bridge.footage.model import FloatArray

SOUND_RATE = 16_000
"""Samples a second that the network hears."""
WINDOW = 512
"""Samples from one probability to the next: 32 ms."""
_CONTEXT, _REFLECTED = 64, 64
_FFT, _HOP, _BANDS = 256, 128, 129
_TOGETHER = 4096
"""Windows that are analysed together, to limit the memory."""

PACKAGE, WEIGHTS = "silero_vad", "data/silero_vad_16k.safetensors"


class VoiceNetwork(nn.Module):
    """Samples to the probability of speech; the names of the parts are those of the stored weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * _BANDS, _FFT, stride=_HOP, bias=False)
        self.conv1 = nn.Conv1d(_BANDS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTM(128, 128, batch_first=True)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, samples: Tensor) -> Tensor:
        """[ceil(N / 512)] probability of speech in each window of samples ``[N]``, -1..1 at 16 kHz."""
        missing = -len(samples) % WINDOW
        padded = nn.functional.pad(samples, (_CONTEXT, missing))
        windows = padded.unfold(0, _CONTEXT + WINDOW, WINDOW)
        rows = torch.cat([self._encoded(part) for part in torch.split(windows, _TOGETHER)])
        states, _ = self.lstm_cell(rows[None])
        found: Tensor = torch.sigmoid(self.final_conv(torch.relu(states[0]).T[None]))
        return found[0, 0]

    def _encoded(self, windows: Tensor) -> Tensor:
        """[n, 128] what the windows ``[n, 576]`` sound like, each for itself."""
        spectra = self.stft_conv(nn.functional.pad(windows[:, None], (0, _REFLECTED), mode="reflect"))
        rows = torch.sqrt(spectra[:, :_BANDS] ** 2 + spectra[:, _BANDS:] ** 2)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            rows = torch.relu(layer(rows))
        return rows[..., 0]


@functools.cache
def voice_network() -> VoiceNetwork:
    """The network with the weights of the installed package.

    Raises:
        SetupError: the package is missing or holds other weights.
    """
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0], WEIGHTS) if folders else None
    if path is None or not path.is_file():
        raise SetupError("the voice detector is not installed, so speech is not found", "pip install silero-vad")
    from safetensors.torch import load_file

    stored = {name: value.float() for name, value in load_file(str(path)).items()}
    renamed = {name + ("_l0" if name.startswith("lstm_cell.") else ""): value for name, value in stored.items()}
    network = VoiceNetwork()
    try:
        network.load_state_dict(renamed)
    except RuntimeError as error:
        raise SetupError(
            "the voice detector has other weights than expected", "pip install silero-vad==6.2.3"
        ) from error
    return network.eval()


def speech_probabilities(samples: FloatArray) -> FloatArray:
    """[ceil(N / 512)] probability of speech in each 32 ms of samples ``[N]`` at 16 kHz.

    Raises:
        SetupError: see :func:`voice_network`.
    """
    if not len(samples):
        return samples
    with torch.inference_mode():
        chances: FloatArray = voice_network()(torch.from_numpy(samples)).numpy()
    return chances
