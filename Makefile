# Everything below needs Python 3.11 or newer and make, and sets up the rest in .venv.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# A changed pyproject.toml installs anew.
READY := $(VENV)/ready-$(shell cksum < pyproject.toml | tr ' ' '-')

# Servers are started per worker; what needs the heavy one stays in one of them.
PYTEST_OPTIONS ?= -n 2 --dist loadgroup
PYTEST_TARGETS ?=
BENCH_OPTIONS ?=
SOAK_OPTIONS ?=
MEASUREMENTS_BENCH_OPTIONS ?=
SOAK_OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint audit docs format bench fuzz soak clean

help:
	@echo "make demo   a remote slide and a segmentation beside highdicom, then an XNAT project (pictures in demo/)"
	@echo "make test   run all tests; those whose server is not installed are skipped, and say so"
	@echo "make lint   ruff, mypy and bandit"
	@echo "make audit  known vulnerabilities of what is installed (asks PyPI)"
	@echo "make docs   the documentation as a site, in site/"
	@echo "make bench  the tables of the README, highdicom and bx beside it (20 ms each way; half an hour)"
	@echo "make soak   a million random reads under faults, every one held against the truth"
	@echo "make fuzz   search for input that a parser cannot bear (TARGET=image FUZZ_SECONDS=60)"
	@echo "make format let ruff rewrite the code"
	@echo "make clean  remove the environment and what the above wrote"

$(READY): pyproject.toml
	@set -e; \
	if [ ! -x $(BIN)/python ]; then \
		for python in python3 python3.14 python3.13 python3.12 python3.11; do \
			if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
				> /dev/null 2>&1; then \
				echo "Making $(VENV) with $$($$python --version)"; \
				$$python -m venv $(VENV); \
				break; \
			fi; \
		done; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
		echo "No Python 3.11 or newer with the venv module was found" \
			"(Debian: apt install python3-venv)." >&2; \
		exit 1; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev -e '.[all]'
	@rm -f $(VENV)/ready-*
	@touch $@

demo: $(READY)
	$(BIN)/python examples/demo.py
	$(BIN)/python examples/demo_segmentation.py
	$(BIN)/python examples/demo_measurements.py

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(PYTEST_TARGETS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r src

audit: $(READY)
	$(BIN)/pip-audit --skip-editable

docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(READY)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH_OPTIONS)
	$(BIN)/python -m benchmarks.measurements $(MEASUREMENTS_BENCH_OPTIONS)

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group fuzz
	cd tests && PYTHONPATH=. ../$(BIN)/python -m fuzz $(or $(TARGET),image) -max_total_time=$(or $(FUZZ_SECONDS),60)

soak: $(READY)
	PYTHONPATH=tests $(BIN)/python -m soak $(SOAK_OPTIONS)

clean:
	rm -rf $(VENV) demo site build dist benchmarks/results
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
