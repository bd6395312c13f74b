"""What is made of predictions and effects: numbers about disease, beside those about expression."""
