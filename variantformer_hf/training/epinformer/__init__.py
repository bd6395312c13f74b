"""EPInformer's training: a cell line's expression from its genes' promoters and elements."""
