# Everything a maintainer does, by name. `make help` lists it.
# Needs Python 3.11 or later, git and make; the rest is installed into .venv from requirements.lock.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SETUP := .venv/.done
LINTER := openapi/node_modules/.done

.DEFAULT_GOAL := help
.PHONY: help setup demo bench test coverage test-peer test-consumer check generate sync lint-spec format record record-live build clean \
	spec-pull spec-check spec-diff spec-evidence refresh test-foreign

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP) ## Make .venv with every tool at its pinned version

$(SETUP): requirements.lock pyproject.toml
	@echo "setting up .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(LINTER): openapi/package-lock.json $(SETUP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix openapi --loglevel=error --no-fund --no-audit >/dev/null
	@touch $@

demo: $(SETUP) ## Run the main job, on the sandbox or, with HAUT_TOKEN etc. set, on the real service
	@$(BIN)/python examples/demo.py

test: $(SETUP) $(LINTER) ## Run the tests
	@$(BIN)/pytest -n 2

coverage: $(SETUP) $(LINTER) ## Measure which branches of haut_ext the tests take; fails below 97 %
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -q -n 2 --ignore=tests/bulk/test_distributed.py
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-peer: $(SETUP) ## Repeat conformance cells against WireMock, a server that is not ours; needs Java
	@command -v java >/dev/null || { echo "make test-peer needs Java 11 or later, and finds no java"; exit 1; }
	@mkdir -p .venv/peer && cp tests/peer/package.json tests/peer/package-lock.json .venv/peer
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix .venv/peer --loglevel=error --no-fund --no-audit >/dev/null
	@$(BIN)/pytest -q -p no:cacheprovider tests/peer/wiremock.py

check: $(SETUP) lint-spec ## Fail if generated, derived, formatted or typed code or a cassette is not as it must be
	@$(BIN)/python -m scripts.generate --check
	@$(BIN)/python scripts/unasync.py --check
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	@$(BIN)/python -m scripts.cassettes check

lint-spec: $(LINTER) ## Validate and lint the contract as the generator will see it: corrected and named
	@$(BIN)/python -m scripts.generate --contract build/contract.yaml
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true PATH="$(CURDIR)/$(BIN):$$PATH" \
		openapi/node_modules/.bin/redocly lint build/contract.yaml --config openapi/redocly.yaml

test-consumer: $(SETUP) ## Build another project's SDK on the wheel, with the lowest and the highest dependencies
	@$(BIN)/python scripts/consumer.py

bench: $(SETUP) ## Measure against plain httpx and openai's client; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks

generate: $(SETUP) ## Write generated/haut_api from openapi/
	@$(BIN)/python -m scripts.generate

spec-pull: $(SETUP) ## Take the wanted sections of the Swagger SPEC=<address or file> into openapi/haut.yaml
	@$(BIN)/python -m scripts.spec.pull $(SPEC_GIVEN)

spec-check: $(SETUP) $(LINTER) ## Say whether the package equals the Swagger SPEC=<address or file>; changes nothing
	@$(BIN)/python -m scripts.spec.check $(SPEC_GIVEN)

spec-diff: $(SETUP) $(LINTER) ## Report what the contract's change since BASE=<revision> (HEAD) means
	@$(BIN)/python -m scripts.spec.diff $(BASE)

spec-evidence: $(SETUP) ## List what is only inferred, and what became of that since BASE=<revision> (HEAD)
	@$(BIN)/python -m scripts.spec.evidence $(BASE)

refresh: $(SETUP) $(LINTER) ## From the Swagger SPEC=<address or file> to a change set ready for review
	@$(BIN)/python -m scripts.spec.refresh $(SPEC_GIVEN)

SPEC_GIVEN = '$(or $(SPEC),$(error SPEC=<address or file of the Swagger> is needed))'

test-foreign: $(SETUP) ## Pull sections of large foreign documents from the registries, generate and type-check them
	@$(BIN)/python -m scripts.spec.foreign

sync: $(SETUP) ## Derive the synchronous face and its tests from the asynchronous ones
	@$(BIN)/python scripts/unasync.py

format: $(SETUP) ## Format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

record: $(SETUP) ## Record the cassettes again from an embedded sandbox
	@$(BIN)/python -m scripts.record

record-live: $(SETUP) ## Record the same from the real service, which is billed, and report how it differs
	@$(BIN)/python -m scripts.record --live

build: $(SETUP) ## Build the wheel and the source distribution into dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## Remove everything that the other targets made
	@rm -rf .venv openapi/node_modules dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
