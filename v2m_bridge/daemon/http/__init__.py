"""HTTP: endpoints, event streams, the guard before them, error answers, pages. Door: :mod:`.app`."""
