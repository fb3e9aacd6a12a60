"""``interlock doctor``: checks the installation and reports the findings."""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from interlock._install import turned_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

__all__ = ["add_parser", "examine", "main"]

_ROOT = Path(__file__).absolute().parent.parent.parent
_DROP_INS = (
    "threading",
    "queue",
    "concurrent.futures",
    "multiprocessing.pool",
    "multiprocessing.dummy",
    "multiprocessing",
    "subprocess",
)
_PROBE_SECONDS = 120


def add_parser(commands: Any) -> None:
    """Add the command ``doctor`` to the command line's parser."""
    parser = commands.add_parser("doctor", help="check the installation")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(command=main)


def main(options: argparse.Namespace) -> int:
    """Print the findings; return 0 if everything works, 1 if not. Blocks for a few seconds at most."""
    findings = examine()
    print(json.dumps(findings, indent=1) if options.json else _text(findings))
    return 1 if findings["problems"] else 0


def examine() -> dict[str, Any]:
    """Examine the interpreter, the modules and the engine, and try an installation in another process."""
    import interlock

    findings: dict[str, Any] = {
        "version": interlock.__version__,
        "location": str(Path(__file__).absolute().parent.parent),
        "turned_off": turned_off(),
        "interpreter": _interpreter(),
        "engine": _engine(),
        "modules": _modules(),
        "captured": _captured(),
        "checks": _probe(),
    }
    findings["problems"] = _problems(findings)
    return findings


def _interpreter() -> dict[str, Any]:
    gil_enabled = getattr(sys, "_is_gil_enabled", None)
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": f"{sys.platform} {platform.machine()}",
        "debug": hasattr(sys, "gettotalrefcount"),
        "optimized": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": gil_enabled() if gil_enabled is not None else True,
    }


def _engine() -> dict[str, Any]:
    """Return the extension module's plain attributes: its version and how it was built."""
    try:
        engine = importlib.import_module("interlock._interlock")
    except ImportError as error:
        return {"error": str(error)}
    facts = {
        name: value
        for name, value in vars(engine).items()
        if isinstance(value, bool | int | float | str) and (name[0] != "_" or name == "__version__")
    }
    return {**facts, "file": getattr(engine, "__file__", None)}


def _modules() -> dict[str, Any]:
    """Return for each drop-in module the names that it replaces, and the number of those that it leaves unchanged."""
    found: dict[str, Any] = {}
    for name in _DROP_INS:
        try:
            module = importlib.import_module(f"interlock.{name}")
        except ImportError as error:
            found[name] = {"error": str(error)}
        else:
            rebuilt = list(getattr(module, "__replaces__", ()))
            public = set(module.__all__)
            found[name] = {"rebuilt": rebuilt, "passed_through": len(public.difference(rebuilt))}
    return found


def _captured() -> dict[str, Any]:
    """Find modules that every process loads (by .pth files, say) and that import names before anything is installed."""
    code = "import json, interlock; r = interlock.install(); print(json.dumps([r.captured, r.threads]))"
    answer = _python(["-W", "ignore", "-c", code])
    if isinstance(answer, str):
        return {"error": answer}
    captured, threads = answer
    return {"names": captured, "threads": threads}


def _probe() -> dict[str, Any]:
    answer = _python(["-W", "ignore", "-m", "interlock._cli.probe"])
    return (
        {"install": answer, "children": {}, "uninstall": "not tried"} if isinstance(answer, str) else answer
    )


def _python(arguments: list[str]) -> Any:
    """Return what a new interpreter prints as JSON, or an error as text."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("INTERLOCK", None)
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {_PROBE_SECONDS} s"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return f"exit status {done.returncode}: {lines[-1]}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return f"unexpected answer {done.stdout[:200]!r}"


def _problems(findings: dict[str, Any]) -> list[str]:
    checks, modules = findings["checks"], findings["modules"]
    problems = []
    if "error" in findings["engine"]:
        problems.append(f"the engine cannot be loaded: {findings['engine']['error']}")
    problems += [
        f"interlock.{n} cannot be imported: {m['error']}" for n, m in modules.items() if "error" in m
    ]
    problems += [f"{name}: {checks[name]}" for name in ("install", "uninstall") if checks[name] != "ok"]
    problems += [f"child with {m}: {answer}" for m, answer in checks["children"].items() if answer != "ok"]
    return problems


def _text(findings: dict[str, Any]) -> str:
    python, engine, checks = findings["interpreter"], findings["engine"], findings["checks"]
    build = [
        "debug" if python["debug"] else "release",
        "optimized" if python["optimized"] else "not optimized",
    ]
    build.append("free-threaded" if python["free_threaded"] else "default build")
    build.append("GIL on" if python["gil"] else "GIL off")
    lines = [
        f"interlock    {findings['version']} in {findings['location']}",
        f"python       {python['implementation']} {python['version']} ({', '.join(build)})",
        f"             {python['executable']}, {python['platform']}",
        f"engine       {', '.join(f'{k} {v}' for k, v in engine.items())}",
    ]
    for name, module in findings["modules"].items():
        lines += [f"{name:<22}{_module_text(module)}"]
    children = ", ".join(f"{method} {answer}" for method, answer in checks["children"].items())
    lines += [
        f"install      {checks['install']}; uninstall {checks['uninstall']}",
        f"children     {children or 'not tried'}",
        f"imported     {_captured_text(findings['captured'])}",
    ]
    if findings["turned_off"]:
        switch = os.environ["INTERLOCK"]
        lines.append(f"switch       off: INTERLOCK={switch} is set (the checks above ran without it)")
    lines += [f"PROBLEM      {problem}" for problem in findings["problems"]]
    return "\n".join([*lines, "" if findings["problems"] else "all is well"]).rstrip()


def _module_text(module: dict[str, Any]) -> str:
    if "error" in module:
        return str(module["error"])
    standard = module["passed_through"]
    if not module["rebuilt"]:
        return f"the standard library's (all {standard} names unchanged)"
    return f"replaced: {', '.join(module['rebuilt'])}; names unchanged: {standard}"


def _captured_text(captured: dict[str, Any]) -> str:
    if "error" in captured:
        return str(captured["error"])
    names = ", ".join(f"{module} ({', '.join(held)})" for module, held in captured["names"].items())
    threads = f"; threads running at start: {', '.join(captured['threads'])}" if captured["threads"] else ""
    return (names or "no standard names before a program starts") + threads
