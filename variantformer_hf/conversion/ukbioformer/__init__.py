"""UKBioFormer and UKBioZoi: as gReLU's Lightning module writes them."""
