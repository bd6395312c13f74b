"""What a large run costs, and which size of units loses least when machines go."""
