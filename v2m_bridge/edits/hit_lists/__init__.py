"""Lists of markers that come beside an edit. Door: :mod:`.read_hit_list`."""
