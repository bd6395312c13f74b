"""What attention weights say, held against what was measured."""
