"""Single-frame images, one object each, that together are a volume."""
