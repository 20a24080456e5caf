# Every target makes the environment it needs. Needed on the machine: make, and Python 3.10-3.14 or uv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell .ci/find-python)
UV ?= $(shell uv --version >/dev/null 2>&1 && command -v uv)
JOBS ?= 2
FRAMEWORK_ENV := CUDA_VISIBLE_DEVICES= TF_CPP_MIN_LOG_LEVEL=3
# The tests spend their time on compiling what JAX computes once: without optimization, and what is equal only once.
JAX_ENV := $(FRAMEWORK_ENV) KERAS_BACKEND=jax XLA_FLAGS=--xla_backend_optimization_level=0 \
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.jax_cache JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1
PYTEST_ARGS ?= -q -n $(JOBS) --dist worksteal
NOT_SLOW := $(if $(SLOW),,and not slow)
NEWEST_TESTS := tests/jax/test_primitives.py tests/jax/test_import.py tests/stablehlo tests/keras/test_layers.py
FRAMEWORKS := tf or keras or jax or tfx or flex or beam or metadata

# $(call make-env,DIR) and $(call install,DIR,EXTRAS): with uv when the machine has it, else with venv and pip.
# PYTHON is only looked up when an environment has to be made.
ifneq ($(UV),)
make-env = [ -x $(1)/bin/python ] || $(UV) venv -q --python "$(or $(PYTHON),>=3.10,<3.15)" $(1)
install = $(UV) pip install -q --python $(1)/bin/python -e ".$(2)"
install-packages = $(UV) pip install -q --python $(1)/bin/python $(2)
make-env-tfx = [ -x $(1)/bin/python ] || $(UV) venv -q --python "$(or $(PYTHON_TFX),3.11)" $(1)
else
make-env = [ -x $(1)/bin/python ] || { [ -n "$(PYTHON)" ] || { echo "make: no Python 3.10-3.14 found; set PYTHON=/path/to/python" >&2; exit 1; }; \
	"$(PYTHON)" -m venv $(1); }
install = $(1)/bin/python -m pip install -q --disable-pip-version-check -e ".$(2)"
install-packages = $(1)/bin/python -m pip install -q --disable-pip-version-check $(2)
make-env-tfx = [ -x $(1)/bin/python ] || { [ -n "$(PYTHON_TFX)" ] || { echo "make: no Python 3.11 found; set PYTHON_TFX=/path/to/python3.11" >&2; exit 1; }; \
	"$(PYTHON_TFX)" -m venv $(1); }
endif

PYTHON_TFX ?= $(shell .ci/find-python 3.11)
AI_EDGE_QUANTIZER := ai-edge-quantizer==0.10.0
TFMA := tensorflow-model-analysis==0.52.0
TFX := tfx==1.21.0 ml-pipelines-sdk==1.21.0 ml-metadata==1.17.1 tensorflow-transform==1.21.0 \
	tensorflow-data-validation==1.16.1 pyfarmhash keras-tuner portpicker docker pydot

.PHONY: help demo test test-tf test-jax test-newest test-flex test-tfx test-metadata test-pages lint format types imports bench bench-quant bench-evaluate docs clean ci

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

demo: .venv/core.stamp ## Convert the example digits model, verify it and print its figures
	.venv/bin/litesmith demo

test: .venv/dev.stamp ## Run the core tests (no framework needed)
	.venv/bin/python -m pytest $(PYTEST_ARGS) -m "not ($(FRAMEWORKS)) $(NOT_SLOW)" $(TESTS)

test-tf: .venv-tf/tf.stamp ## Run the tests against TensorFlow and Keras on TensorFlow
	$(FRAMEWORK_ENV) KERAS_BACKEND=tensorflow .venv-tf/bin/python -m pytest $(PYTEST_ARGS) -m "(tf or keras) $(NOT_SLOW)" $(TESTS)

test-jax: .venv-jax/jax.stamp ## Run the tests against JAX and Keras on JAX (no TensorFlow)
	$(JAX_ENV) .venv-jax/bin/python -m pytest $(PYTEST_ARGS) -m "(jax or keras) $(NOT_SLOW)" $(TESTS)

test-flex: .venv-flex/flex.stamp ## Run Select TF operators in the last TensorFlow that runs them (Python up to 3.12)
	$(FRAMEWORK_ENV) .venv-flex/bin/python -m pytest $(PYTEST_ARGS) -m "flex $(NOT_SLOW)" tests/select

test-tfx: .venv-tfx/tfx.stamp ## Run the tests against TFX, TFMA and Apache Beam, a pipeline among them
	$(FRAMEWORK_ENV) .venv-tfx/bin/python -m pytest -q -m "(tfx or beam) $(NOT_SLOW)" $(or $(TESTS),tests/tfx tests/evaluate tests/data tests/quantize/test_distributed.py)

test-metadata: .venv/dev.stamp .venv-metadata/stamp ## Run the tests against the stock writers and readers of metadata
	METADATA_PYTHON=$(CURDIR)/.venv-metadata/bin/python .venv/bin/python -m pytest -q -m metadata $(or $(TESTS),tests/formats/metadata)

test-pages: .venv/dev.stamp .browser/chromium ## Look at the pages of reports in a browser (LITESMITH_BROWSER=PROGRAM, else one from npm)
	LITESMITH_BROWSER="$(or $(LITESMITH_BROWSER),$(CURDIR)/.browser/chromium)" .venv/bin/python -m pytest -q -m browser $(or $(TESTS),tests/test_pages.py)

# The next release of Python and JAX is seen here when it comes.
test-newest: .venv-newest/jax.stamp ## Run a part of the JAX tests on the newest Python and JAX there are
	$(JAX_ENV) .venv-newest/bin/python -m pytest $(PYTEST_ARGS) -m "(jax or keras) $(NOT_SLOW)" $(NEWEST_TESTS)

lint: .venv/dev.stamp ## Check style and complexity (ruff)
	.venv/bin/ruff check .

format: .venv/dev.stamp ## Repair what ruff can repair by itself
	.venv/bin/ruff check --fix .

types: .venv/dev.stamp ## Check types (mypy --strict)
	.venv/bin/mypy

imports: .venv/dev.stamp ## Check that imports run one way (import-linter)
	.venv/bin/lint-imports

bench-evaluate: .venv-tfx/tfx.stamp ## Measure litesmith evaluate against the bare interpreter and TFMA
	$(FRAMEWORK_ENV) .venv-tfx/bin/python -m benchmarks.evaluation $(BENCH_ARGS)

bench: .venv/core.stamp .venv-tf/tf.stamp ## Measure against the official converter, side by side
	.venv/bin/python -m benchmarks $(BENCH_ARGS)

bench-quant: .venv/dev.stamp .venv-tf/tf.stamp .venv-ai-edge/stamp ## Measure quantization against the official one and ai-edge-quantizer
	$(FRAMEWORK_ENV) .venv/bin/python -m benchmarks.quantization $(BENCH_ARGS)

docs: .venv/dev.stamp .venv-docs/docs.stamp ## Regenerate the tables of the documentation and build the site (site/)
	.venv/bin/python tools/docs.py
	.venv-docs/bin/python -m mkdocs build -q --strict

.venv-ai-edge/stamp:
	@$(call make-env,.venv-ai-edge)
	@echo "installing ai-edge-quantizer into .venv-ai-edge" >&2
	@$(call install-packages,.venv-ai-edge,$(AI_EDGE_QUANTIZER))
	@touch $@

.venv-docs/docs.stamp: pyproject.toml
	@$(call make-env,.venv-docs)
	@echo "installing litesmith[docs] into .venv-docs" >&2
	@$(call install,.venv-docs,[docs])
	@touch $@

ci: ## Run everything a change has to pass
	.ci/run

clean: ## Remove environments, caches and build products
	rm -rf .venv .venv-tf .venv-jax .venv-newest .venv-flex .venv-tfx .venv-metadata .venv-docs .venv-ai-edge .browser site build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .jax_cache
	find src tests -name __pycache__ -prune -exec rm -rf {} +

.venv/core.stamp: pyproject.toml
	@$(call make-env,.venv)
	@echo "installing litesmith into .venv" >&2
	@$(call install,.venv,)
	@touch $@

.venv/dev.stamp: pyproject.toml
	@$(call make-env,.venv)
	@echo "installing litesmith[dev] into .venv" >&2
	@$(call install,.venv,[dev])
	@touch .venv/core.stamp $@

.venv-tf/tf.stamp: pyproject.toml
	@$(call make-env,.venv-tf)
	@echo "installing litesmith[tf,keras,test] into .venv-tf" >&2
	@$(call install,.venv-tf,[tf$(,)keras$(,)test])
	@touch $@

.venv-flex/flex.stamp: pyproject.toml
	@$(call make-env-tfx,.venv-flex)
	@echo "installing litesmith[test,flex] into .venv-flex" >&2
	@$(call install,.venv-flex,[test$(,)flex])

# The stock tools need Python 3.11 and protobuf 3: an environment of their own, which litesmith is not installed into.
.venv-metadata/stamp: tests/formats/metadata/stock/requirements.txt
ifneq ($(UV),)
	@[ -x .venv-metadata/bin/python ] || $(UV) venv -q --python 3.11 .venv-metadata
	@$(UV) pip install -q --python .venv-metadata/bin/python -r $<
else
	@[ -x .venv-metadata/bin/python ] || { python=$$(.ci/find-python 3.11); \
	  [ -n "$$python" ] || { echo "make: test-metadata needs Python 3.11 or uv" >&2; exit 1; }; "$$python" -m venv .venv-metadata; }
	@.venv-metadata/bin/python -m pip install -q --disable-pip-version-check -r $<
endif
	@touch $@

# A browser without a window, with its libraries and fonts: 64 MB from npm, 190 MB unpacked.
.browser/chromium:
ifeq ($(LITESMITH_BROWSER),)
	@command -v npm >/dev/null || { echo "make: test-pages needs npm, or LITESMITH_BROWSER=/path/to/chromium" >&2; exit 1; }
	@npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix .browser @sparticuz/chromium@147.0.0
	@node tools/browser.mjs .browser/node_modules/@sparticuz/chromium .browser
endif

.venv-newest/jax.stamp: pyproject.toml
	@[ -x .venv-newest/bin/python ] || $(or $(and $(UV),$(UV) venv -q --python ">=3.12$(,)<3.15" .venv-newest),"$$(.ci/find-python newest)" -m venv .venv-newest)
	@echo "installing litesmith[test-jax] into .venv-newest" >&2
	@$(call install,.venv-newest,[test-jax])
	@touch $@

.venv-jax/jax.stamp: pyproject.toml
	@$(call make-env,.venv-jax)
	@echo "installing litesmith[test-jax] into .venv-jax" >&2
	@$(call install,.venv-jax,[test-jax])
	@touch $@

# TFX pins packages that it runs well without: it is installed as docs/tfx.md tells, on Python 3.11.
.venv-tfx/tfx.stamp: pyproject.toml
	@$(call make-env-tfx,.venv-tfx)
	@echo "installing TFX and litesmith[test] into .venv-tfx" >&2
	@$(call install-packages,.venv-tfx,$(TFMA))
	@$(call install-packages,.venv-tfx,--no-deps $(TFX))
	@$(call install,.venv-tfx,[test])
	@touch $@

, := ,
