"""Measurements of whole projects: complete, fresh and fast."""
