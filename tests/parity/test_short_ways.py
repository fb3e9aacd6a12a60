"""What a program puts into a materialized object counts, where our methods could do without the standard functions."""

from __future__ import annotations

import pytest

from tests.parity.judge import same
from tests.parity.short_ways import SNIPPETS, WITH_CODE


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_a_program_puts_into_an_object_counts(name: str) -> None:
    same(SNIPPETS[name])


@pytest.mark.parametrize("name", WITH_CODE)
def test_a_standard_function_whose_code_is_changed_runs(name: str) -> None:
    same(WITH_CODE[name])
