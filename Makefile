# The list of commands. `make run` and `make test` do all the set-up they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-agents soak docs wheel clean

help:            ## this list
	@grep -E '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/installed  ## the sample PRDs through the whole pipeline, with recorded answers; ends with the site's path
	@$(BIN)/orchestrator run || [ $$? -eq 3 ]

test: $(VENV)/developing lint  ## lint, types and every test; more for pytest: ARGS="-k site"
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/developing  ## format check, lint, types
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

bench: $(VENV)/developing  ## measure; prints JSON
	$(BIN)/python -m benchmarks
	@echo 'agents are measured apart, for that takes a model: make bench-agents ARGS="--url http://127.0.0.1:8080/v1" (benchmarks/agents/README.md)' >&2

bench-agents: $(VENV)/developing  ## what the pipeline makes of an agent, with a model of yours; ARGS="--url http://127.0.0.1:8080/v1 --out agents.json"
	$(BIN)/python -m benchmarks.agents $(ARGS)

soak: $(VENV)/developing  ## kill runs at hundreds of random moments, and compare the ends; prints JSON
	$(BIN)/python -m tests.recovery.soak

docs: $(VENV)/installed  ## regenerate the pages of docs/ that the code writes, and build the site
	$(BIN)/python -m orchestrator.show.manual.reference docs
	$(BIN)/orchestrator site build

wheel: $(VENV)/developing  ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/developing: pyproject.toml $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:           ## remove what was built; runs/ stays
	rm -rf $(VENV) dist site .pytest_cache .mypy_cache .ruff_cache
