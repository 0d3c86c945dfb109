# Everything sets itself up: a virtual environment, the locked dependencies and an .env of its own.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-strip-extras --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench chaos lock

help:  ## list what can be made
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1	/p' $(MAKEFILE_LIST)

run: $(READY) .env  ## start everything on this machine and print where and how to sign in
	@exec env IGNORE_ENV_RUN=1 $(BIN)/python manage.py develop

test: $(READY)  ## run every test that this machine can run
	@$(BIN)/python -m tests.lanes $(ARGS)

lint: $(READY)  ## check style, types, the house's walls, migrations and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django check --fail-level WARNING

format: $(READY)  ## format code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure, as ratios in one run; ARGS="create" picks
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(READY)  ## kill processes at random and count the money afterwards
	@$(BIN)/python -m tests.chaos $(ARGS)

lock: $(READY)  ## write requirements*.txt anew from pyproject.toml
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked dependencies; the first time takes a minute or two."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.env: .env.example
	@umask 077; test -f $@ && touch $@ || sed "s/^SECRET_KEY=.*/SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))')/" $< > $@
