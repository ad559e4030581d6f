"""How the picture feels, from its colours, its motion and its pace. Door: :func:`.measures.measure_affect`."""
