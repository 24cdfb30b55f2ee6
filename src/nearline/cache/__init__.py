"""Where bytes stay: exact ranges of remote objects, and what was derived from them."""
