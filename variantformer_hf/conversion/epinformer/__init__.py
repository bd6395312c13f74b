"""EPInformer: as its training code writes it."""
