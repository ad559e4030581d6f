"""Plays a score's notes with a sound font, block by block; memory does not grow with the length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from v2m_bridge.sound.preview.block_mixer import BlockMixer, notes_by_block
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio
from v2m_bridge.sound.preview.room import RoomReverb
from v2m_bridge.sound.preview.sounding import SoundingNote
from v2m_bridge.sound.samples import generators as gen
from v2m_bridge.sound.samples.sound_font import SoundFont
from v2m_bridge.sound.samples.voice import CONTROL, Mono, Voices, points_for, smoothed

_BLOCK = 10 * SAMPLE_RATE
_CONTROLLERS = {7: 100, 91: 40}
"""MIDI's values at power on: channel volume, and the reverb send that General MIDI players start with."""
_REVERB_LEVEL = 0.16


def render_samples(notes: Sequence[SoundingNote], samples: int, font: SoundFont) -> Iterator[Audio]:
    """Sound of ``notes`` in blocks [n, 2], exactly ``samples`` long in all.

    Raises:
        InputError: a recording of the font cannot be decoded.
    """
    voices, room = Voices(font), RoomReverb()
    dry, sent = BlockMixer(_BLOCK, 2), BlockMixer(_BLOCK)
    for at, starting in notes_by_block(notes, samples, _BLOCK):
        for start, note in starting:
            _play(note, start, font, voices, dry, sent)
        wet = room.next(sent.take()[:, None])
        yield (dry.take() + _REVERB_LEVEL * wet)[: samples - at]


def _play(note: SoundingNote, start: int, font: SoundFont, voices: Voices, dry: BlockMixer, sent: BlockMixer) -> None:
    """Add every zone that a note plays, and what each sends to the room."""
    controllers = _CONTROLLERS | {10: round(64 + 50 * note.pan)}
    for zone in font.zones(note.program, note.drums):
        if not zone.sounds(note.pitch, note.velocity):
            continue
        settings = zone.settings(note.pitch, note.velocity, controllers)
        wave = voices.play(zone, settings, note.length_s, _wheel(note))
        if note.expression:
            wave = wave * _expression(note, len(wave))
        side = min(1.0, max(0.0, 0.5 + settings[gen.PAN] / 1000)) * np.pi / 2
        dry.add(start, wave[:, None] * np.array([np.cos(side), np.sin(side)], np.float32))
        sent.add(start, wave * np.float32(min(1.0, max(0.0, settings[gen.REVERB] / 1000))))


def _wheel(note: SoundingNote) -> Mono | None:
    """CC1 over the note as 0..1, every 64 samples; None where it stays down."""
    if not any(value for _, value in note.modulation):
        return None
    count = int((note.length_s + 8.0) * SAMPLE_RATE / CONTROL)
    moments, values = zip(*note.modulation, strict=True)
    along = np.interp(note.start_s + np.arange(count) * (CONTROL / SAMPLE_RATE), moments, values)
    return np.asarray(along, np.float32)


def _expression(note: SoundingNote, count: int) -> Mono:
    """CC11 as a factor: the square of its share of 127, as General MIDI has it."""
    points = points_for(count)
    moments, values = zip(*note.expression, strict=True)
    return smoothed(np.interp(note.start_s + np.arange(points) * (CONTROL / SAMPLE_RATE), moments, values) ** 2, count)
