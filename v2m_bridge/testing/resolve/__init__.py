"""A strict model of DaVinci Resolve's scripting. Doors: :mod:`.model`, :mod:`.scripts`."""
