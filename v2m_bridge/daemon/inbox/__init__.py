"""The folder whose edits become jobs. Doors: :mod:`.watch`, :mod:`.folder`."""
