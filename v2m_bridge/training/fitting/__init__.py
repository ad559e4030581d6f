"""Training loops of each network. Door: :mod:`.loop`."""
