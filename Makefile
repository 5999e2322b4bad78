# Everything a newcomer types. GNU make 3.81 or later (Linux, macOS).
#
#   VENV=DIR             the virtual environment to make and use (default .venv)
#   PYTHON=PROGRAM       the Python that makes it, 3.11 or later (default python3)
#   TORCH_INDEX_URL=URL  the package index to take PyTorch from, to choose a CPU or a CUDA build
#   CONSTRAINTS=FILE     the versions to install (default constraints.txt); empty for the newest, in a new VENV
#   NOTEBOOK=FILE        what `make run` opens; 0 starts the service alone
#   PORT=N LAB_PORT=N    where `make run` listens; DATA=DIR where it keeps its data

VENV ?= .venv
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
NOTEBOOK ?= notebooks/01-quickstart.ipynb

BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
DEPENDENCY_GROUPS = lint typing demo docs release test
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check $(CONSTRAINTS:%=-c %)

# The name goes to the command by the environment, as it is: neither make nor the shell reads a $ or a quote in it.
override export DATA := $(value DATA)
RUN_OPTIONS = $(if $(PORT),--port "$(PORT)") $(if $(value DATA),--data "$$DATA")
PARALLEL = -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
LAB_OPTIONS = $(if $(LAB_PORT),--lab-port "$(LAB_PORT)")

# Fixtures are untyped, and so are the tests that take them, so mypy checks only the annotated functions of the tests.
# Other options need another cache: each call of mypy would discard what it finds of the other's.
TESTS_TYPING = --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --no-check-untyped-defs \
	--no-warn-return-any --cache-dir .mypy_cache/tests

.PHONY: help install run test coverage soak lint secrets notebooks pictures docs release clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@echo "make COMMAND [VARIABLE=VALUE ...]"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-11s%s\n", $$1, $$2 }'
	@echo
	@sed -n 's/^#   /  /p' Makefile

install: $(STAMP)  ## make .venv and install AutoTune with all it needs into it (again only when that changed)

run: $(STAMP)  ## start the service and JupyterLab on a copy of the quickstart notebook
ifeq ($(NOTEBOOK),0)
	@exec $(BIN)/autotune serve $(RUN_OPTIONS)
else
	@exec $(BIN)/autotune lab "$(NOTEBOOK)" --copy $(RUN_OPTIONS) $(LAB_OPTIONS)
endif

test: $(STAMP)  ## run the tests, on up to four cores
	$(BIN)/python -m pytest $(PARALLEL)

# It takes half as long again as the tests.
coverage: $(STAMP)  ## measure which lines and branches the tests reach, in all processes, against the floor in pyproject.toml
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

soak: $(STAMP)  ## try faults and hostile requests as often and as long as promised: hours
	$(BIN)/python -m pytest --soak -o faulthandler_timeout=7200 tests/faults tests/load tests/proxy \
		tests/security/test_siege.py tests/tuning/test_rules.py tests/web/blueprints/test_portable.py \
		tests/deploy/test_release.py

# What git does not follow is no part of the project, which may have come without git. Pictures, measured data and Swagger
# UI are not written by hand.
SECRET_SCAN = $(BIN)/detect-secrets-hook --no-verify --plugin .ci/secret_scan.py \
	$(foreach filter,is_random_data is_made_up is_prose is_placeholder,--filter .ci/secret_scan.py::$(filter)) \
	--exclude-files '(\.(png|gif|svg|csv)|/swagger-ui/[^/]+)$$'

lint: $(STAMP) secrets  ## check style, types, the direction of imports, and what is known to be unsafe
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy $(TESTS_TYPING) tests
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive service jupyter_ext examples .ci
	$(BIN)/python .ci/audit.py constraints.txt

# A test plants one and sees this fail.
secrets: $(STAMP)  ## look for passwords, keys and tokens in all files of the project
	@files=$$(git ls-files 2>/dev/null || find * -type f ! -path '*/__pycache__/*' ! -path '*/.*') \
		&& printf '%s\n' $$files | xargs -P 2 -n 250 $(SECRET_SCAN)

notebooks: $(STAMP)  ## run the notebooks on a service of their own, and save them with what they show
	PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/notebooks/notebook_runs.py

pictures: $(STAMP)  ## make the pictures of the documentation, docs/images, with Chromium
	$(BIN)/python bench/pictures.py

docs: $(STAMP)  ## build the documentation as a site, build/docs/index.html; a link that leads nowhere stops it
	$(BIN)/python -m sphinx -qWb html -c docs/site . build/docs
	@echo "Open build/docs/index.html"

# REPOSITORY_URL=ADDRESS says where the repository is.
release: $(STAMP)  ## build and check what is published: sdist, wheel and bill of materials, in dist; on a tagged commit
	$(BIN)/python tools/release.py

clean:  ## remove .venv and every cache and build product
	test ! -f "$(VENV)/pyvenv.cfg" || rm -rf "$(VENV)"
	rm -rf build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# PyTorch comes first and alone: an index of PyTorch builds need not hold the rest, and a looser request made later by
# another package must find it in place. What that build needs besides (CUDA libraries) may be on its index only.
# greattunes comes last and without its dependencies: it pins versions of 2020, and runs with today's.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "AutoTune needs Python 3.11 or later, and $(PYTHON) is: `$(PYTHON) --version 2>&1`."; \
		echo "Name another one: make install PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; } >&2
	@echo "Installing into $(VENV): minutes the first time, PyTorch alone is 0.2 to 3 GB."
	$(PYTHON) -m venv "$(VENV)"
	$(PIP_INSTALL) --upgrade pip
	$(PIP_INSTALL) torch $(if $(TORCH_INDEX_URL),--no-deps --index-url "$(TORCH_INDEX_URL)")
	$(PIP_INSTALL) $(CONSTRAINTS:%=--build-constraint %) --editable '.[greattunes,mcp,notebook,optuna,pictures,service,sklearn,traces,web]' $(DEPENDENCY_GROUPS:%=--group %) \
		$(if $(TORCH_INDEX_URL),--extra-index-url "$(TORCH_INDEX_URL)")
	$(PIP_INSTALL) --no-deps greattunes
	@touch "$@"
