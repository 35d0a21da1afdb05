# People, hooks and CI call these targets. Each one sets up what it needs from a bare Python.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PACKAGES := credit configs services tasks flows tests $(wildcard benchmarks)

# Nothing here phones home: telemetry of Prefect, MLflow, BentoML and Evidently.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True

# Debian's packages with the programs that tests marked `stack` start.
STACK := postgresql chromium wrk prometheus

# What `make lock` passes on; `make lock UV_LOCK_FLAGS=--upgrade` moves every version.
UV_LOCK_FLAGS ?=
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command "make lock" $(UV_LOCK_FLAGS)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## build .venv from the lock file

.PHONY: demo
demo: $(STAMP) ## train on sample data, serve the champion, score one application
	@$(BIN)/creditloop demo

.PHONY: up
up: $(STAMP) ## run Prefect, MLflow and the scorer until Ctrl-C
	@$(BIN)/creditloop up

.PHONY: test
test: $(STAMP) ## run the tests; they need no network
	@$(BIN)/pytest -n 2 --durations=10

.PHONY: test-lendingclub
test-lendingclub: $(STAMP) ## run the tests on the LendingClub file that CREDITLOOP_LENDINGCLUB names
	@if [ ! -f "$${CREDITLOOP_LENDINGCLUB:-}" ]; then \
		echo "CREDITLOOP_LENDINGCLUB is '$${CREDITLOOP_LENDINGCLUB:-}', which is no file: set it to the LendingClub parquet" >&2; \
		exit 2; \
	fi
	@$(BIN)/pytest -m lendingclub --durations=10

.PHONY: test-stack
test-stack: $(STAMP) stack ## run the tests that need PostgreSQL, Chromium, wrk or Prometheus
	@$(BIN)/pytest -m stack --durations=10

.PHONY: stack
stack: ## install Debian's packages for test-stack, those that are not there yet
	@if ! command -v apt-get > /dev/null; then \
		echo "apt-get not found: install $(STACK) by other means, then run $(BIN)/pytest -m stack" >&2; \
		exit 2; \
	fi; \
	installed="$$(dpkg-query --show --showformat '$${db:Status-Status} $${Package}\n' $(STACK) 2> /dev/null || true)"; \
	missing=(); \
	for package in $(STACK); do \
		grep --quiet --line-regexp "installed $$package" <<< "$$installed" || missing+=("$$package"); \
	done; \
	[ "$${#missing[@]}" -gt 0 ] || exit 0; \
	as_root=(); [ "$$(id -u)" -eq 0 ] || as_root=(sudo); \
	echo "Installing $${missing[*]} with apt-get" >&2; \
	"$${as_root[@]}" apt-get -qq update; \
	"$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq --yes --no-install-recommends install "$${missing[@]}" > /dev/null

.PHONY: check
check: $(STAMP) ## check format, lint, types, layers, dataset specs
	$(BIN)/ruff format --check --quiet $(PACKAGES)
	$(BIN)/ruff check --quiet $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/creditloop spec --check configs/datasets/*.yaml

.PHONY: format
format: $(STAMP) ## format the code and mend what ruff can mend
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

.PHONY: bench
bench: $(STAMP) ## measure, and write benchmarks/results/
	@$(BIN)/python -m benchmarks

.PHONY: bench-serving
bench-serving: $(STAMP) ## measure the service beside others (needs wrk), with memory over ten minutes
	@$(BIN)/python -m benchmarks serving --soak

.PHONY: bench-drift
bench-drift: $(STAMP) ## measure drift: false alarms, shifts found, speed, beside Evidently and SciPy
	@$(BIN)/python -m benchmarks drift

.PHONY: lock
lock: $(BIN)/uv ## resolve pyproject.toml into both lock files
	$(COMPILE) --extra training --extra cpu --extra s3 --extra dev pyproject.toml -o requirements.lock
	$(COMPILE) -c requirements.lock --extra s3 pyproject.toml -o requirements-serving.lock

.PHONY: clean
clean: ## remove .venv, caches and build products, but not .creditloop: it holds models and decisions
	rm -rf .venv build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache .coverage .coverage.* htmlcov
	find $(PACKAGES) -type d -name __pycache__ -prune -exec rm -rf {} +

# The editable install comes without build isolation and dependencies: all of it is in the lock.
$(STAMP): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "Installing the locked packages into .venv (about 2 GB the first time)" >&2
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# uv itself comes from its block in the lock, so that its version and hashes stand in one place.
$(BIN)/uv: | $(BIN)/python
	@awk '/^uv==/ {block = 1} block {print} block && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt

$(BIN)/python:
	@command -v "$(PYTHON)" > /dev/null || \
		{ echo "$(PYTHON) not found: install Python 3.11, 3.12 or 3.13, or say make PYTHON=/path/to/python" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; (3, 11) <= v[:2] <= (3, 13) or sys.exit( \
		f"Python {v[0]}.{v[1]} found, 3.11 to 3.13 expected: say make PYTHON=/path/to/python3.11")'
	@"$(PYTHON)" -m venv .venv
