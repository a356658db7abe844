# Two commands need nothing but Python >= 3.11, pip and make:   make demo   make test
# PYTHON=python3.12       another interpreter
# TORCH_INDEX=URL         another index for torch; on Linux without a GPU https://download.pytorch.org/whl/cpu saves 3 GB
PYTHON ?= python3
TORCH_INDEX ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install

# OpenMP threads that spin while they wait slow small models down many times over on shared machines.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lowest check docs format wheel clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  /p' Makefile | expand -t 16

demo: .venv/installed ## decode with beam search, then compare strategies; a minute once .venv is there
	$(BIN)/python -m harness strategy=beam
	$(BIN)/python -m harness -m strategy=greedy,temperature,top_k,top_p prompts.limit=32

# One thread per worker: two workers of two threads each on two cores are slower than two workers of one.
test: .venv/installed ## the tests, in parallel; without a few long ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

test-all: .venv/installed ## every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

lowest: ## every test with the lowest versions that are allowed, in .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install -q -c constraints-lowest.txt -e '.[dev,mauve]'
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -n auto --dist worksteal

check: .venv/installed ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed ## the table of strategies in the README, from yamls and docstrings
	$(BIN)/python -m harness.catalogue --write README.md

format: .venv/installed ## apply the lint fixes and the format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv/installed ## sdist and wheel, in dist/
	$(BIN)/hatchling build

clean: ## remove what the tools left; keeps .venv and results
	rm -rf dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find harness tests experiments -name __pycache__ -prune -exec rm -rf {} +

# Torch goes first and alone: asked for by another package, it would come as its newest release.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed and $(PYTHON) is not: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (once; about 2 GB of disk)"
	@$(PYTHON) -m venv .venv
	@echo "1 of 2: PyTorch"
	@$(PIP) -q $(addprefix --extra-index-url ,$(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	@echo "2 of 2: everything else, at the versions of constraints.txt"
	@$(PIP) -q -c constraints.txt -e '.[dev,mauve]'
	@touch $@
