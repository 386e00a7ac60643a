# One way to run each thing, the same by hand and in CI.
PYTHON ?= python3.11
RUN := .venv/bin/python
CI ?=
BENCH ?=

.PHONY: setup demo test lint check bench clean

setup: .venv/ready .phaseline/emulator/ready

.venv/ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.phaseline/emulator/ready: local/requirements.txt
	$(PYTHON) -m venv .phaseline/emulator
	.phaseline/emulator/bin/pip install --quiet --disable-pip-version-check -r local/requirements.txt
	touch $@

.phaseline/awscli/ready: benchmarks/requirements.txt
	$(PYTHON) -m venv .phaseline/awscli
	.phaseline/awscli/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@

demo: setup
	$(RUN) -m local demo $(if $(CI),--ci)

test: setup
	$(RUN) -m pytest --basetemp .phaseline/tests

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/cfn-lint infra/*.yaml
	.venv/bin/actionlint -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --persona auditor .github

check: lint test

bench: setup .phaseline/awscli/ready
	$(RUN) -m benchmarks.drift $(BENCH)

clean:
	rm -rf .venv .phaseline build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
