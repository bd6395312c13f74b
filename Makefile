# Each is enough on a machine with only Python 3.11+ and git: `make demo`, `make evaluate-demo` and `make test`.
SHELL := bash
PYTHON ?= python3
VENV ?= .venv
# Any pip requirement for torch, e.g. TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu".
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
comma := ,

# $(call install,what,arguments of pip): a line as it begins, one for each download of 10 MB or more, one at its end.
# Python compiles what it imports, where it may write that; pip would compile all the rest, too, for as long as everything
# else takes it.
no-compile := $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)
define install
@echo "installing $(1) ..."
@set -o pipefail; begin=$$(date +%s); \
$(BIN)/python -m pip install --disable-pip-version-check $(no-compile) --progress-bar off $(2) \
| awk '/Downloading .* [MG]B\)$$/ && ($$4 ~ /G/ || substr($$3, 2) + 0 >= 10) { print "  " $$2, $$3, $$4; fflush() }' \
&& echo "  done in $$(( $$(date +%s) - begin )) s"
endef

.PHONY: demo evaluate-demo notebooks test test-slow lint docs ready oracles clean

demo: $(VENV)/.ready-demo
	$(BIN)/variantformer demo --output demo-output

evaluate-demo: $(VENV)/.ready-evaluate-demo
	$(BIN)/python -m benchmarks.quality.evaluate_demo evaluate-demo-output

# The notebooks, executed, as pages of the documentation.
notebooks: $(VENV)/.ready-dev
	$(BIN)/python -m notebooks.make_pages

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest

test-slow: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# All that the targets here need.
ready: $(VENV)/.ready-dev

docs: $(VENV)/.ready-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

$(VENV)/.ready-torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: name one, make PYTHON=python3.12")'
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(call install,$(firstword $(TORCH)),$(TORCH))
	@touch $@

$(VENV)/.ready-demo: $(VENV)/.ready-torch pyproject.toml
	$(call install,variantformer-hf and what it needs,--editable '.[plots]')
	@touch $@

$(VENV)/.ready-evaluate-demo: $(VENV)/.ready-torch pyproject.toml
	$(call install,variantformer-hf and what training and figures need,--editable '.[plots$(comma)fast]')
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-torch pyproject.toml
	$(call install,variantformer-hf and what its tests need,--editable '.[dev]')
	@touch $@ $(VENV)/.ready-docs  # which dev holds

$(VENV)/.ready-docs: $(VENV)/.ready-torch pyproject.toml
	$(call install,variantformer-hf and what its documentation needs,--editable '.[docs]')
	@touch $@

# Public implementations in environments of their own, whose outputs are the fixtures in tests/fixtures.
ORACLES ?= enformer borzoi dnabert2 grelu pytwas
ORACLE_PYTHON ?= python3.11

.PRECIOUS: oracles/.venv-%/.ready
oracles: $(ORACLES:%=oracle-%)

oracle-%: oracles/.venv-%/.ready
	oracles/.venv-$*/bin/python oracles/$*/make_fixture.py

oracles/.venv-%/.ready: oracles/%/requirements.txt
	@$(ORACLE_PYTHON) -m venv oracles/.venv-$*
	oracles/.venv-$*/bin/python -m pip install --disable-pip-version-check -q -r $<
	@# What asks for far more than its models need comes alone.
	for alone in $(wildcard oracles/$*/requirements-alone.txt); do \
	oracles/.venv-$*/bin/python -m pip install --disable-pip-version-check -q --no-deps -r $$alone; done
	@touch $@

clean:
	rm -rf $(VENV) demo-output evaluate-demo-output build dist docs/_build oracles/.venv-*
