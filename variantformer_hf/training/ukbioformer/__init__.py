"""Training of UKBioFormer and UKBioZoi."""
