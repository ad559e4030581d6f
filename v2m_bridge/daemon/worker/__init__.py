"""The process that owns the networks, and the dispatcher that watches over it. Door: :mod:`.dispatch`."""
