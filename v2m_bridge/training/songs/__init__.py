"""MuVi-Sync songs as tensors. Doors: :mod:`.dataset`, then :mod:`.batches` and :mod:`.windows`."""
