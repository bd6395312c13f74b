"""VariantFormer behind the interface of the zoo."""
