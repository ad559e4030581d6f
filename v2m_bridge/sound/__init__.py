"""How a score sounds."""
