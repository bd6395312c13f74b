# Two commands, each enough on a machine with only Python 3.11+ and git: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
# Any pip requirement for torch, e.g. TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu".
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin

.PHONY: demo test lint docs clean

demo: $(VENV)/.ready-demo
	$(BIN)/variantformer demo --output demo-output

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/.ready-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

$(VENV)/.ready-torch:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH)
	touch $@

$(VENV)/.ready-demo: $(VENV)/.ready-torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[plots]'
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready-torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) demo-output build dist docs/_build
