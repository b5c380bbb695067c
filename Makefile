# Everything a person or CI runs. `make help` lists it.
# Every target does its own set-up: the virtual environment, and the locked packages when the lock changed.

PYTHON ?= python3
# Test processes; each has databases of its own.
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes

# Stamps: `run` needs the few packages of the service, everything else those for development too.
BASE := $(VENV)/.base-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run stop test storm check check-base bench lock clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1mmake %-8s\033[0m %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## make .venv with every package for development
	@echo "$(VENV) is ready."

run: $(BASE) ## start everything with demo tenants; Ctrl-C stops it
	@exec $(RUN) manage.py up

stop: $(BASE) ## stop the embedded servers that a management command left running
	@$(RUN) -m config.embedded stop

test: $(DEV) ## run the tests; ARGS="-k name" picks some, JOBS=0 shows what they print
	@$(RUN) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not storm" $(ARGS)

storm: $(DEV) ## run the tests that take minutes: many at once, servers killed, thousands of random sequences
	@$(RUN) -m pytest -n 0 -m storm $(ARGS)

check: $(DEV) ## lint, types, import contracts, migrations, OpenAPI document, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) manage.py check_migrations
	$(RUN) manage.py check_openapi
	@for compose in "docker compose" docker-compose; do \
		$$compose version >/dev/null 2>&1 || continue; \
		echo "$$compose config"; \
		exec $$compose --env-file docker/env.example --file docker/compose.yaml config >/dev/null; \
	done; echo "docker compose is not here: docker/compose.yaml was NOT checked"

check-base: ## does the service load with its own packages alone? development's would hide a missing one
	@$(PYTHON) -m venv var/base-only
	@var/base-only/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement requirements/base.txt
	@var/base-only/bin/python -W ignore manage.py check
	@rm -rf var/base-only

bench: $(DEV) ## measure, as ratios in one run
	@$(RUN) -m benchmarks $(ARGS)

lock: $(DEV) ## re-make the locks from requirements/*.in; UPGRADE=1 takes newer versions
	@cd requirements && for name in base dev; do \
		../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
			$(if $(UPGRADE),--upgrade) $$(test $$name = base || echo --constraints base.txt) \
			$$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## stop the embedded servers; remove .venv, var and caches
	@if test -x $(RUN) && test -d var; then $(RUN) -m config.embedded stop --var var; fi
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Quintet needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	}
	@$(PYTHON) -m venv $(VENV)

$(BASE): requirements/base.txt | $(RUN)
	@echo "Installing what the service needs (once per change of the lock) …"
	@$(PIP_INSTALL) --requirement requirements/base.txt
	@touch $@

# dev.txt holds everything of base.txt, at the same versions.
$(DEV): requirements/dev.txt requirements/base.txt | $(RUN)
	@echo "Installing what development needs (once per change of the lock) …"
	@$(PIP_INSTALL) --requirement requirements/dev.txt
	@touch $(BASE) $@
