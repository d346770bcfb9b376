.DEFAULT_GOAL := help
.PHONY: help setup check test demo clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)
IMAGES ?=
EPOCHS ?= 10

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup: ## Make .venv with the locked packages; Horovod is built once
	@tools/setup.sh

check: setup ## Lint, format and types; docs build strictly
	ruff check .
	ruff format --check .
	mypy pipelines jobs tools
	mkdocs build --strict --quiet

test: setup ## Run the tests
	pytest

demo: setup ## ingest, train, evaluate and score on digits, or on IMAGES=/a/folder of label/photo.jpg
	python tools/demo.py $(IMAGES)

clean: ## Delete the venv and what the demo made
	rm -rf .venv artifacts site
