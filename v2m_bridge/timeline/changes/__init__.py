"""What changed between two cuts: old frames to new frames, and what happened to each shot. Door: `compare`."""
