"""REAPER: project and job files, OSC, live MIDI, installation. Doors: :mod:`.push`, :mod:`.follow`, :mod:`.install`."""
