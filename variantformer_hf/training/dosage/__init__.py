"""Baselines of dosages: fitted gene by gene to the people of a split who are there to train on."""
