"""UKBioFormer and UKBioZoi as the zoo asks them: DNA of a window, and a person's variant embedding."""
