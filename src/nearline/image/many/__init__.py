"""Regions of many images, read as one piece of work."""
