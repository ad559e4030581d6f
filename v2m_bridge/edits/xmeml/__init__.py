"""Final Cut Pro 7 XML. Door: :mod:`.read_xmeml`."""
