# make run    sets up .venv and runs the shipped pipeline      make test        everything fast: lint, types, tests
# make ci     what .ci/run runs                                 make test-slow   kills, servers, browsers
# make docs   the manual as a site, site/index.html            make docs-reference   its pages that are made from code
# make benchmark [DATA=DIR] [QUICK=1]   every benchmark and one table, workspace/benchmarks.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_DOCS := $(VENV)/.installed-docs
# pip compiles 17,000 modules one by one: COMPILE does it on every core, without those that nothing here imports.
# Without setuptools' warning, nine lines long, that a folder in the current directory goes before an installed package.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
UNUSED := /(tests?|testing/_internal|databricks|matplotlib|sklearn|plotly/(graph_objs|validators)|torch/_inductor/(codegen|kernel))/
COMPILE := -$(BIN)/python -m compileall -qq -j 0 -x '$(UNUSED)' $(VENV)/lib
export DO_NOT_TRACK := true

.PHONY: dev run test test-slow benchmark docs docs-reference lint types format install clean
run: install
	$(BIN)/forecast run configs/fertility.yaml

# What running needs, the dashboard too; `dev` adds what tests, lint, benchmarks and docs need, in one go where nothing is there.
# Python's own pip may be years old, and takes half as long again.
install: $(INSTALLED)
dev: $(INSTALLED_DEV)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --editable .
	$(COMPILE)
	touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --editable ".[dev,docs]"
	$(COMPILE)
	touch $(INSTALLED) $(INSTALLED_DOCS) $@

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

test: lint types
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

test-slow: dev
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

benchmark: dev
	$(BIN)/python -m tests.benchmarks.run_all $(if $(DATA),--data $(DATA)) $(if $(QUICK),--quick)

$(INSTALLED_DOCS): $(INSTALLED)
	$(PIP) --editable ".[docs]"
	touch $(INSTALLED_DOCS)

docs: $(INSTALLED_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-reference: install
	$(BIN)/forecast config --pages docs/reference

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) workspace site .pytest_cache .mypy_cache .ruff_cache .hypothesis
