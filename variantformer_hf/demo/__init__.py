"""A complete example that needs no download: a synthetic genome, a person, a tiny model."""
