"""Where frames lie in space: purely."""
