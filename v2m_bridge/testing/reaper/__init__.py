"""A strict model of REAPER. Doors: :mod:`.project`, :mod:`.lua`, :mod:`.osc_peer`."""
