"""The house's own small tools, one script for each task of the Makefile; standard library only."""

import sys

if sys.version_info < (3, 11):
    raise SystemExit(
        "Interlock needs CPython 3.11 or newer: name one, for example `make test PYTHON=python3.12`"
    )
