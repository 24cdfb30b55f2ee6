"""Decoders of frames by transfer syntax, and colour correction."""
