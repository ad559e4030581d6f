"""CMX 3600 edit decision lists and Resolve's marker EDL. Door: :mod:`.read_edl`."""
