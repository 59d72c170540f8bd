# Everything installs into .venv from the committed lock; nothing global. `make help` lists the targets.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(BIN)/python
export RAY_USAGE_STATS_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help install install-test-servers fmt lint types imports check test demo bench bench-doors bench-start bench-registry
.PHONY: bench-images bench-engine bench-traffic bench-overload load fuzz clean check-curated soak-loads

help: ## show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  \033[36m%-20s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "slipway needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d: run make PYTHON=/path/to/python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/uv || { echo "making $(VENV) with $$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); } \
	  || { rm -rf $(VENV); echo "could not make $(VENV): on Debian and Ubuntu, apt install python3-venv; otherwise read the lines above" >&2; exit 1; }
	@echo "installing from uv.lock"
	@$(BIN)/uv sync --frozen --quiet
	@touch $@

install: $(BIN)/.synced ## make .venv from uv.lock
ifeq ($(MAKECMDGOALS),install)
	@echo "next: make demo, or $(BIN)/slipway up --detach (README.md has the first day)"
endif

install-test-servers: install ## what tests need and PyPI has not: curl, git, skopeo, umoci, a Debian to run in, node, Azurite, Azure ML's server, kserve
	@command -v curl >/dev/null || { apt-get update -qq && apt-get install -yqq --no-install-recommends curl; }
	@command -v git >/dev/null || { apt-get update -qq && apt-get install -yqq --no-install-recommends git; }
	@command -v skopeo >/dev/null || { apt-get update -qq && apt-get install -yqq --no-install-recommends skopeo; }
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -yqq --no-install-recommends nodejs npm; }
	@command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -yqq --no-install-recommends debootstrap umoci; }
	@$(BIN)/python -m tests.servers.azure_blob
	@$(BIN)/python -m tests.servers.kserve_sdk
	@$(BIN)/python -m tests.servers.debian
	@$(BIN)/python -m tests.servers.azureml

fmt: install ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install ## style, spelling, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/deptry .

types: install ## mypy --strict
	$(BIN)/mypy

imports: install ## the floors of the house
	$(BIN)/lint-imports

check: lint types imports ## all of the above, as CI runs it

test: install ## the whole suite, with real processes
	$(BIN)/python -m pytest

demo: install ## from a training script to scored requests, in build/demo (EXIT=1 ends by itself)
	@$(BIN)/python -m loadtest.demo $(if $(EXIT),--exit)

bench: install ## CPU per request next to a hand-written server; writes build/bench.json
	@$(BIN)/python -m loadtest.bench

bench-doors: install ## the same for the doors of every protocol, and gRPC
	@$(BIN)/python -m loadtest.bench --doors --output build/bench-doors.json

bench-start: install ## how long up, a second deployment and down take; writes build/bench-start.json
	@$(BIN)/python -m loadtest.bench.start

bench-registry: install ## the registry next to mlflow server; writes build/bench-registry.json
	@$(BIN)/python -m loadtest.registry_bench

bench-images: install ## what images cost to build, move and start; writes build/bench-images.json (CASES="builds transfers")
	@$(BIN)/python -m loadtest.images_bench $(CASES)

bench-engine: install ## batches, poison rows, a lone request, a cache; writes build/bench-engine.json (CASES="poison lone mlp cached")
	@$(BIN)/python -m loadtest.bench.engine $(CASES)

bench-traffic: install ## splits, undo, keys and mirrors; writes build/bench-traffic.json (CASES="split undo keys mirror")
	@$(BIN)/python -m loadtest.traffic_bench $(CASES)

bench-overload: install ## what is left of a model that is asked for 3 and 4 times what it can do; writes build/bench-overload.json
	@$(BIN)/python -m loadtest.overload_bench

soak-loads: install ## load and unload a deployment, and see whether the node keeps memory; writes build/soak-loads.json (CYCLES=100)
	@$(BIN)/python -m loadtest.soak --cycles $(or $(CYCLES),100)

check-curated: install ## every curated environment still resolves, for each Python and processor
	SLIPWAY_CHECK_CURATED=1 $(BIN)/python -m pytest tests/registry/images/environments/test_curated.py

load: install ## Locust against a running workspace
	@$(BIN)/python -m loadtest.load

fuzz: install ## attack every decoder and every route with wrong requests of all kinds (MINUTES=10)
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

clean: ## remove what was made here (not .slipway)
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
