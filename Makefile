# A fresh machine needs python3 (3.11 or later) with venv, make and git; everything else goes to .venv.
PYTHON ?= python3
SCRIPTS ?= 1000
BIN := .venv/bin

.PHONY: help demo test lint fuzz cpython bench compiled suites clean .venv

help:
	@echo "make demo   four acts about the end of a connection, each a real run"
	@echo "make test   lint, types and the whole test suite"
	@echo "make lint   ruff and mypy only"
	@echo "make fuzz   the property tests with fresh random examples; as root random scripts on the kernel too"
	@echo "make cpython  CPython's own socket tests, each in a world of its own (MODULE=test_socket for one)"
	@echo "make bench  what it costs, beside the kernel and ns-3 (ARGS=--quick for a look only)"
	@echo "make compiled  the hot rooms compiled by mypyc, and their tests against them: 2 minutes"
	@echo "make suites public packetdrill suites in LASTACK_SUITES, counted (tests/suites/expected.toml)"
	@echo "make .venv  the environment alone; make clean removes it and all caches"

demo: .venv/user
	$(BIN)/lastack demo

# Many tests wait for a kernel or a child process: four at a time, also on two processors. A file
# stays together, since its tests share what they have played.
test: lint
	$(BIN)/python -m pytest -n 4 --dist loadfile

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/mypy

fuzz: .venv/dev
	LASTACK_FUZZ=1 $(BIN)/python -m pytest -m hypothesis
	@if [ "$$(id -u)" = 0 ]; then $(BIN)/lastack fuzz --seed $${SEED:-$$(date +%s)} --scripts $(SCRIPTS); \
	  else echo "lastack fuzz needs root: random scripts on the kernel were left out"; fi

# INTERPRETER: whose tests, several with blanks between; ARGS: see python -m tests.cpython run --help.
cpython: .venv/dev
	$(BIN)/python -m tests.cpython run $(foreach one,$(INTERPRETER),--python $(one)) $(ARGS) $(MODULE)

bench: .venv/dev
	$(BIN)/python -m bench $(ARGS)

compiled: .venv/dev
	$(BIN)/python tools/compiled.py

suites: .venv/dev
	$(BIN)/python -m pytest -rs tests/suites

.venv: .venv/dev

# Two stamps: somebody who wants to see the demo does not wait for the tools of the tests.
.venv/user: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "lastack needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev: .venv/user
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find src tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
