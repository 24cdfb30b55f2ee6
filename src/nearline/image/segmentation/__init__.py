"""Segmentations: which frames show which segments, and how they become one array."""
