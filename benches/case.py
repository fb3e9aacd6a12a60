"""The kinds of workloads: a case is timed, in interleaved samples; a probe gives one number per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from namespaces import Namespace

Body = Callable[[int], object]
"""Runs the operation under test as often as its argument says."""

Prepare = Callable[[Namespace], Body]
"""Makes the objects of one namespace and returns the body that uses them."""

Judge = Literal["ratio", "at most", "at least"]

SINGLE = "one by one"


@dataclass(frozen=True)
class Case:
    """A workload measured in nanoseconds per operation.

    The worker calls ``prepare`` once for each namespace; all namespaces run the same body. ``target`` is the ratio
    baseline / Interlock to reach. The number of operations in a sample is a multiple of ``multiple`` (for instance the
    number of threads that share them). ``sample_ms`` is the length of a sample, if the usual length is too short for
    this case.
    """

    name: str
    title: str
    target: float
    prepare: Prepare
    peers: tuple[str, ...] = ()
    multiple: int = 1
    least: int = 1
    """The fewest operations in a sample: if several threads compete, a shorter sample would measure their start."""

    sample_ms: float | None = None
    single: Prepare | None = None
    """For a batch operation, the baseline instead of std: the same work one by one, on Interlock."""

    apart: bool = False
    """Whether each subject runs in its own processes, in turn: a fork copies everything that its process has loaded."""

    unit: str = "ns"
    judge: Judge = "ratio"

    @property
    def baseline(self) -> str:
        """The subject with which Interlock is compared."""
        return SINGLE if self.single else "std"

    def subjects(self) -> list[tuple[str, str, Prepare]]:
        """(label, namespace, prepare) of everything measured in this case, in the order of a round."""
        std = self.single or self.prepare
        own = [("std", "std", std), ("interlock", "interlock", self.prepare)]
        if self.single:
            own.append((SINGLE, "interlock", self.single))
        return own + [(peer, peer, self.prepare) for peer in self.peers]


@dataclass(frozen=True)
class Probe:
    """A workload that yields one number per process: memory, scale, fairness.

    ``run`` takes the namespace and whether the run is a quick one. ``judge`` says how to read ``target``: as a ratio
    std / Interlock, or as a bound on Interlock's own number. There are ``rounds`` processes for each namespace, in
    turn.
    """

    name: str
    title: str
    target: float
    run: Callable[[Namespace, bool], float]
    unit: str
    judge: Judge
    rounds: int = 1
    baseline: str = "std"
