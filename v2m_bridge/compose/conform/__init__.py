"""A new cut keeps the music of the old one where its picture stayed. Door: `conform`."""
