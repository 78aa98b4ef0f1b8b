# Everything here needs only Python 3.11 or newer, with pip and venv: no server, no container, no other tool.
# What it installs goes into .venv, from the lock files in requirements/.

PYTHON ?=
ARGS ?=
# Most of a test's time is waiting, for a lease or a clock; each process brings its own PostgreSQL.
SIDE_BY_SIDE ?= -n auto --maxprocesses=4 --dist loadfile
LOCKFLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --no-input --require-hashes --no-deps

# Someone's own pip settings for outside virtual environments would only get in the way.
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help hello test soak bench fmt lint types docs reference lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo '  PYTHON=... chooses the Python of a new .venv; ARGS=... goes to pytest or to the benchmark'

hello: $(VENV)/.runtime ## run examples/hello.yaml on an embedded PostgreSQL
	@$(BIN)/pgworker run examples/hello.yaml -i '{"name":"Ada"}'

test: $(VENV)/.dev ## run the tests, but for the soak tests
	@$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) $(ARGS)

soak: $(VENV)/.dev ## run the soak tests: minutes of faults and load
	@$(BIN)/python -m pytest -q -m soak $(ARGS)

bench: $(VENV)/.runtime ## measure throughput
	@$(BIN)/python benchmarks/throughput.py $(ARGS)

fmt: $(VENV)/.dev ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

lint: $(VENV)/.dev ## check style, format and which floor imports which
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/lint-imports

types: $(VENV)/.dev ## check the types, strictly
	@$(BIN)/mypy --strict -p pgworker

docs: $(VENV)/.dev ## check the documents: links, commands, samples
	@$(BIN)/python -m pytest -q tests/docs $(ARGS)

reference: $(VENV)/.dev ## write docs/reference anew from the code
	@PGWORKER_WRITE_REFERENCE=1 $(BIN)/python -m pytest -q tests/docs/test_reference.py

lock: $(VENV)/.python ## write requirements/*.txt anew (LOCKFLAGS=--upgrade for the newest versions)
	@requirements/lock $(BIN)/python $(LOCKFLAGS)

clean: ## remove .venv and everything built or cached
	@rm -rf $(VENV) .peers build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps. Each says on stderr what takes its time; stdout is for the answers of the targets above.

$(VENV)/.python:
	@requirements/venv $(VENV) $(PYTHON) >&2
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements/runtime.txt requirements/build.txt pyproject.toml pgworker/__init__.py
	@echo 'Installing what pgworker needs into $(VENV) ...' >&2
	@$(PIP) -r requirements/runtime.txt -r requirements/build.txt >&2
	@$(BIN)/python -m pip install --quiet --no-input --no-deps --no-build-isolation --editable . >&2
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo 'Installing what its tests and checks need ...' >&2
	@$(PIP) -r requirements/dev.txt >&2
	@touch $@
