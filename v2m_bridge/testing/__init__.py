"""Strict doubles of REAPER and Resolve: they refuse what the real program would refuse."""
