# `make setup` installs what is needed, `make check` is what every change must pass, `make test` is
# everything. On a fresh Debian 12 or 13: apt-get install -y git make

PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.up-to-date
# What tests need beside: gcc makes the programs that break the rules about machine code, libfaketime is for
# the user who builds a year later, gpg and openssl sign archives and certificates.
TEST_PACKAGES := gcc libc6-dev libfaketime gpg gpg-agent openssl
# Zuul is heavy and only looked at: it never shares an environment with what builds.
ZUUL_VENV := .venv-zuul
ZUUL_BIN := $(ZUUL_VENV)/bin
ZUUL_STAMP := $(ZUUL_VENV)/.up-to-date
# Unit tests run without a network wherever this machine lets us take it away.
OFFLINE := $(shell unshare --net true 2>/dev/null && echo "unshare --net")
# With CI_RESULTS each run of pytest leaves what it found there, as JUnit.
junit = $(if $(CI_RESULTS),--junitxml=$(CI_RESULTS)/$(1).xml)
# What quickstart leaves where pins have vanished: the tests after it build from the same locks.
OVERLAY := out/lock-overlay/2026.1
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock-requirements" $(if $(UPGRADE),--upgrade)

.PHONY: help setup setup-zuul quickstart check lint unit test reachable test-zuul test-system bench docs lock-requirements clean

help:
	@echo "make setup              install what is needed (quick when up to date)"
	@echo "make setup-zuul         install Zuul beside it, for scs-build zuul validate"
	@echo "make quickstart         set up, build the images, get a token from keystone"
	@echo "make check              format, lint, types, architecture, unit tests, generated docs (a minute)"
	@echo "make test               check, the jobs of Zuul, integration tests, and the proof on a running stack"
	@echo "make reachable          how many pins of the locks no mirror has any more"
	@echo "make test-zuul          the jobs of Zuul only: its own parsers and job graph, the roles"
	@echo "make test-system        the proofs that take half an hour: every image of every series, every kind of kill"
	@echo "make bench              the measurements, as ratios to a floor of the same run"
	@echo "make docs               write the generated pages of docs/reference"
	@echo "make lock-requirements  pin the development tools anew (UPGRADE=1 takes the newest)"
	@echo "make clean              remove what set-up and tests made (not the store)"

setup: $(STAMP)

$(STAMP): pyproject.toml .ci/venv requirements/bootstrap.txt requirements/dev.txt
	PYTHON=$(PYTHON) .ci/venv $(VENV) requirements/dev.txt --compile-bytecode
	@touch $@

setup-zuul: $(ZUUL_STAMP)

$(ZUUL_STAMP): pyproject.toml .ci/venv requirements/bootstrap.txt requirements/zuul.txt
	PYTHON=$(PYTHON) .ci/venv $(ZUUL_VENV) requirements/zuul.txt
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
	$(BIN)/scs-build zuul generate --check

unit: setup
	@.ci/packages $(TEST_PACKAGES)
	$(OFFLINE) $(BIN)/python -m pytest $(call junit,unit) -n 2 tests/unit

# The proof comes before the integration tests, so that the last line is pytest's.
test: check reachable
	$(BIN)/scs-build quickstart
	$(MAKE) --no-print-directory test-zuul
	SCS_BUILD_LOCK_OVERLAY=$$(ls -d $(OVERLAY) 2>/dev/null) \
		$(BIN)/python -m pytest $(call junit,integration) tests/integration

# Tells how many pins no mirror has any more; that some have none is no failure of the change under test.
reachable: setup
	for file in images/series/*/series.yaml; do \
		$(BIN)/scs-build lock --missing --series "$$(basename "$$(dirname "$$file")")" || exit 1; \
	done

# Set-up of a role fetches what it installs, so that only the first line can do without a network.
test-zuul: setup-zuul
	$(OFFLINE) $(ZUUL_BIN)/python -m pytest $(call junit,zuul) tests/zuul
	$(ZUUL_BIN)/python -m pytest $(call junit,roles) tests/roles

test-system: setup
	@.ci/packages $(TEST_PACKAGES)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 -m hypothesis tests/unit
	$(BIN)/python -m pytest --durations=0 tests/system

bench: setup
	$(BIN)/python -m benchmarks.bench_plan
	$(BIN)/python -m benchmarks.bench_build
	$(BIN)/python -m benchmarks.bench_check
	$(BIN)/python -m benchmarks.bench_start

docs: setup
	$(BIN)/python -m scs_build.cli.reference docs/reference

lock-requirements: setup
	$(COMPILE) pyproject.toml -o requirements/run.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group zuul -c requirements/run.txt -o requirements/zuul.txt
	printf '%s\n' uv hatchling editables | $(COMPILE) - -c requirements/run.txt -o requirements/bootstrap.txt

clean:
	rm -rf $(VENV) $(ZUUL_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis out
