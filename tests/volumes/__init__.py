"""Broad comparisons with highdicom: whatever it writes, we read as it does."""
