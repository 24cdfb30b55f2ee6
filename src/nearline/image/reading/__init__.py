"""Frames on their way into arrays: fetched, decoded, transformed, pasted."""
