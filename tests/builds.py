"""Differences between builds of CPython, for tests."""

from __future__ import annotations

import sysconfig

import pytest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

frees_at_once = pytest.mark.skipif(
    FREE_THREADED,
    reason="a free-threaded build frees what functions refer to when its collector runs, if at all",
)
has_a_lock = pytest.mark.skipif(FREE_THREADED, reason="threads run at once in this build")
