"""Training of UKBioBERT on masked tokens."""
