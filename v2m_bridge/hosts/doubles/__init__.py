"""Stand-ins for other programs, as strict as the programs themselves; tests and the demo run against them."""
