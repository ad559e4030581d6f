"""The process that owns the networks, and the dispatcher that starts it and restarts it. Door: :mod:`.dispatch`."""
