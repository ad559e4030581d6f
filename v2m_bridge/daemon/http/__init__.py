"""HTTP: endpoints, guard, error answers, pages. Door: :mod:`.app`."""
