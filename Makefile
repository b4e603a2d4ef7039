# `make help` lists what there is. Every target sets up its own .venv first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

.DEFAULT_GOAL := help
.PHONY: help demo check test test-full docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/installed  ## train fine-grained ASE on rendered scenes, about ten minutes on two cores
	$(RUN) train.py experiment=demo

check: $(VENV)/installed-dev  ## lint, format and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

test: $(VENV)/installed-dev  ## the tests, within ten minutes on two cores
	$(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-full: $(VENV)/installed-dev  ## all tests, the slow ones too
	$(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

docs: $(VENV)/installed-docs  ## the documentation's site, into build/site
	$(RUN) scripts/docs.py
	$(RUN) -m zensical build --strict --clean

clean:  ## remove the environment and caches; runs stay
	rm -rf $(VENV) build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; run make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --editable ".[docs]"
	touch $@ $(VENV)/installed
