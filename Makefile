# Tasks of the project. Each task makes the environments (.nox) and the extension module that it needs: see noxfile.py.
#
#   make test PYTHON=python3.12        another default interpreter
#   make test ONLY=3.13                one interpreter; ALL=1 takes every build of each version
#   make test ARGS="-k barrier"        arguments for pytest (in other tasks: for their script)

PYTHON ?= python3
export PYTHON ONLY ALL PROFILE
TARGET = $(or $(CARGO_TARGET_DIR),target)
NOX = @.nox/tools/bin/python -m nox
CACHES = __pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: build demo test models bench methods bench-rust package sanitize crash storm storm-peers soak programs which-tool conformance field lint docs clean help

build: .nox/tools/done ; $(NOX) --parallel 2 --tags build

test: .nox/tools/done ; $(NOX) --parallel 2 --tags test -- $(ARGS)

lint: .nox/tools/done ; $(NOX) --parallel 2 --tags lint

models demo bench methods package sanitize crash storm storm-peers soak programs which-tool conformance field docs: .nox/tools/done ; $(NOX) --session $@ -- $(ARGS)

bench-rust: ; @cargo bench -p interlock $(if $(ARGS),-- $(ARGS))

clean:
	@rm -rf .nox .venv-programs dist python/interlock/_interlock*.so "$(TARGET)"
	@find . -path ./.git -prune -o -type d \( -false $(addprefix -o -name ,$(CACHES)) \) -prune -exec rm -rf {} +

help: ; @sed -n '1,/^$$/p; s/^.PHONY:/make/p' Makefile | sed '/^make/s/ / | /2g'

# The environment of nox itself, made by the first interpreter that can make it.
.nox/tools/done: requirements/tools.txt
	@rm -rf .nox/tools
	@for python in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14 python3.15; do \
	  "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done && "$$python" -m venv .nox/tools || { echo "no Python from 3.11 on with its venv package is on PATH"; exit 1; }
	@.nox/tools/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/tools.txt && touch $@
