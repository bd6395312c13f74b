"""UKBioBERT: what its folders hold."""
