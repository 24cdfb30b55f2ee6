"""What lies beneath a prefix: one lister per kind of storage."""
