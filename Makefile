# Commands for development. `make help` lists them.
.DEFAULT_GOAL := help
BIN := .venv/bin
STAGE ?= poc

.PHONY: help
help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

.venv: requirements-dev.txt
	python3 -m venv .venv
	$(BIN)/pip install -q -r requirements-dev.txt
	@touch .venv

.PHONY: run test lint types bench package deploy update
run: .venv ## Run the API with an embedded DynamoDB
	$(BIN)/flask run

test: .venv ## Run the fast tests
	$(BIN)/pytest

lint: .venv ## Check lint and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv ## Check the types
	$(BIN)/mypy

bench: .venv ## Measure cold start and warm calls beside plain boto3
	$(BIN)/python -m bench.cold_start
	$(BIN)/python -m bench.warm

package: .venv ## Build the Lambda package
	. $(BIN)/activate && zappa package $(STAGE)

deploy: .venv ## Deploy STAGE (default: poc)
	. $(BIN)/activate && zappa deploy $(STAGE)

update: .venv ## Update STAGE (default: poc)
	. $(BIN)/activate && zappa update $(STAGE)

.PHONY: exhaustive embedded storage faults runtime rehearsal browser server contract fuzz soak
exhaustive: .venv ## Test every combination of cases
	$(BIN)/pytest -m 'exhaustive and not storage'

embedded: .venv ## Test `flask run` and the local tickets
	$(BIN)/pytest -n 0 -m embedded

storage: .venv ## Test on Amazon's DynamoDB Local
	.ci/dynamodb-local
	$(BIN)/pytest -n 0 -m storage

faults: .venv ## Test every write under faults
	.ci/dynamodb-local
	$(BIN)/pytest -n 0 -m faults

runtime: .venv ## Test the Lambda package under AWS's Lambda runtime
	.ci/lambda-runtime
	$(BIN)/pytest -n 0 -m runtime

rehearsal: .venv ## Deploy into a local AWS and test there
	.ci/browser
	$(BIN)/pytest -n 0 -m rehearsal

browser: .venv ## Test the desk in Chromium
	.ci/browser
	$(BIN)/pytest -n 0 -m browser

server: .venv ## Test the single-server deployment behind nginx
	.ci/server
	timeout --signal=INT 600 $(BIN)/pytest -n 0 -m server

contract: .venv ## Send 5,000 generated requests
	$(BIN)/pytest -n 0 -m contract

fuzz: .venv ## Send random raw requests for five minutes
	$(BIN)/pytest -n 0 -m fuzz -rP

soak: .venv ## Run 100,000 operations under faults
	.ci/dynamodb-local
	$(BIN)/pytest -n 0 -m soak
