"""An edit read off Resolve's scripting objects. Door: :mod:`.read_timeline`."""
