"""The whole flow from an edit to a score. Door: :mod:`.pipeline`."""
