"""Final Cut Pro X's FCPXML. Door: :mod:`.read_fcpxml`."""
