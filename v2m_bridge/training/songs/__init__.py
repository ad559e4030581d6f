"""MuVi-Sync songs as tensors. Door: :mod:`.dataset`."""
