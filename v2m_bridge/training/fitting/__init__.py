"""Training of each network, by what ``judging`` measures. Door: :mod:`.loop`, the loop that all of them share."""
