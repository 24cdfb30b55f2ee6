"""Structured reports: highdicom's own documents, and the measurements of TID 1500 as a table."""
