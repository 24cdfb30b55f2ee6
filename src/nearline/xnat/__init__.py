"""XNAT servers: logging in, asking politely, and what a project holds."""
