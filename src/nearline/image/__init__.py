"""Images: frames and tiles into arrays."""
