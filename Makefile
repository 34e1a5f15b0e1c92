# cjo-stream. `make` lists the targets; each sets up what it needs.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TWO := -n 2 --dist worksteal
SEEDS ?= 10000
MINUTES ?= 60
# Where Python keeps no bytecode, each process of a test compiles all of it anew.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; install one, or say make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: install
install: $(READY) ## set up .venv with the locked dependencies

.PHONY: demo
demo: $(READY) ## a shop and its simulated customers in a loop: what it learnt, files in ./cjo-demo
	@$(BIN)/cjo-stream demo

.PHONY: check
check: $(READY) ## lint, types, layers and every quick test that needs no broker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@command -v promtool >/dev/null || echo "NO RULE OF PROMETHEUS IS RUN: no promtool here (Debian's package prometheus)"
	@command -v prometheus-alertmanager >/dev/null || echo "NO NOTIFICATION IS SENT: no Alertmanager here (Debian's package prometheus-alertmanager)"
	$(BIN)/pytest -m "not kafka and not slow" $(TWO)

.PHONY: test
test: check ## check, then the slow tests, then those on a real broker
	$(BIN)/pytest -m "slow and not kafka" $(TWO)
	$(BIN)/pytest -m kafka -n 3 --dist loadfile --no-loadscope-reorder tests/kafka

.PHONY: kafka
kafka: $(READY) ## a local Kafka broker in the foreground, for development (Java 17, Maven)
	deploy/kafka/start.sh

.PHONY: deploy-check
deploy-check: $(READY) ## deploy's chart by Helm, its image's steps in a clean root folder, the wheel with all extras (Go; root, debootstrap)
	tests/deploy/tools.sh
	$(BIN)/pytest -n 0 tests/deploy
	$(BIN)/python -m tests.deploy.image .tools
	$(BIN)/python -m tests.deploy.wheel .tools

.PHONY: sbom
sbom: $(READY) ## dist/sbom.json: what the image installs, as CycloneDX
	@$(BIN)/python -m tests.deploy.sbom dist/sbom.json

.PHONY: chaos
chaos: $(READY) ## the long forms of tests, most with faults on a real broker: about an hour
	CJO_LONG=1 $(BIN)/pytest -n 0 tests/unit/embedded/test_caps_killed.py tests/acceptance/test_lending.py \
		tests/unit/embedded/test_rubbish.py tests/unit/ingest/test_phone.py tests/property/test_value.py \
		tests/property/test_case_hostile.py tests/unit/definition/advice/test_condition.py \
		tests/differential/test_advice.py tests/unit/core/learning/test_learnt_policy.py \
		tests/property/test_definition_hostile.py tests/unit/insight/test_figures.py tests/unit/insight/test_filters.py \
		tests/unit/embedded/test_runtime.py tests/unit/embedded/test_loop.py \
		tests/unit/embedded/test_learning.py tests/unit/embedded/test_guards.py
	CJO_REQUIRE_KAFKA=1 $(BIN)/python -m tests.kafka.chaos

.PHONY: drill
drill: $(READY) ## faults in an installation, who is woken, what mends it: 40 min. FAULTS=3, or names
	@tests/drill/tools.sh
	$(BIN)/python -m tests.drill $(if $(FAULTS),--faults $(FAULTS))

.PHONY: simulate
simulate: $(READY) ## the simulated world: SEEDS=10000 of them, or one again with SEED=7
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: adversary
adversary: $(READY) ## look for faults with every instrument: MINUTES=60, or from SEED=7
	$(BIN)/python -m tests.adversary --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

.PHONY: differential
differential: $(READY) ## random worlds through a plain reference and the engine: SEEDS=10000, or SEED=7
	$(BIN)/python -m tests.differential $(if $(SEED),--seed $(SEED) --smallest,--seeds $(SEEDS))

.PHONY: backtests
backtests: $(READY) ## backtests of random edits, held against two runs: EDITS=40 a topology, or SEED=7
	$(BIN)/python -m tests.backtest $(if $(SEED),--seed $(SEED),--edits $(or $(EDITS),40))

.PHONY: foretold
foretold: $(READY) ## plans of random changes, held against what then happens: EDITS=40 a topology, or SEED=7
	$(BIN)/python -m tests.backtest foretold --people 40 $(if $(SEED),--seed $(SEED),--edits $(or $(EDITS),40))

.PHONY: identity
identity: $(READY) ## histories of identifiers: SEEDS=10000 of each kind, or one again with SEED=7
	$(BIN)/python -m tests.simulation identity $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

.PHONY: canary
canary: $(READY) ## a thousand pairs of a canary and the version beside it: how often a guard stops it
	CJO_LONG=1 $(BIN)/pytest -n 2 tests/unit/core/canary/test_interval.py

.PHONY: friction
friction: $(READY) ## defects in a simulated shop: how many `insight friction` finds. WORLDS=40, or LAYER=DIR of a run too
	$(BIN)/python -m tests.friction --worlds $(or $(WORLDS),40) $(if $(LAYER),--layer $(LAYER))

.PHONY: mutants
mutants: $(READY) ## MUTANTS=300 of core and engine by SEED=1: the share that tests kill, and who survives
	$(BIN)/python -m tests.mutants --seed $(or $(SEED),1) --mutants $(or $(MUTANTS),300)

.PHONY: attribution
attribution: $(READY) ## credits of attribution against the truth that the simulated shop knows
	$(BIN)/python -m tests.bench.attribution

.PHONY: prediction
prediction: $(READY) ## calibration and log-loss of predictions in the simulated shop
	$(BIN)/python -m tests.bench.prediction

.PHONY: bench
bench: $(READY) ## throughput and latency of this machine; fails where beside the bare loop it is a fifth slower than expected
	$(BIN)/python -m tests.bench

.PHONY: endurance
endurance: $(READY) ## an installation for an hour: CASE=soak (a kill a minute), overload or outage. MINUTES=60, RATE=3000, CUSTOMERS=5000
	$(BIN)/python -m tests.bench.endurance $(or $(CASE),soak) --minutes $(MINUTES) --rate $(or $(RATE),3000) \
	  --customers $(or $(CUSTOMERS),5000)

.PHONY: sizing
sizing: $(READY) ## what an installation needs: OF=customers (10,000 to 2,000,000), partitions (4 to 256) or moving
	$(BIN)/python -m tests.bench.sizing $(or $(OF),customers)

.PHONY: compiled
compiled: $(READY) ## the optional compiled wheel in dist/compiled, and the tests that its results are the same bytes
	rm -rf dist/compiled
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m build --wheel --no-isolation --outdir dist/compiled
	CJO_COMPILED_WHEEL=$$(ls $(CURDIR)/dist/compiled/*.whl) $(BIN)/pytest -n 0 tests/compiled

.PHONY: fmt
fmt: $(READY) ## format the code, sort the imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(READY) ## draw the tables of docs/ and README.md, and what their commands print
	$(BIN)/python -m tests.docs

.PHONY: clean
clean: ## remove what was built and what ran, .venv included
	rm -rf $(VENV) build dist cjo-demo .kafka .registry .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutants .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
