"""Random work under random faults for as long as one likes; every result is held against the truth.

``python -m soak`` (``make soak``) runs it; `test_soak.py` runs a short one in CI, and sees that it
finds each of the defects in `plants`.
"""
