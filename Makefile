# `make help` lists what there is. Everything is installed into .venv and node_modules; nothing outside this directory
# is written, except Chromium, which `make test` installs by apt where it is missing.

PYTHON ?= python3.11
PORT ?= 8888
IP ?= localhost

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The tests start some hundred processes: what these import is compiled once.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
NODE := jupyter_ext/labextension
BUILT := jupyter_ext/progress_kit_jupyter/labextension/package.json
# The widget, for pages without the labextension.
WIDGET := progress_kit/display/static/widget.js
# The server's own pages: all operations, and what share links lead to.
PAGE := jupyter_ext/progress_kit_jupyter/static/page.js
LINK := $(VENV)/share/jupyter/labextensions/progress-kit

# Directories are listed too: their time changes when a file is removed.
NODE_SOURCES := $(shell find $(addprefix $(NODE)/,src style schema scripts) 2>/dev/null) \
	$(wildcard $(addprefix $(NODE)/,package.json package-lock.json tsconfig.json .npmrc))
PACKAGING := pyproject.toml hatch_build.py $(shell find jupyter_ext/jupyter-config -type f)

PURE_TESTS := $(addprefix tests/,client complexity eta hub model protocol publisher)
PURE_ROOMS := progress_kit/complexity.py,progress_kit/*/session.py,progress_kit/eta/*,progress_kit/hub/*
PURE_ROOMS := $(PURE_ROOMS),progress_kit/model/*,progress_kit/protocol/*

NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(NODE) --no-fund --no-audit --no-update-notifier
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NO_BROWSER = $(if $(filter Darwin,$(shell uname)),,$(if $(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser))
# The tests bring jupyter-collaboration into the environment, which would keep a database in this directory.
NOT_SHARED := --YDocExtension.disable_rtc=True
# The directory of an environment, and how uv chooses the versions for it.
define TEST_WITH
$(PYTHON) -m venv --clear $(1) # what an earlier run has installed would stay
$(1)/bin/python -m pip install --quiet --disable-pip-version-check uv
$(1)/bin/uv pip install --quiet --python $(1)/bin/python $(2) --editable '.[all,notebooks,test]'
$(1)/bin/python -m pytest -p no:cacheprovider -m "not browser" --ignore=tests/packaging --numprocesses=2 --dist=loadfile
endef
# Two targets at a time, each with its output in one piece (which make 3.81 cannot do).
IN_PAIRS = +$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
ALLOW_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# ---------------------------------------------------------------- what people use

.PHONY: lab
lab: $(STAMPS)/lab $(BUILT) $(WIDGET) $(PAGE) ## JupyterLab with the quickstart notebook (PORT=8888, IP=localhost)
	$(BIN)/jupyter lab --ServerApp.ip=$(IP) --ServerApp.port=$(PORT) --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb $(NO_BROWSER) $(ALLOW_ROOT) $(NOT_SHARED)

.PHONY: test
test: chromium ## everything: lint, types, all tests, in a browser and from the wheel too
	# A package that is installed and an extension that is built at the same time would meet, so these are two steps.
	$(IN_PAIRS) $(STAMPS)/dev vitest
	$(IN_PAIRS) lint
	# Most tests wait for servers, kernels and pages, so two at a time take little longer each.
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile

.PHONY: check
check: lint vitest ## what should pass before each commit, in under 2 minutes
	$(BIN)/python -m pytest -m "not browser and not slow"

.PHONY: coverage
coverage: $(STAMPS)/dev ## branch coverage of the pure rooms, which has to be complete
	$(BIN)/python -m coverage run -m pytest $(wildcard $(PURE_TESTS))
	$(BIN)/python -m coverage report --fail-under=100 --include='$(PURE_ROOMS)'

.PHONY: lowest
lowest: $(BUILT) $(WIDGET) $(PAGE) ## the tests without a browser, with the oldest versions that pyproject.toml allows (in .venv-lowest)
	$(call TEST_WITH,.venv-lowest,--resolution lowest-direct)

.PHONY: highest
highest: $(BUILT) $(WIDGET) $(PAGE) ## the same with the newest ones that there are (in .venv-highest)
	$(call TEST_WITH,.venv-highest,--resolution highest --prerelease if-necessary)

.PHONY: package
package: $(BUILT) $(WIDGET) $(PAGE) ## dist/: wheel and source archive, checked, and each extra installed alone
	test -x .venv-package/bin/python || $(PYTHON) -m venv .venv-package
	.venv-package/bin/python -m pip install --quiet --disable-pip-version-check \
		build check-wheel-contents 'hatchling>=1.26' 'jupyter_builder>=1.0' twine uv
	.venv-package/bin/python -m tests.packaging.release

.PHONY: soak
soak: $(STAMPS)/dev $(BUILT) $(WIDGET) $(PAGE) chromium ## a day's use in half an hour, with kernels, tabs, faults and figures (MINUTES=30)
	$(BIN)/python -m tests.soak.day --minutes $(or $(MINUTES),30)

.PHONY: mutants
mutants: $(STAMPS)/dev ## break the hub's rules one by one, and see the state machine find each (about 10 minutes)
	$(BIN)/python -m tests.hub.breaks

.PHONY: chaos
chaos: $(STAMPS)/dev ## the long tests of faults and attacks, with their figures (minutes each)
	$(BIN)/python -m pytest -s tests/chaos/chaos_*.py

.PHONY: bench
bench: $(STAMPS)/dev $(BUILT) $(WIDGET) chromium ## the figures of the benchmarks, side by side
	for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file; done

.PHONY: docs
docs: $(STAMPS)/dev ## the documentation as html, in build/docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
	@echo "file://$(CURDIR)/build/docs/index.html"

.PHONY: screenshots
screenshots: $(STAMPS)/dev $(BUILT) $(WIDGET) $(PAGE) chromium ## the pictures of README and documentation, anew
	$(BIN)/python -m docs.screenshots

.PHONY: format
format: $(STAMPS)/dev $(STAMPS)/node ## let the formatters have their way
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	$(NPM) run --silent lint

.PHONY: generate
generate: $(STAMPS)/dev $(STAMPS)/node ## write the JSON Schema of the wire and the TypeScript types anew
	$(BIN)/python -m progress_kit.protocol.schema
	$(NPM) run --silent types

.PHONY: clean
clean: ## remove what was built, keep what was installed
	rm -rf build dist $(NODE)/lib $(NODE)/*.tsbuildinfo $(dir $(BUILT)) $(dir $(WIDGET)) $(dir $(PAGE)) .coverage* htmlcov
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find progress_kit jupyter_ext tests notebooks -name node_modules -prune -o \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## remove what was installed too
	rm -rf $(VENV) $(NODE)/node_modules

# ---------------------------------------------------------------- the parts of check and test

.PHONY: lint
lint: lint-python lint-typescript

.PHONY: lint-python
lint-python: $(STAMPS)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lint-typescript
lint-typescript: $(STAMPS)/dev $(BUILT) $(WIDGET) $(PAGE)
	$(NPM) run --silent types:check
	$(NPM) run --silent typecheck
	$(NPM) run --silent lint:check
	$(NPM) run --silent sizes

.PHONY: vitest
vitest: $(STAMPS)/node
	$(NPM) run --silent test

# ---------------------------------------------------------------- what they install and build

$(STAMPS)/venv:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/lab: $(STAMPS)/venv $(PACKAGING)
	$(PIP_INSTALL) --editable '.[all,notebooks]' 'jupyter_builder>=1.0'
	mkdir -p $(dir $(LINK)) && rm -rf $(LINK) && ln -s "$(CURDIR)/$(dir $(BUILT))" $(LINK)
	# Nothing is fetched from outside at the start, and nobody is asked about news.
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements >/dev/null
	touch $@

$(STAMPS)/dev: $(STAMPS)/lab
	$(PIP_INSTALL) --editable '.[dev]'
	touch $@

$(STAMPS)/node: $(STAMPS)/venv $(wildcard $(NODE)/package-lock.json)
	$(NPM) ci
	touch $@

$(BUILT): $(STAMPS)/lab $(STAMPS)/node $(NODE_SOURCES)
	$(NPM) run --silent build:prod
	touch $@

$(WIDGET): $(BUILT)
	$(NPM) run --silent build:widget
	touch $@

$(PAGE): $(BUILT)
	$(NPM) run --silent build:page
	touch $@

.PHONY: chromium
chromium:
	@if ! command -v chromium chromium-browser google-chrome >/dev/null; then \
		SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium; \
	fi
