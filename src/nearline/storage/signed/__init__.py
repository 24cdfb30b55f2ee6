"""Objects read with credentials, over obstore: stores, signatures, what a fork breaks."""
