"""Training and evaluation on MuVi-Sync. Doors: :mod:`.train` and :mod:`.evaluate`.

``songs`` reads the data; ``judging`` measures networks on songs; ``fitting`` trains networks and uses both.
"""
