# `make setup` installs what is needed, `make check` is what every change must pass, `make test` is
# everything. On a fresh Debian 12 or 13: apt-get install -y git make

PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.up-to-date
# Debian packages that set-up installs when they are missing (as root): venv to make the environment,
# git for the version of what is built, ca-certificates for TLS.
PACKAGES := python3-venv git ca-certificates
# What tests need beside: gcc makes the programs that break the rules about machine code, libfaketime is for
# the user who builds a year later.
TEST_PACKAGES := gcc libc6-dev libfaketime
# Unit tests run without a network wherever this machine lets us take it away.
OFFLINE := $(shell unshare --net true 2>/dev/null && echo "unshare --net")
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock-requirements" $(if $(UPGRADE),--upgrade)

.PHONY: help setup quickstart check lint unit test test-system bench docs lock-requirements clean

help:
	@echo "make setup              install what is needed (quick when up to date)"
	@echo "make quickstart         set up, build the images, get a token from keystone"
	@echo "make check              format, lint, types, architecture, unit tests, generated docs (a minute)"
	@echo "make test               check, integration tests, and the proof on a running stack"
	@echo "make test-system        the proofs that take half an hour: every image of every series, every kind of kill"
	@echo "make bench              the measurements, as ratios to a floor of the same run"
	@echo "make docs               write the generated pages of docs/reference"
	@echo "make lock-requirements  pin the development tools anew (UPGRADE=1 takes the newest)"
	@echo "make clean              remove what set-up and tests made (not the store)"

setup: $(STAMP)

$(STAMP): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@.ci/packages $(PACKAGES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline -e .
	@touch $@

quickstart: setup
	$(BIN)/scs-build quickstart

check: lint unit

lint: setup
	$(BIN)/ruff format --quiet --check .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	PYTHONPATH=. $(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	$(BIN)/python -m scs_build.cli.reference --check docs/reference

unit: setup
	@.ci/packages $(TEST_PACKAGES)
	$(OFFLINE) $(BIN)/python -m pytest -n 2 tests/unit

# The proof comes before the integration tests, so that the last line is pytest's.
test: check
	$(BIN)/scs-build quickstart
	$(BIN)/python -m pytest tests/integration

test-system: setup
	@.ci/packages $(TEST_PACKAGES)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 -m hypothesis tests/unit
	$(BIN)/python -m pytest --durations=0 tests/system

bench: setup
	$(BIN)/python -m benchmarks.bench_plan
	$(BIN)/python -m benchmarks.bench_build
	$(BIN)/python -m benchmarks.bench_check

docs: setup
	$(BIN)/python -m scs_build.cli.reference docs/reference

lock-requirements: setup
	$(COMPILE) pyproject.toml -o requirements/run.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
	echo uv | $(COMPILE) - -c requirements/run.txt -o requirements/bootstrap.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis out
