"""Files that appear whole or not at all; locks that die with their holder."""
