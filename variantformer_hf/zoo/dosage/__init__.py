"""Models of dosages: baselines that are fitted gene by gene."""
