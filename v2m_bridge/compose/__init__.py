"""The whole flow from an edit to a score and its files. Doors: :mod:`.pipeline`, :mod:`.write_files`."""
