# make demo    build the quickstart family from a real flagship
# make test    run all tests; the one that fetches the flagship takes minutes
# make check   what CI runs first: format, lint, types, import doors, generated docs
#
# PYTHON=python3.12 picks the interpreter, VENV=/some/where the environment's place.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PARTS := family export flows tests benchmarks docs
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-flows test-rest check bench docs clean

help:
	@sed -n 's/^# //p' Makefile

# Each stamp stands for an environment that matches the files it depends on.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "descent needs Python 3.11+")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/developed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/descent build configs/quickstart.yaml

# Two halves side by side: what needs a Prefect server, and the rest. Each prints as it ends.
test: $(VENV)/developed
	$(MAKE) --jobs=2 --output-sync=target --keep-going test-flows test-rest

test-flows: $(VENV)/developed
	$(BIN)/python -m pytest tests/flows

test-rest: $(VENV)/developed
	$(BIN)/python -m pytest --ignore=tests/flows

check: $(VENV)/developed
	$(BIN)/ruff format --check $(PARTS)
	$(BIN)/ruff check $(PARTS)
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_doors.py
	$(BIN)/python docs/generate.py --check

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.controls configs/quickstart.yaml --write

docs: $(VENV)/installed
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
