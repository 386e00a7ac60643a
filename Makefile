# The commands of the project, the same by hand and in CI.

# The newest Python on the PATH, unless PYTHON names one.
NAMES := python3.14 python3.13 python3.12 python3.11 python3 python
IS_OLD := "error: Python 3.11 or newer is needed; " + sys.executable + " is " + sys.version.split()[0]
IS_SUPPORTED := -c 'import sys; sys.exit($(IS_OLD) if sys.version_info < (3, 11) else 0)'
PYTHON ?= $(or $(shell for name in $(NAMES); do \
	"$$name" $(IS_SUPPORTED) 2>/dev/null && echo "$$name" && break; done),$(error \
	Python 3.11 or newer is needed, and none is on the PATH: install one, or name it by PYTHON=))
ENVIRONMENTS = "$(PYTHON)" $(IS_SUPPORTED) && "$(PYTHON)" requirements/environments.py
RUN := .venv/bin/python
# Without bytecode, which some machines and images switch off, each process compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
GITHUB := .phaseline/node/bin/node tests/contract/github_validation.mjs
REGIONS := from phaseline.deploy.regions import SUPPORTED; print(*sorted(SUPPORTED))
POLICIES := tests/contract/test_authorization.py tests/contract/test_names.py
CI ?=
BENCH ?=
CHAOS ?=
LOAD ?=
MUTATE ?=
SIMULATE ?=
TESTS ?=

.PHONY: setup demo test quick versions lint code templates policies workflows check audit lock simulate chaos load mutate bench clean

setup: .venv/local .phaseline/emulator/ready

.venv/local: requirements/local.txt
	@$(ENVIRONMENTS) install .venv $<
	@$(ENVIRONMENTS) program .venv
	@touch $@

.venv/dev: requirements/dev.txt
	@$(ENVIRONMENTS) install .venv $<
	@$(ENVIRONMENTS) program .venv
	@touch $@ .venv/local

.phaseline/emulator/ready: requirements/emulator.txt
	@$(ENVIRONMENTS) install .phaseline/emulator $<
	@touch $@

.phaseline/awscli/ready: requirements/benchmarks.txt
	@$(ENVIRONMENTS) install .phaseline/awscli $<
	@touch $@

# Node.js comes from PyPI, and GitHub's parser of workflows from npm: `npm ci` takes what the lock file has.
.phaseline/node/ready: requirements/node.txt requirements/node/package.json requirements/node/package-lock.json
	@$(ENVIRONMENTS) install .phaseline/node $<
	@cp requirements/node/package*.json .phaseline/node
	@PATH=".phaseline/node/bin:$$PATH" npm ci --prefix .phaseline/node --ignore-scripts --no-audit --no-fund --silent
	@touch $@

demo: setup
	$(RUN) -m local demo $(if $(CI),--ci)

test: .venv/dev .phaseline/emulator/ready .phaseline/node/ready
	$(RUN) -m pytest $(TESTS)

# The tests that start no server: for the edit loop.
quick: .venv/dev .phaseline/node/ready
	$(RUN) -m pytest tests/unit tests/contract tests/faults

# The unit tests with each supported Python on this machine.
versions:
	$(ENVIRONMENTS) versions requirements/dev.txt -m pytest tests/unit

lint: .venv/dev .phaseline/node/ready
	@$(MAKE) --no-print-directory --jobs=2 templates code workflows policies

code: .venv/dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

templates: .venv/dev
	.venv/bin/cfn-lint --regions $$($(RUN) -c '$(REGIONS)') -- infra/*.yaml

# The policies against AWS's service authorization reference, and against names that CloudFormation generates.
policies: .venv/dev
	$(RUN) -m pytest -n0 --quiet $(POLICIES)

workflows: .venv/dev .phaseline/node/ready
	.venv/bin/actionlint -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --persona auditor .github
	$(GITHUB) .phaseline/node .github/workflows/*.yml .github/actions/*/action.yml

check: lint test

.phaseline/audit/ready: requirements/audit.txt
	@$(ENVIRONMENTS) install .phaseline/audit $<
	@touch $@

# Known vulnerabilities of all packages of PyPI that are locked. It needs the network, so it is no part of lint.
audit: .phaseline/audit/ready
	"$(PYTHON)" -m requirements.vulnerabilities .phaseline/audit/bin/pip-audit

# Locks all packages with their hashes, after a change of a list in requirements/.
lock:
	$(ENVIRONMENTS) lock

# Simulated histories with faults at every remote call, judged by invariants.
simulate: .venv/dev
	nice $(RUN) -m tests.simulator $(SIMULATE)

# Releases through a local system, while AWS, GitHub and Slack have faults and processes are killed.
chaos: .venv/dev .phaseline/emulator/ready
	nice $(RUN) -m tests.chaos $(CHAOS)

# A burst, a backlog and a queue of promotions on a local system, measured.
load: .venv/dev .phaseline/emulator/ready
	nice $(RUN) -m tests.load $(LOAD)

# Small faults in the modules that decide, each of which a unit test must find.
mutate: .venv/dev
	nice $(RUN) -m tests.mutation $(MUTATE)

bench: .venv/dev .phaseline/emulator/ready .phaseline/awscli/ready
	$(RUN) -m benchmarks.drift $(BENCH)

clean:
	rm -rf .venv .phaseline build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find * -name __pycache__ -type d -prune -exec rm -rf {} +
