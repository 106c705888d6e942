# Every verb does all of its own set-up: a virtual environment in .venv, and what it needs inside it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo test test-all bench format clean
.DEFAULT_GOAL := help

help:  ## say what each verb does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

demo: $(VENV)/core  ## simulate a small cohort and take it through a whole study to its report (three minutes)
	$(BIN)/hypercolumn demo

test: $(VENV)/test  ## formatter, linter, types, import contract, tests, the code blocks of the docs (ten minutes)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not long" -n auto --dist loadfile

test-all: $(VENV)/test  ## the same, and the long ones: real data, training to a bar
	$(MAKE) test
	$(BIN)/python -m pytest -m long
	$(BIN)/python -m benchmarks all

bench: $(VENV)/core  ## every bar: measured figure, bar, seed, machine and seconds to benchmarks/results/
	$(BIN)/python -m benchmarks all

format: $(VENV)/test  ## rewrite the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove the virtual environment and what the verbs left behind
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache hypercolumn-demo*

$(VENV)/core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,test]'
	touch $@ $(VENV)/core
