"""Where frames and tiles lie, in the total pixel matrix and in space, and which part is meant."""
