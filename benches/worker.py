"""Measures one case in this interpreter and prints the result as JSON; run.py runs it.

Usage:
    worker.py CASE --rounds 15 --sample-ms 30 --limit 120 [--quick] [--subject NAME]    (of a probe: std or interlock)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or __name__ == "__main__":
    # Not in a spawned child, which imports this file, too, but does not need these modules.
    import argparse
    import faulthandler
    import gc
    import json
    import os
    import traceback
    from typing import Any

    import measure
    import namespaces
    import peer_executors
    from case import Body, Case, Probe
    from catalogue import BY_NAME


class Failures:
    """The errors, by subject."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.absent: list[str] = []
        """The peers that are not installed."""

        self._label, self._absent = "", False

    def of(self, label: str, absent: bool) -> Failures:
        """Use as ``with failures.of(label, ...)``; a missing package is no error if ``absent``."""
        self._label, self._absent = label, absent
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> bool:
        if self._absent and isinstance(error, ImportError):
            self.absent.append(self._label)
        elif isinstance(error, Exception):
            self.errors[self._label] = "".join(traceback.format_exception(error))
        return isinstance(error, Exception)


def main() -> None:
    """Measure and print. If the case hangs, the process prints all stacks on stderr and exits after the limit."""
    args = parse()
    faulthandler.dump_traceback_later(args.limit, exit=True)
    case = BY_NAME[args.case]
    result = measure_case(case, args) if isinstance(case, Case) else run_probe(case, args)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print("\n" + json.dumps(result | {"gil": gil, "loop_ns": measure.loop_ns()}), flush=True)
    peer_executors.end()
    os._exit(0)  # some peers' pools do not end by themselves; run.py ends the remaining processes


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=BY_NAME)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sample-ms", type=float, default=30)
    parser.add_argument("--limit", type=float, default=120, help="seconds")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--subject", default="all", help="the only one to measure; a probe's namespace")
    return parser.parse_args()


def measure_case(case: Case, args: argparse.Namespace) -> dict[str, Any]:
    """Measure the subjects of a case, in turn; if one fails, record the error and continue with the others."""
    sample_ms = args.sample_ms if case.sample_ms is None or args.quick else case.sample_ms
    bodies: dict[str, Body] = {}
    sizes: dict[str, int] = {}
    versions: dict[str, str] = {}
    failures = Failures()
    gc.disable()
    for label, namespace, prepare in case.subjects():
        if args.subject not in ("all", label):
            continue
        with failures.of(label, absent=label in case.peers):
            ns = namespaces.load(namespace)
            body = measure.with_own_code(prepare(ns))
            least = case.least
            if label in case.peers:
                least = measure.affordable(body, case.multiple, least)
            sizes[label] = measure.size(body, case.multiple, least, sample_ms)
            bodies[label] = body
            versions[namespace] = ns.version
    samples = measure.in_turn(bodies, sizes, args.rounds)
    return {
        "samples": samples,
        "sizes": sizes,
        "versions": versions,
        "errors": failures.errors,
        "absent": failures.absent,
    }


def run_probe(probe: Probe, args: argparse.Namespace) -> dict[str, Any]:
    """Return the number of a probe on one namespace."""
    subject = "std" if args.subject == "all" else args.subject
    ns = namespaces.load(subject)
    value = probe.run(ns, args.quick)
    return {"samples": {subject: [value]}, "versions": {subject: ns.version}, "errors": {}}


if __name__ == "__main__":
    main()
