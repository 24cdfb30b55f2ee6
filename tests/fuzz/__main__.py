"""``python -m fuzz TARGET [options of libFuzzer]``: search for new input, guided by coverage.

New input is written beside the corpus of the target; what fails is written to the working folder.
"""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["nearline"]):
    from fuzz.targets import CORPUS, TARGETS, run


def main() -> None:
    target = sys.argv.pop(1)
    if target not in TARGETS:
        sys.exit(f"Targets: {', '.join(TARGETS)}")
    logging.disable(logging.CRITICAL)
    atheris.Setup([*sys.argv, str(CORPUS / target)], lambda data: run(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
