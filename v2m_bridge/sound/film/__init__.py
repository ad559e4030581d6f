"""The film with its music, for review. Door: :mod:`.export_video`."""
