"""All workloads, in the order in which run.py runs and prints them."""

from __future__ import annotations

import cases_commands
import cases_executors
import cases_futures
import cases_locks
import cases_polls
import cases_pools
import cases_process_maps
import cases_processes
import cases_queues
import cases_scale
import cases_schedulers
import cases_shared
import cases_threads
from case import Case, Probe

ALL: tuple[Case | Probe, ...] = (
    *cases_locks.CASES,
    *cases_polls.CASES,
    *cases_queues.CASES,
    *cases_threads.CASES,
    *cases_pools.CASES,
    *cases_futures.CASES,
    *cases_scale.CASES,
    *cases_processes.CASES,
    *cases_process_maps.CASES,
    *cases_executors.CASES,
    *cases_shared.CASES,
    *cases_commands.CASES,
    *cases_schedulers.CASES,
)

BY_NAME = {case.name: case for case in ALL}
assert len(BY_NAME) == len(ALL), "two cases have the same name"
