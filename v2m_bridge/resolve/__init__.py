"""DaVinci Resolve: the menu entries. Door: :mod:`.install`."""
