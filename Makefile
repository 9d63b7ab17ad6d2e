# mailgate: `make help` lists what there is.
PYTHON ?= python3
UV := .boot/bin/uv
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS = never

.DEFAULT_GOAL := help
# Many tests wait for servers: one worker more than there are cores.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.PHONY: help run test test-long check format lock licences sbom audit release bench clean set-up standards system-packages

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: .venv/.run  ## set up everything and start the gateway in demo form (no root, no services needed)
	@$(BIN)/mailgate demo

test: .venv/.dev system-packages  ## set up everything and run the whole suite, real servers included where the machine can
	@TMPDIR=$$($(PYTHON) tests/integration/scratch.py) $(BIN)/python -m pytest -m "not long" -n $(WORKERS) --dist loadfile

test-long: .venv/.dev system-packages  ## the kill loops and soak tests that take minutes
	@TMPDIR=$$($(PYTHON) tests/integration/scratch.py) $(BIN)/python -m pytest -m "long" --timeout 1800

check: .venv/.dev  ## linter, types, architecture
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/.dev  ## put the code in the one form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: .venv/.dev  ## measure: accept, process, and with many tickets (docs/performance.md)
	@$(BIN)/python -m benchmarks

standards: .venv/.dev  ## gather the RFC citations into docs/standards.md
	@$(BIN)/python -m tests.standards --write

lock: $(UV)  ## compile the locked requirements anew, with hashes (then: make licences)
	@$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group build -o requirements/run.txt
	@$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -o requirements/dev.txt
	@$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header -c requirements/run.txt --group build -o requirements/build.txt

licences: .venv/.dev  ## list the licences of what is locked in docs/licences.md
	@$(BIN)/python -m tests.supply --write

sbom: .venv/.dev  ## write what we are made of as CycloneDX into dist/
	@$(BIN)/python -m tests.supply --sbom dist

audit: .venv/.dev  ## ask whether weaknesses of what is locked are known: 0 none, 1 some, 75 nobody could be asked
	@$(BIN)/python -m tests.supply --audit

release: .venv/.dev sbom  ## the wheel, its lock and its SBOM in dist/
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@cp requirements/run.txt dist/requirements.txt && ls dist

clean:  ## remove what set-up made
	@rm -rf .boot .venv

set-up: .venv/.dev  ## only set up

system-packages:
	@$(PYTHON) tests/integration/install.py

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mailgate needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@echo "Fetching uv into .boot/ (nothing outside this folder is touched) ..."
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target .boot uv

.venv/.run: $(UV) requirements/run.txt pyproject.toml
	@echo "Setting up a locked environment in .venv/ ..."
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -b requirements/build.txt -r requirements/run.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q mailgate store scheduler
	@touch $@

.venv/.dev: $(UV) requirements/dev.txt pyproject.toml
	@echo "Setting up a locked environment with the test tools in .venv/ ..."
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes -b requirements/build.txt requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q mailgate store scheduler
	@touch $@ .venv/.run
