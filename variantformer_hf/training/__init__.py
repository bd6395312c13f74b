"""Training of both stages: the encoder on cCREs' activity, then expression."""
