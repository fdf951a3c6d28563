# make demo | test | lint | bench | validate | clean. The first call sets up .venv; later ones are quick.

PYTHON ?= python3
BIN := .venv/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench validate clean
.DELETE_ON_ERROR:

help:
	@sed -n '1s/^# //p' Makefile

demo: .venv/run.stamp
	$(BIN)/domino-sim run two-pairs --out results/two-pairs

# Tests start many processes; each would compile the package anew where bytecode is not kept.
test: .venv/dev.stamp
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks

validate: .venv/dev.stamp
	$(BIN)/python -m validation

clean:
	rm -rf .venv results build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing domino-sim into .venv (about a minute)"
	@$(PIP) -e .
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing domino-sim and the tools of its developers into .venv (about a minute)"
	@$(PIP) -e '.[test,dev,torch,readers,dask]'
	@touch $@ .venv/run.stamp
