# `make run` and `make test` set up everything they need by themselves, the first time in a minute or two, after that
# in no time. What is set up is noted by empty files in .setup/; `make clean` forgets all of it.

PYTHON ?= python3
export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PACKAGES := pyproject.toml requirements.txt constraints.txt hatch_build.py

.NOTPARALLEL:
.PHONY: run test check audit fuzz format python-tests js-tests chaos rolling setup bundle bench scale screenshots constraints clean help

run: .setup/run bundle ## Serve http://127.0.0.1:5000 (options: make run ARGS="--host 0.0.0.0")
	@python main.py $(ARGS)

test: check js-tests python-tests ## Everything CI does

check: setup ## Formatting, lint and types, of Python and of the browser code
	ruff format --check .
	ruff check .
	mypy
	biome check --error-on-warnings
	tsc -p tsconfig.json
	tsc -p tsconfig.node.json
	python scripts/audit.py

audit: setup ## Known holes in what we depend on (part of check; out of reach is no failure)
	python scripts/audit.py

fuzz: setup ## Go on fuzzing the parsers for longer (options: make fuzz EXAMPLES=100000)
	FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) python -m pytest --timeout 0 tests/hostile/test_fuzz.py

format: setup ## Let the formatters rewrite what they can
	ruff format .
	ruff check --fix .
	biome check --write

js-tests: setup bundle ## The browser modules without a browser
	files=$$(find tests/js -name '*.test.js') && test -n "$$files" && node --test $$files

python-tests: setup bundle ## pytest, browser tests included (options: make python-tests ARGS="-k presence")
	python -m pytest $(ARGS)

chaos: setup bundle ## Cut lines, kill servers and Redis for twice ten minutes, and count (ARGS="--store redis")
	python -m tests.chaos.run $(ARGS)

rolling: setup bundle ## Restart two servers behind nginx in turn while 200 people talk, and count
	python -m tests.deploy.rolling $(ARGS)

setup: .setup/test ## Everything needed for `make test`, without running it

bundle: .setup/run ## The browser code, if it changed
	@scripts/setup bundle

bench: setup bundle ## Measure (see bench/README.md)
	bench/run $(ARGS)

scale: setup bundle ## Measure many servers over one Redis (see bench/README.md)
	python bench/scale.py $(ARGS)

screenshots: setup bundle ## Make docs/screenshot-*.png anew
	python scripts/screenshots.py

constraints: .setup/run ## Resolve constraints.txt and the locks of the image anew from pyproject.toml
	pip install --quiet uv
	uv pip compile pyproject.toml --extra test --extra dev --universal --upgrade \
	  --no-annotate --no-header --python-version 3.11 --output-file constraints.txt
	uv pip compile pyproject.toml --constraint constraints.txt --generate-hashes --universal --upgrade \
	  --no-annotate --no-header --python-version 3.11 --output-file deploy/requirements.lock
	printf 'build\nhatchling\n' | uv pip compile - --generate-hashes --universal --upgrade \
	  --no-annotate --no-header --python-version 3.11 --output-file deploy/build.lock

clean: ## Forget everything that can be made again
	rm -rf .venv .setup node_modules static/dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

.setup/venv:
	@mkdir -p .setup
	@scripts/setup venv
	@touch $@

.setup/run: .setup/venv $(PACKAGES)
	@echo "• Installing the Python packages and bundling the browser code"
	@pip install --quiet --requirement requirements.txt
	@touch $@

.setup/test: .setup/npm .setup/test-packages
	@scripts/setup redis
	@scripts/setup chromium
	@scripts/setup proxies
	@scripts/setup systemd
	@scripts/setup network
	@touch $@

.setup/npm: .setup/venv package.json package-lock.json .npmrc
	@scripts/setup node
	@echo "• Installing the npm packages"
	@npm ci --ignore-scripts --loglevel=error
	@touch $@

.setup/test-packages: .setup/npm $(PACKAGES)
	@echo "• Installing the Python packages and bundling the browser code"
	@pip install --quiet --constraint constraints.txt --editable '.[test,dev]'
	@touch .setup/run $@
