"""What leaves for other tools."""
