"""Training of both stages: the encoder on elements' activity, then expression."""
