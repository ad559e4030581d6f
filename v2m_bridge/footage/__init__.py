"""Features of the footage for every second, measured from the source media. Door: :mod:`.measure`."""
