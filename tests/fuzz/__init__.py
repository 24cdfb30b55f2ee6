"""Parsers of foreign bytes under mutated input.

``python -m fuzz`` (``make fuzz``) lets atheris search for new input, guided by coverage;
`test_fuzz.py` runs the corpus and mutations of it in CI, each within bounds of time and memory.
"""
