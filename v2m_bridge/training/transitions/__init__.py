"""Trains the network for gradual transitions on joins made of clips and photographs. Door: :mod:`.train`."""
