"""The tables: plain text for the terminal, Markdown for the page."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import machine
from interpreters import Interpreter
from results import Result
from sections import table

HEAD = ["case", "std", "Interlock", "ratio", "target", "", "best peer", "peer", "peer / Interlock"]

METHOD = """\
Medians; ratio = standard library / Interlock, of the medians. For each case, one process measures all columns
in turn (standard library, Interlock, peers, and again), with samples of equal length (longer where many threads
compete). Where processes start, each column has processes of its own, in turn: a fork copies all that its process has
loaded. Each column runs code of its own, which the interpreter specializes for it alone. The garbage collector is off
during samples and runs between them. Times are nanoseconds per operation unless a unit is given. Nothing is
subtracted: they include the loop around the operation ({loop}) and, in cases with several threads, starting these
threads. All columns use the standard library's threads, except where a case is about starting threads.
Rows about memory, waiters and fairness use one process per number. `~`: the middle half of the samples
spreads over more than a quarter of the median."""

Measured = Sequence[tuple[Interpreter, Sequence[Result]]]


def text(interpreter: Interpreter, results: Sequence[Result], neighbours: machine.Neighbours) -> str:
    """The table of one interpreter for the terminal."""
    rows = [HEAD, *map(cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    title = f"CPython {interpreter.label}, interlock {interpreter.interlock}"
    lines = [f"\n{title}{_gil_note(interpreter, results)}; {neighbours}"]
    lines += ["  ".join(map(_justify, range(len(HEAD)), row, widths)).rstrip() for row in rows]
    lines.insert(2, "-" * max(map(len, lines[1:])))
    beside = [absent(results)] if absent(results) else []
    each = ["", *(f"  {line}" for line in by_peer(results))] if by_peer(results) else []
    return "\n".join([*lines, *each, "", *(f"  {line}" for line in defeats(results) + beside)])


def _justify(column: int, cell: str, width: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def overview(measured: Measured, how: str, rounds: str, neighbours: machine.Neighbours, pages: str) -> str:
    """The section of the page: the method, the machine, and a table of all cases with a column for each interpreter."""
    versions = {
        name: version
        for _, results in measured
        for r in results
        for name, version in r.versions.items()
        if version and name not in ("std", "interlock")
    }
    used = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    labels = [label(interpreter) for interpreter, _ in measured]
    links = ", ".join(f"[{name}]({pages}/{name}.md)" for name in labels)
    parts = [
        "## Workloads",
        f"`{how}`, {rounds}, on {machine.describe()}; {neighbours}.{f' Peers: {used}.' if used else ''}",
        METHOD.format(loop=_loop_costs(measured)),
        f"The times themselves, each peer's, and where Interlock is slower: {links}.",
        table(["case", "target", *labels], _side_by_side([results for _, results in measured])),
        "A ratio that misses its target is **bold**.",
    ]
    return "\n\n".join(parts)


def label(interpreter: Interpreter) -> str:
    """Return an interpreter's version as its builds are called: 3.13, or 3.13t."""
    return ".".join(interpreter.label.split(".")[:2]) + "t" * interpreter.free_threaded


def _side_by_side(columns: Sequence[Sequence[Result]]) -> list[list[str]]:
    rows: dict[str, list[str]] = {}
    for place, results in enumerate(columns):
        for result in results:
            row = rows.setdefault(result.name, [result.title, target(result), *[""] * len(columns)])
            figure = cells(result)[3] or amount(result, "interlock")
            row[2 + place] = figure if result.ok else f"**{figure or 'failed'}**"
    return [*rows.values()]


def markdown(interpreter: Interpreter, results: Sequence[Result]) -> str:
    """The section of an interpreter's own page: the table, every peer, and the cases in which Interlock loses."""
    parts = [
        f"CPython {interpreter.label}, Interlock {interpreter.interlock}{_gil_note(interpreter, results)}. "
        "How it was measured: [benchmarks.md](../benchmarks.md).",
        table(HEAD, [cells(result) for result in results]),
    ]
    if by_peer(results):
        parts.append("## Every peer, where there are several: its time / Interlock's")
        parts.append("\n".join(f"- {line}" for line in by_peer(results)))
    if absent(results):
        parts.append(absent(results))
    parts.append("## Where Interlock is slower or misses its target")
    parts.append("\n".join(f"- {line}" for line in defeats(results)) or "Nowhere.")
    return "\n\n".join(parts)


def cells(result: Result) -> list[str]:
    """One row."""
    ratio = (
        ""
        if result.ratio is None or result.judge != "ratio"
        else f"{result.ratio:.2f}" + ("~" if result.noisy else "")
    )
    verdict = "failed" if result.failed else "OK" if result.ok else "missed"
    row = [result.title, amount(result, "std"), amount(result, "interlock"), ratio, target(result), verdict]
    for peer in result.peers:
        versus = result.peer_ratio(peer)
        return [*row, peer, amount(result, peer), "" if versus is None else f"{versus:.2f}"]
    return [*row, "", "", ""]


def amount(result: Result, label: str) -> str:
    """Format a subject's median with its unit."""
    value = result.value(label)
    return "" if value is None else number(value, result.unit)


def number(value: float, unit: str) -> str:
    """Format a number with its unit, which is left out for nanoseconds."""
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 2 else f"{value:.2f}"
    return digits if unit in ("ns", "") else f"{digits} {unit}"


def target(result: Result) -> str:
    """Format the target for the table."""
    if result.judge == "ratio":
        return f"{result.target:g}"
    return f"{result.judge} {number(result.target, result.unit)}"


def by_peer(results: Sequence[Result]) -> list[str]:
    """Return a line for each case that several peers can do: the time of each, as a multiple of Interlock's."""
    lines = []
    for result in results:
        if len(result.peers) > 1:
            each = [f"{peer} {result.peer_ratio(peer):.2f}" for peer in result.peers]
            lines.append(f"{result.title}: {', '.join(each)}")
    return lines


def absent(results: Sequence[Result]) -> str:
    """Return a sentence about peers that are not installed for this interpreter, or an empty string."""
    names = sorted({name for result in results for name in result.absent})
    return f"Not measured, as there is no installation for this version: {', '.join(names)}." if names else ""


def defeats(results: Sequence[Result]) -> list[str]:
    """Return a line for each failure, missed target, case slower than its baseline, and faster peer."""
    lines = []
    for result in results:
        for label, error in result.errors.items():
            lines.append(f"{result.title}: failed on {label}: {error.strip().splitlines()[-1]}")
        if not result.ok and not result.failed:
            lines.append(_shortfall(result))
        for peer in result.peers:
            versus = result.peer_ratio(peer)
            if versus is not None and versus < 0.99:
                lines.append(
                    f"{result.title}: {peer} is faster, {amount(result, peer)} against "
                    f"{amount(result, 'interlock')}"
                )
    return lines


def _shortfall(result: Result) -> str:
    if result.ratio is None or result.judge != "ratio":
        return f"{result.title}: {amount(result, 'interlock')}, target {target(result)}"
    than = "the standard library" if result.baseline == "std" else f"Interlock {result.baseline}"
    relation = f"slower than {than}, " if result.slower and result.unit != "bytes" else ""
    return f"{result.title}: {relation}ratio {result.ratio:.2f}, target {target(result)}"


def _loop_costs(measured: Measured) -> str:
    costs = [
        f"{median(r.loop_ns for r in results):.1f} ns on {interpreter.label}"
        for interpreter, results in measured
        if results
    ]
    return ", ".join(costs)


def _gil_note(interpreter: Interpreter, results: Sequence[Result]) -> str:
    if interpreter.free_threaded and any(result.gil for result in results):
        return ", WITH THE GIL SWITCHED ON BY AN IMPORT"
    return ""
