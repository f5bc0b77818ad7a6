# The commands of a working day; each may be repeated at any time. `make help` lists them.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

BIN := .venv/bin

.PHONY: help
help: ## List these commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: env ## Start the sample shop's assistant: environment, model, database, all processes; Ctrl-C stops them
	@exec $(BIN)/returnsdesk up

.PHONY: env
env: ## Build the environment in .venv, fetching Python 3.10 where the machine has none
	@scripts/bootstrap

.PHONY: train
train: env ## Train the model into models/, unless there is one for the present data and configuration
	@$(BIN)/returnsdesk train

.PHONY: format
format: env ## Put the code into the house style, as far as a tool can
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

.PHONY: check
check: env ## Look for faults without running anything: style, types, training data, texts
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/yamllint --strict .
	@$(BIN)/mypy
	@$(BIN)/returnsdesk check-data

.PHONY: test-servers
test-servers: env ## Find or install what the tests talk to: PostgreSQL, Redis and a browser
	@$(BIN)/python -m tests.servers.install

.PHONY: test
test: env test-servers check train ## Run everything: the checks, then all tests; ARGS="-k refund" narrows the tests
	@$(BIN)/pytest $(ARGS)

.PHONY: screenshots
screenshots: env test-servers ## Take the pictures in docs/pictures from the running product; ADDRESS=... names another
	@$(BIN)/python -m scripts.screenshots $(ADDRESS)

.PHONY: clean
clean: ## Remove what tools leave behind; the environment, models, database and settings stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .rasa .import_linter_cache build dist
	@find . \( -name .venv -o -name .tools -o -name .git \) -prune -o -name __pycache__ -type d -exec rm -rf {} +
	@echo "Removed caches. Kept: .venv and .tools (delete them to build anew), models/, var/ and .env."
