# `make demo` runs the main job, `make test` runs every check; both set up .venv from pinned versions first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cat pyproject.toml requirements/lock.txt | cksum | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint test-slow test-gpu lock clean

help:
	@echo "make demo       draw figure 1, generate a small labelled dataset, and show it (into demo/)"
	@echo "make test       lint, check types, and run the tests"
	@echo "make test-slow  run the tests that take longer"
	@echo "make test-gpu   run the tests that need an accelerator"
	@echo "make lock       pin what is installed now into requirements/lock.txt"
	@echo "make clean      remove .venv and demo/"

setup: $(READY)

$(READY): pyproject.toml requirements/lock.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name one: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else 0'
	@echo "setting up $(VENV) (once; a few minutes)"
	@rm -f $(VENV)/.ready-*
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/czone demo --out demo

test: lint
	@$(BIN)/python -m pytest -q

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test-slow: setup
	@$(BIN)/python -m pytest -q -m slow

test-gpu: setup
	@$(BIN)/python -m pytest -q -m gpu

lock:
	@(echo "# What make installs into .venv; renew with make lock." && \
	  $(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed 's/+cpu$$//' | sort -f) > requirements/lock.txt

clean:
	rm -rf $(VENV) demo
