"""What is learned, on data whose truth is known."""
