"""The Affective Multimodal Transformer: networks, decoding, checkpoints."""
