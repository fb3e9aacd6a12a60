# Tasks of the project. Each makes what it needs (.venv, the extension module); the logic is in tools/*.py.
#
#   make test PYTHON=python3.12        another default interpreter
#   make test ONLY=3.13                one interpreter; ALL=1 takes every build of each version
#   make test ARGS="-k barrier"        arguments for pytest (for the others: for the script that is run)

PYTHON ?= python3
OPTIONS = --default $(PYTHON) $(addprefix --only ,$(ONLY)) $(if $(ALL),--all-builds)
VENV_PYTHON = .venv/bin/python

.PHONY: build demo test bench bench-rust soak programs which-tool conformance field lint docs clean help

build: ; @$(PYTHON) -m tools.build $(OPTIONS)

demo: build ; @.venv/bin/interlock demo $(ARGS)

test: ; @$(PYTHON) -m tools.suite $(OPTIONS) -- $(ARGS)

bench: ; @$(PYTHON) -m tools.build --all $(OPTIONS) --group bench && $(VENV_PYTHON) benches/run.py --write docs/benchmarks.md $(ARGS)

bench-rust: ; @cargo bench -p interlock $(if $(ARGS),-- $(ARGS))

soak: ; @$(PYTHON) -m tools.build --default $(PYTHON) --group soak && $(VENV_PYTHON) benches/soak.py --write docs/benchmarks.md $(ARGS)

programs: build ; @$(VENV_PYTHON) benches/programs.py --write docs/benchmarks.md $(ARGS)

which-tool: build ; @$(VENV_PYTHON) benches/which_tool.py --write docs/which_tool.md $(ARGS)

conformance: ; @$(PYTHON) -m tools.build --all $(OPTIONS) && $(VENV_PYTHON) tests/conformance/run_all.py $(ARGS)

field: build ; @$(VENV_PYTHON) -m tools.field $(ARGS)

lint: ; @$(PYTHON) -m tools.build --default $(PYTHON) --group test --group lint && $(VENV_PYTHON) -m tools.lint

docs: ; @$(PYTHON) -m tools.build --default $(PYTHON) --group docs && $(VENV_PYTHON) -m tools.docs

clean: ; @$(PYTHON) -m tools.clean

help: ; @sed -n '1,/^$$/p; s/^\([a-z-]*\):.*/make \1/p' Makefile
