"""Readers of edits: every format becomes a :class:`~v2m_bridge.timeline.model.Timeline`. Door: :mod:`.read_edit`."""
