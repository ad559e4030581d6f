"""Files that appear whole or not at all, and locks that die with their holder.

Doors: :mod:`.whole` (one file), :mod:`.staging` (all files of a result), :mod:`.lock`.
"""
