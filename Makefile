# make run    sets up .venv and runs the shipped pipeline      make test        everything fast: lint, types, tests
# make ci     what .ci/run runs                                 make test-slow   kills, servers, browsers
# make docs   the manual as a site, site/index.html            make docs-reference   its pages that are made from code
# make benchmark [DATA=DIR] [QUICK=1]   every benchmark and one table, workspace/benchmarks.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.docs-installed
export DO_NOT_TRACK := true

.PHONY: run test test-slow benchmark docs docs-reference lint types format install clean
run: install
	$(BIN)/forecast run configs/fertility.yaml

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

test: lint types
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

test-slow: install
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

benchmark: install
	$(BIN)/python -m tests.benchmarks.run_all $(if $(DATA),--data $(DATA)) $(if $(QUICK),--quick)

$(DOCS_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $(DOCS_STAMP)

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-reference: install
	$(BIN)/forecast config --pages docs/reference

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) workspace site .pytest_cache .mypy_cache .ruff_cache .hypothesis
