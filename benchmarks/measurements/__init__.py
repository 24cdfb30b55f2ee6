"""Measurements of a project, collected with bx beside it."""
