# Commands for development. `make help` lists them; CONTRIBUTING.md and docs/ describe less frequent commands.
# Requires Python 3.11 or later, git and make. Everything else is installed into .venv from requirements.lock.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Each file marks an installation as complete. Rules depend on such a file to run the installation first.
SETUP := .venv/.done
LINTER := openapi/node_modules/.done
WIREMOCK := .venv/wiremock/.done
# Use the npm version pinned in requirements.lock instead of the system's npm.
NPM_CI := PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --loglevel=error --no-fund --no-audit >/dev/null --prefix

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-machines test-all test-foreign check ready bench soak fuzz-responses test-httpx2 retire docs generate results-tables sync format record spec-pull spec-check refresh

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP) ## Create .venv and install all tools and dependencies at their locked versions

$(SETUP): requirements.lock pyproject.toml haut_ext/_version.py
	@echo "installing into .venv; this takes about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is required; set PYTHON to its path")'
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(LINTER): openapi/package-lock.json $(SETUP)
	@$(NPM_CI) openapi
	@touch $@

$(WIREMOCK): tests/peer/package-lock.json $(SETUP)
	@mkdir -p $(@D) && cp tests/peer/package.json tests/peer/package-lock.json $(@D)
	@$(NPM_CI) $(@D)
	@touch $@

demo: $(SETUP) ## Run examples/demo.py on the sandbox, or on the real service if HAUT_TOKEN etc. are set
	@$(BIN)/python examples/demo.py

test: $(SETUP) $(LINTER) ## Run all tests except those marked as release
	@$(BIN)/pytest -n 4 -m "not release"

test-fast: $(SETUP) $(LINTER) ## Run all tests except those marked as slow or release, and the derived ones
	@$(BIN)/pytest -n 4 -m "not slow and not release" --ignore=tests/_sync

test-all: $(SETUP) $(LINTER) ## Run all tests; some need access to package registries
	@$(BIN)/pytest -n 4

test-machines: $(SETUP) ## Run the state machines for HAUT_MACHINE_MINUTES minutes each (default: 30)
	@HAUT_MACHINE_MINUTES=$${HAUT_MACHINE_MINUTES:-30} $(BIN)/pytest -n 2 -s -p no:logging tests/machines

check: $(SETUP) $(LINTER) ## Check generated code, size limits, formatting, types, specification, cassettes and Python API
	@$(BIN)/python -m scripts.lint_spec
	@$(BIN)/python -m scripts.generate --check
	@$(BIN)/python scripts/unasync.py --check
	@$(BIN)/python scripts/code_limits.py
	@$(BIN)/python -m scripts.results_tables --check
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/zizmor --offline --quiet --persona=pedantic .github
	@$(BIN)/mypy
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	@$(BIN)/python -m scripts.cassettes check
	@$(BIN)/python -m scripts.api_check
	@draft=$$($(BIN)/towncrier build --draft --version next 2>&1) || { echo "$$draft"; exit 1; }

# test_distributed.py runs without coverage, because the worker processes that it kills hang during coverage measurement.
ready: check docs ## Run all checks for a release: `check`, branch coverage, the wheel in another project, external specs, WireMock
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -q -n 2 -m "not release" --hypothesis-profile=random --ignore=tests/bulk/test_distributed.py
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@$(BIN)/pytest -q tests/bulk/test_distributed.py
	@$(BIN)/pytest -q -n 2 -m release
	@$(MAKE) --no-print-directory test-foreign
	@if command -v java >/dev/null; then $(MAKE) --no-print-directory $(WIREMOCK) && $(BIN)/pytest -q tests/peer/wiremock.py; \
		else echo "WireMock tests skipped: java is not installed"; fi

test-foreign: $(SETUP)
	@$(BIN)/python -m scripts.spec.external_specs

bench: $(SETUP) ## Compare the speed with httpx, aiohttp and openai's client, and write docs/benchmarks.md
	@$(BIN)/python -m benchmarks

test-httpx2: $(SETUP)
	@$(BIN)/python -m scripts.test_httpx2

fuzz-responses: $(SETUP)
	@$(BIN)/python -m tests.fuzz_responses $${HAUT_FUZZ_MINUTES:-30}

soak: $(SETUP)
	@$(BIN)/python -m tests.soak

generate: $(SETUP) ## Generate generated/haut_api from openapi/
	@$(BIN)/python -m scripts.generate

docs: $(SETUP) ## Build the documentation site in build/docs; a broken link or reference is an error
	@$(BIN)/sphinx-build --quiet --fail-on-warning --nitpicky --keep-going --fresh-env -c docs . build/docs
	@echo "build/docs/index.html"

sync: $(SETUP) ## Derive the synchronous client, its tests and examples from the asynchronous ones
	@$(BIN)/python scripts/unasync.py

results-tables: $(SETUP)
	@$(BIN)/python -m scripts.results_tables

format: $(SETUP) ## Format the code and fix lint errors that can be fixed automatically
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

record: $(SETUP) ## Record the cassettes again from the sandbox
	@$(BIN)/python -m scripts.record

spec-pull: $(SETUP) ## Update openapi/haut.yaml from a Swagger, given as SPEC=<URL or file>
	@$(BIN)/python -m scripts.spec.pull $(REQUIRED_SPEC)

spec-check: $(SETUP) ## List the differences between the client and a Swagger, given as SPEC=<URL or file>
	@$(BIN)/python -m scripts.spec.check $(REQUIRED_SPEC)

refresh: $(SETUP) $(LINTER) ## Update the package from a Swagger, given as SPEC=<URL or file>, and run the tests
	@$(BIN)/python -m scripts.spec.refresh $(REQUIRED_SPEC)

retire: $(SETUP) ## Remove what openapi/haut.yaml contains from the transcription that the sandbox follows
	@$(BIN)/python -m scripts.spec.retire

# The shell and make must not interpret the value: it is passed in the environment, unexpanded.
REQUIRED_SPEC = $(if $(value SPEC),,$(error SPEC=<address or file of the Swagger> is needed))-- "$$HAUT_SPEC"
export HAUT_SPEC := $(value SPEC)
unexport SPEC
