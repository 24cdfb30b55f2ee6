"""`storage_options` and credentials: every spelling that users know, read into frozen values."""
