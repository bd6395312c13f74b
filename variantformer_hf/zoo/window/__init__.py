"""Models of one window of DNA around a gene's TSS: a person's bases there, what is read of the bins, gradients."""
