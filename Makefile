# Needs Python 3.11 to 3.13 with venv and pip, and a package index. Nothing else.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
UV := uv==0.13.9
BIN := $(CURDIR)/.venv/bin
PYTEST = $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

FLOWHOUSE_HOME ?= $(CURDIR)/.flowhouse
SEED ?= 1

.PHONY: help install demo superset test test-superset test-long test-serving faults week mutate mutate-sample invariants bench bench-extract lineage lint audit dev clean

help:
	@echo "make demo   the demo company, end to end: servers, refresh, tests, published file, report"
	@echo "make superset   dashboards of Superset on http://127.0.0.1:8088 (docs/superset.md)"
	@echo "make test-superset  installs it, imports the dashboards, looks at them in a browser"
	@echo "make test   the tests, but for those of"
	@echo "make test-long  which refresh whole companies, load day by day, and kill"
	@echo "make test-serving  which start a PostgreSQL and copy to it: Debian's postgresql and odbc-postgresql"
	@echo "make faults refreshes that are killed, stopped, starved, lied to: all cases, or COUNT= of them, drawn by SEED="
	@echo "make week   a week of recorded days, refreshed every night by Dagster's schedule, held against one full load; NIGHTS= of them"
	@echo "make mutate breaks every rule of the published models, one at a time; a test must notice each"
	@echo "make mutate-sample  200 of them, drawn by SEED="
	@echo "make invariants  a fault of each invariant, which it alone must notice"
	@echo "make bench  what a build costs and how it grows with the data: SIZE=2k, 10k, 100k or 1M"
	@echo "make dev    Dagster on http://127.0.0.1:3000"
	@echo "make bench-extract  what the extraction of 100,000 issues, incidents, pull requests and runs costs, measured"
	@echo "make lineage  report/lineage.html, from each metric to the fields of the APIs that it is made of, and dbt's documentation"
	@echo "make lint   ruff and sqlfluff"
	@echo "make audit  the locked packages against the known holes, as far as these can be asked"
	@echo "make clean  remove the environment; $(FLOWHOUSE_HOME) stays"

install: .venv/installed

# uv compiles the bytecode it installs: without it every start costs two to four times as much.
.venv/installed: pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "flowhouse needs Python 3.11, 3.12 or 3.13 with venv and pip"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(UV)"
	env -u PYTHONDONTWRITEBYTECODE VIRTUAL_ENV=$(CURDIR)/.venv \
		$(BIN)/uv sync --active --locked --inexact --compile-bytecode --quiet
	@touch $@

# Superset excludes the packages of the product: its own environment, from its own lock. Its folder is
# removed first where its lock has changed.
.venv-superset/installed: publish/superset/requirements.lock | .venv/installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-superset
	VIRTUAL_ENV=$(CURDIR)/.venv-superset $(BIN)/uv pip sync \
		--quiet --require-hashes publish/superset/requirements.lock
	@touch $@

superset: install .venv-superset/installed
	@$(BIN)/python -m publish.superset.run

# On what `make demo` has left.
test-superset: install .venv-superset/installed | $(FLOWHOUSE_HOME)/demo/published/warehouse.duckdb
	@$(BIN)/python -m pytest -n 0 -m superset tests/superset

# The tests read what it leaves, if nothing has changed since.
demo: install
	@state=$$($(BIN)/python -m tests.built) && $(BIN)/python -m demo.run && \
		$(BIN)/python -m tests.built $$state

$(FLOWHOUSE_HOME)/demo/published/warehouse.duckdb:
	@$(MAKE) demo

test: install
	@$(PYTEST) -m "not long and not serving and not superset" --junitxml $(FLOWHOUSE_HOME)/proofs/tests.xml

test-long: install
	@$(PYTEST) -m long --junitxml $(FLOWHOUSE_HOME)/proofs/tests-long.xml

# One server, one database: one process. It takes the demo's published file too, if there is one.
test-serving: install
	@$(BIN)/python -m pytest -m serving --junitxml $(FLOWHOUSE_HOME)/proofs/tests-serving.xml tests/serving

faults: install
	@SEED=$(SEED) $(BIN)/python -m tests.faults.many $(COUNT)

week: install
	@NIGHTS=$(NIGHTS) $(BIN)/python -m tests.faults.week

# Mutants are tried on the demo company too: it is made again where the project has changed.
mutate: demo
	@$(BIN)/python -m tests.mutate.run --demo $(FLOWHOUSE_HOME)/demo --output $(FLOWHOUSE_HOME)/proofs
	@$(BIN)/python -m tests.flow.mutate --output $(FLOWHOUSE_HOME)/proofs
	@$(BIN)/python -m tests.flow.faults --output $(FLOWHOUSE_HOME)/proofs
	@$(BIN)/python -m tests.flow.proofs $(FLOWHOUSE_HOME)/proofs

mutate-sample: install
	@$(BIN)/python -m tests.mutate.run --sample 200 --seed $(SEED) --demo $(FLOWHOUSE_HOME)/demo

invariants: install
	@$(BIN)/python -m tests.flow.faults

bench: install
	@$(BIN)/python -m tests.benchmarks.run

bench-extract: install
	@$(BIN)/python -m tests.extract.bench
	@$(BIN)/python -m tests.extract.bench_servicenow
	@$(BIN)/python -m tests.extract.bench_github

lineage: install
	@$(BIN)/python -m orchestration.lineage

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests

audit: install
	@$(BIN)/python -m tests.audit

dev: install
	@$(BIN)/python -m orchestration.serve dev

clean:
	rm -rf .venv
