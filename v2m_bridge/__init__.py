"""v2m-bridge: scores an edit, so that musical beats fall on its picture cuts."""

__version__ = "0.1.0"
