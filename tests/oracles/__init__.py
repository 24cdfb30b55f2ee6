"""What other programs make of the same files: the measure of every pixel that we return."""
