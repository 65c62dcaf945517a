# The two commands of the README are `make demo` and `make test`; each sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo
MINUTES ?= 5
# Compiled modules are kept (PYTHONDONTWRITEBYTECODE is off): the tests start Python some sixty times. Files come in the
# order of tests/conftest.py.
PYTEST := PYTHONDONTWRITEBYTECODE= HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 \
  $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check format readme setup setup-dev clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed  ## Set up, then run the main job: make videos, train, evaluate, explain, search (OUT=folder)
	$(BIN)/hbi demo --out $(OUT)

test: $(VENV)/.installed-dev  ## Set up with developer tools, then run the test suite (coverage: PYTEST_ARGS=--cov)
	$(PYTEST) --durations 25 $(PYTEST_ARGS)

fuzz: $(VENV)/.installed-dev  ## Property tests and fuzz targets on inputs that nobody drew before, for MINUTES=5 (SEED=n: those of n)
	@until=$$(( $$(date +%s) + 60 * $(MINUTES) )); seed=$(SEED); \
	while :; do \
	  [ -n "$(SEED)" ] || seed=$$($(BIN)/python -c 'import random; print(random.randrange(10**9))'); \
	  echo "SEED=$$seed"; \
	  FUZZ_SEED=$$seed $(PYTEST) -q --hypothesis-profile=new --hypothesis-seed=$$seed $(PYTEST_ARGS) \
	    $$(grep -rlE --include='test_*.py' '^from (hypothesis|fuzz)' tests) \
	    || { echo "draw the same again: make fuzz SEED=$$seed"; exit 1; }; \
	  [ -z "$(SEED)" ] && [ $$(date +%s) -lt $$until ] || break; \
	done

check: $(VENV)/.installed-dev  ## Lint, format, types and the layering of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/guards

format: $(VENV)/.installed-dev  ## Format the code and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: demo  ## Put the demo's table and picture into the README
	$(BIN)/python docs/update_readme.py $(OUT)

setup: $(VENV)/.installed  ## Create .venv with the package
setup-dev: $(VENV)/.installed-dev  ## Create .venv with the package and developer tools

clean:  ## Remove .venv and caches (data, runs and demo stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "hbi needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[web]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,games,web,sentence,mteb]'
	@touch $@ $(VENV)/.installed
