.DEFAULT_GOAL := help
.PHONY: help setup lock check test test-cluster test-browser fault-table demo cluster-up cluster-down cluster-status bench-ingest bench-input bench-scale-ingest bench-scale-score bench-score bench-train clean
export PATH := $(CURDIR)/.venv/bin:$(PATH)
IMAGES ?=
NETWORKS ?= resnet50
SERVICES ?=
SETTINGS ?=
TESTS ?= tests/cluster
WORKERS ?= 2

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup: ## Make .venv with the locked packages; Horovod is built once
	@tools/setup.sh

lock: setup ## Write requirements.lock anew after a change of pyproject.toml; versions stay unless they must move
	@uv=$$(command -v uv || echo $${XDG_CACHE_HOME:-$$HOME/.cache}/darkroom/uv/bin/uv); \
	$$uv pip compile pyproject.toml --all-extras --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --quiet --output-file requirements.lock

check: setup ## Lint, format and types; docs build strictly
	ruff check .
	ruff format --check .
	mypy pipelines jobs tools
	mkdocs build --strict --quiet

test: setup ## Run the tests that need nothing but this machine, files on WORKERS=2 processes of up to 3 GB side by side
	pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --ignore tests/cluster --ignore tests/browser

test-cluster: setup ## Run the tests on a real Hadoop, S3 and Spark standalone, started on loopback; needs Maven; TESTS=a file of them
	pytest $(TESTS)

test-browser: setup ## Run the tests of the pages in a real browser; needs Debian's chromium and chromium-driver
	pytest tests/browser

fault-table: setup ## Run the tests that kill something and write docs/faults.md from what they find
	pytest -m fault --fault-table docs/faults.md

demo: setup ## ingest, train, evaluate and score on digits, or on IMAGES=/a/folder of label/photo.jpg
	python tools/demo.py $(IMAGES)

cluster-up: setup ## Start real servers on loopback: SERVICES="hadoop s3 kafka", all by default
	@python -m tools.cluster up $(SERVICES)

cluster-down: setup ## Stop them
	@python -m tools.cluster down $(SERVICES)

cluster-status: setup ## Say which of them run
	@python -m tools.cluster status $(SERVICES)

bench-ingest: setup ## Measure ingest against a bare loop, Ray Data and Daft; IMAGES=/a/folder of label/photo.jpg
	python -m benchmarks.ingest --images "$(IMAGES)"

bench-input: setup ## Measure training input against a bare loop and four loaders
	python -m benchmarks.input --images "$(IMAGES)"

bench-scale-ingest: setup ## Measure ingest of 3,000 to 100,000 photos on all cores, of 3,000 and 20,000 on one
	python -m benchmarks.scale ingest --images "$(IMAGES)"

bench-scale-score: setup ## Measure score of as many
	python -m benchmarks.scale score --images "$(IMAGES)"

bench-score: setup ## Measure score against the engine alone, Ray Data and predict_batch_udf; NETWORKS=mobilenet_v3_large
	python -m benchmarks.score --images "$(IMAGES)" --networks "$(NETWORKS)"

bench-train: setup ## Measure training on two processes against one alone and DDP; SETTINGS="gradient_compression=fp16"
	python -m benchmarks.train --images "$(IMAGES)" --settings $(SETTINGS)

clean: ## Delete the venv and what the demo made
	rm -rf .venv artifacts site
