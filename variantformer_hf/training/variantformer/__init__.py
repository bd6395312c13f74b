"""How VariantFormer is trained: its encoder (stage 1), and its recipe for expression (stage 2)."""
