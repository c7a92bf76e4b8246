# Everything there is to do with Gradebell, in one word each: `make` alone lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install up test check bench chaos truth lock wheel clean

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What Python has compiled it keeps, in __pycache__: `gradebell` starts in two thirds of the time.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

help: ## list what make can do
	@echo "make WORD, where WORD is one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "More words for the program behind it: make test ARGS='-k digest -x'"

install: $(STAMP) ## make .venv, with all that Gradebell needs, at the locked versions
	@echo "Ready: $(BIN)/gradebell --help"

up: $(STAMP) ## run the whole service here: SQLite, sandbox grades, a sample receiver
	@$(BIN)/gradebell up $(ARGS)

# As many at once as there are processors and one more, up to four; each has a PostgreSQL and a
# Redis of its own.
# ARGS=-n0 runs them one after the other.
test: $(STAMP) ## run all tests, on SQLite and on a PostgreSQL of the tests' own
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: $(STAMP) ## format, lint, direction of imports, types
	@failed=; for tool in 'ruff format --check' 'ruff check' lint-imports mypy; do \
	  echo "-- $$tool"; $(BIN)/$$tool || failed="$$failed, $$tool"; done; \
	test -z "$$failed" || { echo "failed:$${failed#,}" >&2; exit 1; }

bench: $(STAMP) ## run the measurements in tests/bench and print what they say
	@$(BIN)/python -m pytest -s -o python_files='bench_*.py' tests/bench $(ARGS)

chaos: $(STAMP) ## kill, stop, fill and starve what runs, for minutes; `make test` does so briefly
	@CHAOS=long $(BIN)/python -m pytest -s tests/chaos $(ARGS)

truth: $(STAMP) ## all that upstream can do wrong: is anything told in vain, twice, late or not at all?
	@$(BIN)/python -m tests.truth $(ARGS)

wheel: $(STAMP) ## build dist/gradebell-*.whl
	@rm -rf dist
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

# The versions that an installation gets, each with the hashes of its files. No index is named:
# a lock works with whichever one your pip is set to. uv is used here and nowhere else.
lock: ## look for newer versions of all requirements and write the three locks
	@test -x $(VENV)/uv/bin/uv || { $(PYTHON) -m venv $(VENV)/uv && \
	  $(VENV)/uv/bin/python -m pip --disable-pip-version-check --no-input --quiet install uv; }
	@$(LOCK) --group dev pyproject.toml --output-file requirements-dev.lock
	@$(LOCK) --constraints requirements-dev.lock pyproject.toml --output-file requirements.lock
	@$(LOCK) --constraints requirements-dev.lock --group build --output-file requirements-build.lock
	@git diff --stat -- '*.lock'

LOCK := $(VENV)/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
  --custom-compile-command 'make lock'

clean: ## remove what make made; your .env and gradebell.db stay
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  tests/javascript/node_modules
	@find alerts workers tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The mark is set last: an installation that was interrupted is taken up again.
$(STAMP): requirements-dev.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Gradebell needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 install" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "This Python cannot make a virtual environment: it lacks 'venv' or 'ensurepip'." >&2; \
	    echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	  echo "Making $(VENV) with $$($(PYTHON) --version) ..."; \
	  $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the locked requirements into $(VENV); the first time this takes a minute ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
