"""Models as the rest of the package asks them: one interface, and a folder a family."""
