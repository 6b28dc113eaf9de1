# Every target does first what it needs. The environment lies in .venv and is made once; it is
# renewed when a file under requirements/ or pyproject.toml changes.

PYTHON  ?= python3
VENV    ?= .venv
ARGS    ?=
WORKERS ?= 2
# Other people's programs that `make clients` tests against, each in an environment of its own.
CLIENTS ?= dbt spark airflow dagster dagster-1.11 dagster-1.12 dask dg
SPARK_LISTENER := io.openlineage:openlineage-spark_2.12:1.53.0

BIN := $(VENV)/bin
UV  := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
       --no-emit-index-url --no-emit-find-links --no-emit-package tracehold-dagster --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench clients campaign mutants lock

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.dev ## Make .venv with everything for use and development (demo and test do it too)
	@echo "Ready: $(BIN)/tracehold --help"

demo: $(VENV)/.runtime ## The whole story on real data, then serve it (ARGS=--no-serve ends instead)
	$(BIN)/tracehold demo $(ARGS)

test: $(VENV)/.dev ## Run the tests; NEO4J=1 starts a real Neo4j for its suite (ARGS go to pytest)
	@set -eu; \
	if [ -n "$(NEO4J)" ]; then \
	  trap '$(BIN)/python -m tracehold.neo4j stop --home .neo4j' EXIT; \
	  echo "Starting a Neo4j in .neo4j"; \
	  settings=$$($(BIN)/python -m tracehold.neo4j start --home .neo4j --port 0 --export); \
	  eval "$$settings"; \
	elif [ -z "$${TRACEHOLD_TEST_NEO4J_URL:-}" ]; then \
	  echo "No Neo4j is configured: its suite will be SKIPPED. To run it: make test NEO4J=1"; \
	fi; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: $(VENV)/.dev ## Format, lint, types, import contracts, then the tests with those of the docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.dev ## Measure on this machine (ARGS="--only accept,visible"; --write renews docs/reference/benchmarks.md)
	PYTHONPATH=tests/support $(BIN)/python tests/bench/bench.py $(ARGS)

clients: $(VENV)/.dev $(CLIENTS:%=.clients/%/.ready) ## Unchanged OpenLineage clients against a real server (CLIENTS="dbt spark" for some)
	$(BIN)/python -m pytest -m clients $(ARGS)

campaign: $(VENV)/.dev ## Kills, faults, tampers, permutations in large numbers, for hours; writes docs/reference/reliability.md
	PYTHONPATH=tests/support $(BIN)/python tests/support/campaign_page.py -n $(WORKERS) --dist loadfile -- $(ARGS)

mutants: $(VENV)/.dev ## Change the code place by place and see whether a test notices (ARGS='lineage/journal --sample 300')
	PYTHONPATH=tests/support:. $(BIN)/python tests/support/mutants.py $(ARGS)

lock: $(VENV)/.tools ## Resolve requirements/*.txt and clients/*.txt anew with hashes (UPGRADE=1 takes newer versions)
	$(LOCK) requirements/tools.in -o requirements/tools.txt
	$(LOCK) requirements/neo4j-local.in -o requirements/neo4j-local.txt
	$(LOCK) pyproject.toml --extra demo -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/runtime.txt -o requirements/dev.txt
	for client in build $(CLIENTS); do $(LOCK) requirements/clients/$$client.in -o requirements/clients/$$client.txt || exit 1; done

$(VENV)/.tools: requirements/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "$(PYTHON) is not Python 3.11 to 3.13; name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.tools requirements/runtime.txt pyproject.toml clients/dagster/pyproject.toml
	@echo "Installing what Tracehold needs"
	@$(UV) --require-hashes -r requirements/runtime.txt
	@$(UV) --no-deps --no-build-isolation -e . -e clients/dagster
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing what its tests need"
	@$(UV) --require-hashes -r requirements/dev.txt
	@touch $@

define INSTALL_CLIENT
@echo "Installing $(@D)"
@rm -rf $(@D)
@$(PYTHON) -m venv --without-pip $(@D)
@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes \
  --build-constraints requirements/clients/build.txt -r $<
endef

.clients/%/.ready: requirements/clients/%.txt | $(VENV)/.tools
	$(INSTALL_CLIENT)
	@touch $@

# Its listener is a jar, which Maven fetches.
.clients/spark/.ready: requirements/clients/spark.txt requirements/clients/spark.sha256 | $(VENV)/.tools
	$(INSTALL_CLIENT)
	@mvn --quiet --batch-mode -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
	  -Dartifact=$(SPARK_LISTENER) -DoutputDirectory=$(@D) -Dmdep.useBaseVersion=true
	@cd $(@D) && sha256sum --check --quiet ../../requirements/clients/spark.sha256
	@touch $@
