"""MIDI ports that are not there, busy, or cannot be opened because the driver is not installed: one clear line each."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

import pytest

from v2m_bridge.errors import HostError, SetupError
from v2m_bridge.reaper.midi_out import open_port


class RtMidiError(Exception):
    """As python-rtmidi raises it."""


class BusyOutput:
    """An output of the Windows driver while another program has every port."""

    def __init__(self, api: int, name: str) -> None:
        self.opened: list[int] = []

    def get_ports(self) -> list[str]:
        return ["Microsoft GS Wavetable Synth 0", "loopMIDI Port 1"]

    def open_port(self, index: int) -> None:
        raise RtMidiError("MidiOutWinMM::openPort: error creating Windows MM MIDI output port.")

    def delete(self) -> None:
        """Nothing to free."""


@pytest.fixture
def windows_midi(monkeypatch: pytest.MonkeyPatch) -> None:
    driver: Any = types.ModuleType("rtmidi")
    driver.SystemError = driver.RtMidiError = RtMidiError
    driver.MidiOut = BusyOutput
    for number, name in enumerate(("LINUX_ALSA", "UNIX_JACK", "MACOSX_CORE", "WINDOWS_MM")):
        setattr(driver, f"API_{name}", number)
    driver.get_compiled_api = lambda: [driver.API_WINDOWS_MM]
    monkeypatch.setitem(sys.modules, "rtmidi", driver)
    monkeypatch.setattr(sys, "platform", "win32")


def test_a_busy_port_is_one_line_with_its_name(windows_midi: None) -> None:
    with pytest.raises(HostError, match="loopMIDI Port 1 cannot be opened") as refused:
        open_port("loopmidi")
    assert "one program at a time" in (refused.value.hint or "")
    assert "MidiOutWinMM::" not in str(refused.value)


def test_a_port_that_is_not_there_is_told_with_those_that_are(windows_midi: None) -> None:
    with pytest.raises(HostError, match="there are: Microsoft GS"):
        open_port("nanoKONTROL")


def test_windows_has_no_virtual_ports(windows_midi: None) -> None:
    with pytest.raises(SetupError, match="loopMIDI"):
        open_port()


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "rtmidi":
            raise ModuleNotFoundError("No module named 'rtmidi'", name="rtmidi")
        return real(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, "rtmidi", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SetupError, match=r"v2m-bridge\[midi\]"):
        open_port("anything")
