# `make demo` and `make test` set up everything they need. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check
HARNESS := $(PY) -m harness
SPHINX := $(PY) -m sphinx -c docs -E -q
FUZZ_SECONDS ?= 60
ASSIGNMENT := assignments/classical-chinese

ENGINES ?= docker podman process
VM ?= bookworm
VM_COMMAND ?= python -m pytest tests/docker -q -p no:cacheprovider -m "not slow"

.PHONY: help demo test test-slow podman vm hostile kills thousand ready fuzz check lint unit messages docs docs-links reference \
  image clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: $(VENV)/host.stamp  ## Grade the repository's own reference submission, end to end.
	@if $(HARNESS) doctor --require engine >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory image; else $(MAKE) --no-print-directory $(VENV)/local.stamp; fi
	@$(PY) $(ASSIGNMENT)/demo.py

test: ready  ## Run the tests; those that need an engine run when one answers.
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: ready  ## Run the tests that take many seconds each.
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m slow

podman: ready  ## Run the sandbox's tests on Podman; Docker must answer too, to give it the image.
	@OMP_NUM_THREADS=1 HARNESS_TEST_ENGINE=podman $(PY) -m pytest tests/docker -q --ignore tests/docker/test_image.py \
	  --ignore tests/docker/test_engine_faults.py -m "not slow"

vm:  ## Run the sandbox's tests in a Debian machine with cgroup v2 (VM=bookworm or trixie, VM_COMMAND); needs root and Docker.
	@tests/vm/run.sh "$(VM)" '$(VM_COMMAND)'

hostile: ready  ## Run every hostile submission on each engine that answers (ENGINES="docker podman process").
	@OMP_NUM_THREADS=1 HARNESS_HOSTILE_ENGINES="$(ENGINES)" $(PY) -m pytest tests/hostile -q -n 2 --dist loadgroup

kills: ready  ## Kill a run of 30 submissions 50 times and resume it: nothing may be lost or graded twice.
	@$(PY) -m benchmarks.kills

thousand: ready  ## Grade 1,000 submissions as processes in one go, and look for what is left.
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.batch leaks

ready: $(VENV)/dev.stamp $(VENV)/local.stamp
	@if $(HARNESS) doctor --require engine >/dev/null 2>&1; then $(MAKE) --no-print-directory image; fi

fuzz: $(VENV)/fuzz.stamp  ## Fuzz the readers of archives and safetensors, FUZZ_SECONDS (60) each; a crash is kept in build/fuzz.
	@mkdir -p build/fuzz
	@for reader in archive header; do \
	  PYTHONPATH=. $(PY) tests/fuzz/fuzz_readers.py $$reader build/fuzz $(FUZZ_SECONDS) || exit 1; done

check: lint unit  ## Lint, types, layers, shell scripts and unit tests without torch: two minutes on two cores.

lint: $(VENV)/dev.stamp
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports | tail -n 6
	@$(VENV)/bin/shellcheck run.sh download.sh .ci/run benchmarks/*.sh tests/vm/run.sh harness/batch/autograder/*.sh \
	  .github/actions/check/*.sh

unit: $(VENV)/dev.stamp
	@$(PY) -m pytest tests/unit -m "not torch and not slow" -q -n 2

messages: $(VENV)/dev.stamp  ## Bring harness/locale in step with the texts in the code; new ones are to be translated there.
	@mkdir -p build
	@$(VENV)/bin/pybabel -q extract -F pyproject.toml -k message -k t --no-default-keywords --add-location=file \
	  --sort-by-file -o build/harness.pot harness
	@$(VENV)/bin/pybabel -q update -D harness -d harness/locale -i build/harness.pot --no-fuzzy-matching --ignore-obsolete \
	  --ignore-pot-creation-date --width 120
	@$(VENV)/bin/pybabel compile -D harness -d harness/locale --statistics

docs: $(VENV)/dev.stamp  ## Build the documentation's site into build/docs; a broken link or anchor is an error.
	@$(SPHINX) -b html -W --keep-going . build/docs
	@echo "build/docs/index.html"

docs-links: $(VENV)/dev.stamp  ## Ask the web whether the documentation's external links are there; needs a network.
	@$(SPHINX) -b linkcheck . build/docs-links

reference: $(VENV)/dev.stamp  ## Write the pages of docs/ that follow from the code: commands, findings, formats, exit codes.
	@$(PY) -m docs.generate

image: $(VENV)/host.stamp  ## Build the container image, if it is not up to date.
	@$(HARNESS) image build

clean:  ## Remove what was made here (not the image).
	rm -rf build dist runs .venv image.lock

$(VENV)/host.stamp: pyproject.toml
	@echo "Installing the harness …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/host.stamp
	@echo "Installing the developers' tools …"
	@$(PIP) -e '.[dev,docs,ray]'
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/host.stamp
	@$(PIP) -e '.[fuzz]'
	@touch $@

# torch first and by itself: with it there, nothing that needs torch asks for another build of it.
$(VENV)/local.stamp: $(VENV)/host.stamp
	@echo "Installing torch and the training libraries (some minutes the first time) …"
	@$(PIP) torch==2.13.0
	@$(PIP) -e '.[local,deepspeed]'
	@touch $@
