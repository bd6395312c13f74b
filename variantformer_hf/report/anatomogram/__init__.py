"""Tissues in drawings of a body and a brain, coloured by what is predicted of them."""
