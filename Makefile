# `make help` lists what there is. Every target sets up its own .venv first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := PIP_ROOT_USER_ACTION=ignore $(RUN) -m pip --quiet --disable-pip-version-check --no-input
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

.DEFAULT_GOAL := help
.PHONY: help demo app check test test-full docs browser clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/installed  ## train fine-grained ASE on rendered scenes, 8 to 20 minutes on two cores
	@$(RUN) train.py experiment=demo

app: $(VENV)/installed-app  ## drop pictures on a page in the browser, predicted by the demo's run
	@$(RUN) scripts/app.py runs/demo

check: $(VENV)/installed-dev  ## lint, format and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

test: $(VENV)/installed-dev browser  ## the tests, some ten minutes on two cores
	$(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-full: $(VENV)/installed-dev browser  ## all tests, the slow ones too
	$(RUN) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

browser:  # tests of pages need one; they are skipped where it can't be installed
	@{ command -v chromium && command -v chromedriver; } >/dev/null || { test "$$(id -u)" = 0 && apt-get install -y --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 || true

docs: $(VENV)/installed-docs  ## the documentation's site, into build/site
	@$(RUN) scripts/docs.py
	@$(RUN) -m zensical build --strict --clean

clean:  ## remove the environment and caches; runs stay
	rm -rf $(VENV) build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; run make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), which takes some minutes the first time"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), with what the tests need"
	@$(PIP) install --editable ".[dev]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-app: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), with what the page needs"
	@$(PIP) install --editable ".[app]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), with what builds the site"
	@$(PIP) install --editable ".[docs]"
	@touch $@ $(VENV)/installed
