"""A film to try the product on. Door: :mod:`.edit`."""
