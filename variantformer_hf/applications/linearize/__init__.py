"""A linear model of a sequence model: weights of a panel's variants, gene by gene."""
