"""Microscopy Bulk Simple Annotations: metadata at once, coordinates and measurements by range."""
