"""Handles in other processes, however these were started."""
