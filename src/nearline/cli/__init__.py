"""The command line: one file per subject, nothing here that Python users need."""
