"""The list of checks and what a check reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.tidy.tree import Tree

CheckFunction = Callable[[Tree], Iterable["Finding"]]


@dataclass(frozen=True, order=True)
class Finding:
    """One place that breaks a rule, with what to do about it."""

    path: str
    line: int
    advice: str


@dataclass(frozen=True)
class Check:
    """A rule with the function that checks it."""

    id: str
    rule: str
    find: CheckFunction


CHECKS: dict[str, Check] = {}


def check(id: str, rule: str) -> Callable[[CheckFunction], CheckFunction]:
    """Registers a function as the check of the rule `id`."""

    def register(find: CheckFunction) -> CheckFunction:
        if id in CHECKS:
            raise ValueError(f"{id} is checked twice")
        CHECKS[id] = Check(id, rule, find)
        return find

    return register
