# HPA Companion. `make help` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=

.PHONY: help demo test check fmt native e2e fuzz soak bench image sbom lock clean clean-all

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml $(wildcard autoscaler/core/_n*.[ch])
	@echo "==> Making $(VENV) from requirements-dev.lock (hashes checked): about a minute, once"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@rm -f autoscaler/core/_native*.so
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import autoscaler.core._native' 2>/dev/null || { \
	  echo "==> Without a C compiler: all works, but a scrape takes twice the CPU. Debian: apt-get install gcc libc6-dev python3-dev, then make native" >&2; \
	  test "$(HPA_COMPANION_REQUIRE_ALL)" != 1; }
	@touch $@

demo: $(STAMP) ## Watch it work, without a cluster (about 90 s)
	@$(BIN)/autoscaler demo

test: $(STAMP) ## All tests, the real control plane and broker included (about 35 min; the first run builds them: 8 more)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(STAMP) ## Format, lint, types, import contracts, test twins
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/twins.py

fmt: $(STAMP) ## Format and mend what a machine can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

native: $(STAMP) ## Compile autoscaler/core/_native.c anew, and tell what the compiler says
	@rm -rf build autoscaler/core/_native*.so
	@$(BIN)/python -W ignore -c 'from setuptools import setup; setup()' --quiet build_ext --inplace
	@$(BIN)/python -c 'import autoscaler.core._native' 2>/dev/null || { \
	  echo "==> Not compiled: see above. Debian: apt-get install gcc libc6-dev python3-dev. All works without, more slowly" >&2; exit 1; }
	@$(BIN)/autoscaler --version

e2e: $(STAMP) ## Only the tests on the real control plane and broker
	@$(BIN)/python -m pytest -m e2e $(PYTEST_ARGS)

fuzz: $(STAMP) ## Feed the decoders, and whole runs from page to size, with new random cases, 10,000 a test
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m fuzz --timeout 3600 $(PYTEST_ARGS)

soak: $(STAMP) ## 100 leaders killed, then 1,000 targets through half an hour without Kafka; over an hour, with verdicts
	@$(BIN)/python -m tests.e2e.tools
	@$(BIN)/python -m tests.e2e.restarts
	@$(BIN)/python -m tests.e2e.kafka.soak

bench: $(STAMP) ## Measure; ratios of one run (docs/benchmarks.md; about half an hour)
	@$(BIN)/python -m bench

image: $(STAMP) ## Build the image's tree without an engine, start it read-only, tell size and start (docs/image.md)
	@$(BIN)/python scripts/image.py

sbom: ## Write dist/sbom.cdx.json: what the image is made of, from requirements.lock (CycloneDX)
	@mkdir -p dist
	@$(PYTHON) scripts/sbom.py > dist/sbom.cdx.json

lock: $(STAMP) ## Renew requirements*.lock from pyproject.toml
	@scripts/lock

clean: ## Remove what the build and the tests made (.cache keeps the e2e tools: make clean-all)
	@rm -rf $(VENV) build dist *.egg-info autoscaler/core/_native*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

clean-all: clean ## The same, and the built e2e tools
	@rm -rf .cache
