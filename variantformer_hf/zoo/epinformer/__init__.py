"""EPInformer: a person's promoter and elements, and what its folders hold."""
