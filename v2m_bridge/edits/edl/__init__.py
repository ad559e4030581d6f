"""CMX 3600 edit decision lists, and Resolve's marker lists. Doors: :mod:`.read_edl`, :mod:`.marker_edl`."""
