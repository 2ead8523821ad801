# Runs everything on one machine. Requires Python 3.11 or newer. `make help` lists the targets.

PYTHON ?= python3
# Each Python has a separate environment: `make test PYTHON=python3.13` installs into .venv-python3.13.
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(subst /,-,$(PYTHON)))
BIN := $(VENV)/bin
READY := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# Tests often wait for other processes, so three pytest processes are faster on two cores. The fault tests start many
# processes: with more than two pytest processes, they would only measure the machine.
PARALLEL := --dist loadfile --no-loadscope-reorder
# Schemathesis takes ten seconds to collect its tests, in each pytest process. They share their ids: loadfile would run
# one per id.
FUZZ := tests/api/test_schemathesis.py
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
DEV := $(VENV)/.installed-dev
# The lock files contain versions and hashes for all supported Pythons and systems, and no index URLs. With hashes, pip
# installs nothing else.
RESOLVE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes

# Without bytecode files, each process that a test starts would compile the shop again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-engine test-shop test-long test-machine test-fuzz test-all coverage up down status logs screenshots lint types bench lock audit release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## run a complete shop with sample orders, then clean up, unless KEEP=1; REPLAY=file.csv LIMIT=300 replays real invoices
	$(BIN)/shop demo $(if $(REPLAY),--replay "$(REPLAY)") $(if $(LIMIT),--limit "$(LIMIT)") $(if $(KEEP),--keep)

ifdef TESTS
test: lint types ## lint, types and tests, except long ones; TESTS=tests/faults runs a part of the tests
	$(PYTEST) $(TESTS)
else
test: lint types test-engine test-shop
endif

test-engine: $(DEV)
	$(PYTEST) -n 4 $(PARALLEL) durable/tests

test-shop: $(DEV)
	$(PYTEST) -n 3 $(PARALLEL) -m "not long" --ignore tests/faults --ignore $(FUZZ) tests
	$(PYTEST) -n 2 $(PARALLEL) -m "not long" tests/faults
	$(PYTEST) -n 2 --dist worksteal $(FUZZ)

test-long: $(DEV)
	$(PYTEST) -n 2 $(PARALLEL) -m long tests/faults/test_every_step.py tests/faults tests/demo tests/local

test-machine: $(DEV) ## let Hypothesis look for requests after which the books disagree: other ones each time, half an hour
	$(PYTEST) -m long tests/workflows/test_state_machine.py

# Reproduce a run with its seed, which is printed first: make test-fuzz SEED=…
# On two busy cores, the first part takes about three minutes and the second one seven: 20 s per case.
test-fuzz: SEED := $(shell date +%s)
test-fuzz: $(DEV) ## give random input to each parser and to the API, for ten minutes
	@echo "SEED=$(SEED)"
	FUZZ_EXAMPLES=4000 SEQUENCES=100 $(PYTEST) -n 2 --dist worksteal --timeout 1200 --hypothesis-seed=$(SEED) \
		tests/api/test_sequences.py tests/fuzz tests/rpc/test_fuzz.py tests/api/test_bounds.py
	CASES=15 $(PYTEST) -n 2 --dist worksteal --timeout 1200 --hypothesis-seed=$(SEED) $(FUZZ)

test-all: test test-long test-fuzz ## `make test`, the long fault tests, and ten minutes of fuzzing

coverage: $(DEV) ## measure what the tests run of the code, branches and worker processes included
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 4 $(PARALLEL) durable/tests
	$(BIN)/coverage run -m pytest -n 3 $(PARALLEL) -m "not long" --ignore $(FUZZ) tests
	$(BIN)/coverage run -m pytest -n 2 --dist worksteal $(FUZZ)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

up: $(READY) ## start the stack in the background and print its addresses
	@$(BIN)/shop up

down: $(READY) ## stop the stack; data are kept
	@$(BIN)/shop down

status: $(READY) ## show the status of each process; make exits with 2 unless all run, and prints the status
	@$(BIN)/shop status

logs: $(READY) ## follow the logs
	@$(BIN)/shop logs --follow

screenshots: $(DEV) ## take pictures of every page, in three widths, light and dark, into build/screenshots
	@rm -rf build/screenshots
	SCREENSHOTS=$(CURDIR)/build/screenshots $(PYTEST) -q tests/web/browser

lint: $(DEV) ## check style and imports between layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(DEV) ## check types
	$(BIN)/mypy

bench: $(DEV) ## run the benchmarks
	$(BIN)/python -m benchmarks

lock: $(DEV) ## upgrade the lock files from pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(RESOLVE) --upgrade pyproject.toml -o requirements.lock
	$(RESOLVE) --extra local -c requirements.lock pyproject.toml -o requirements-local.lock
	$(RESOLVE) --extra local --extra dev -c requirements-local.lock pyproject.toml -o requirements-dev.lock

audit: $(DEV) ## look up known vulnerabilities of the locked versions; needs a network
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/audit

release: $(DEV) ## check changelog and version, build the wheel and test it
	@grep -q '^## \[$(VERSION)\]' CHANGELOG.md || { echo "CHANGELOG.md has no section for $(VERSION)." >&2; exit 1; }
	@git diff --quiet HEAD || { echo "There are uncommitted changes." >&2; exit 1; }
	@! git rev-parse --quiet --verify 'refs/tags/v$(VERSION)' >/dev/null || \
		{ echo "v$(VERSION) is already released; set another version in pyproject.toml." >&2; exit 1; }
	rm -rf build dist
	$(BIN)/python -m build --wheel
	@echo "Testing the wheel in a new environment …"
	@rm -rf build/venv && $(PYTHON) -m venv build/venv
	@build/venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	@build/venv/bin/pip install --quiet --disable-pip-version-check --no-deps dist/shopflow-$(VERSION)-*.whl
	@cd build && venv/bin/shop --version && venv/bin/python -c 'import api.app, rpc.server, workflows'
	@build/venv/bin/pip install --quiet --disable-pip-version-check -r requirements-local.lock
	@cd build && venv/bin/shop demo

clean: ## delete build and test artefacts; the data in var/ are kept
	rm -rf $(VENV) build dist shopflow *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Rebuilt only if the lock file, pyproject.toml or the protos have changed.
$(READY): requirements-local.lock pyproject.toml setup.py $(shell find rpc/protos -name "*.proto")
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Shopflow requires Python 3.11 or newer; choose one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-local.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(READY)

$(DEV): requirements-dev.lock $(READY)
	@echo "Installing the development tools …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $(DEV)
