"""OpenTimelineIO, as a file or a bundle. Doors: :mod:`.read_otio`, :mod:`.read_bundle`."""
