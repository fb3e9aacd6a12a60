"""The tasks of the Makefile: one environment for each interpreter, and the tasks as sessions in them.

`build-3.13` makes the environment `.nox/build-3-13`, with the requirements of the tests and the extension module, which
Cargo rebuilds if something changed. Every other session runs in such an environment. The Makefile passes on PYTHON (the
default interpreter), ONLY (labels, such as 3.13t), ALL (every build), and PROFILE (`dev`: with debug assertions).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import nox
from nox.command import CommandFailed

from tools.interpreters import find

ROOT = Path(__file__).parent
TOOLS = Path(sys.executable).parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
PROFILE = "extension-dev" if os.environ.get("PROFILE") == "dev" else "extension"
"""The Cargo profile. Tests use the profile of releases, because speed is tested, too."""

WORKERS = "2"
"""Processes that share the tests of one interpreter. (Two interpreters are tested at a time, as many tests wait.)"""

PYTEST_LIMIT = os.environ.get("PYTEST_LIMIT", "2400")
"""Seconds for the Python tests on one interpreter, many times what they need. Each test has its own limit, too."""

MODEL_BOUND = "2"
"""The most preemptions in a model of `make test`; `make models` has no such bound."""

ENGINE = ("--workspace", "--exclude", "interlock-python")
MODELLED = sorted({f"-pinterlock-{path.parts[-3]}" for path in ROOT.glob("crates/*/tests/loom*")})
FOLDERS = ("python", "tools", "tests", "benches", "examples", "noxfile.py")
STUBBED = ("_interlock", "concurrent.futures", "queue", "subprocess", "threading")

ONLY = os.environ.get("ONLY", "").split()
PYTHONS = find(os.environ.get("PYTHON") or "python3", bool(os.environ.get("ALL")), ONLY)
DEFAULT = next(iter(PYTHONS))

nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True
os.environ["NOX_ENABLE_STALENESS_CHECK"] = "1"  # remakes the environment if its interpreter has changed

Command = Sequence[str | Path]

CARGO_DOC = ("env", "RUSTDOCFLAGS=-D warnings", "cargo", "doc", "--quiet", "--no-deps")
SCRIPTS: dict[str, tuple[Command, str, Sequence[str]]] = {
    "demo": (("interlock", "demo"), "", [DEFAULT]),
    "field": (("python", "-m", "tools.field"), "", [DEFAULT]),
    "programs": (("python", "benches/programs.py", "--write", "docs/benchmarks.md"), "", [DEFAULT]),
    "which-tool": (("python", "benches/which_tool.py", "--write", "docs/which_tool.md"), "", [DEFAULT]),
    "storm-peers": (
        ("python", "benches/storm_peers.py", "--write", "docs/benchmarks.md"),
        "bench",
        [DEFAULT],
    ),
    "soak": (("python", "benches/soak.py", "--write", "docs/benchmarks.md"), "soak", [DEFAULT]),
    "bench": (("python", "benches/run.py", "--write", "docs/benchmarks.md"), "bench", list(PYTHONS)),
    "methods": (("python", "benches/methods.py", "--write", "docs/methods.md"), "", list(PYTHONS)),
    "conformance": (("python", "tests/conformance/run_all.py"), "", list(PYTHONS)),
}
"""Tasks that are one script: the command, its requirements, and the interpreters that it needs."""


def between() -> list[str]:
    """The interpreters of neither the oldest nor the newest version that is tested, but for free-threaded ones."""
    minors = {label: int(label.split(".")[1].removesuffix("t")) for label in PYTHONS}
    ends = min(minors.values()), max(minors.values())
    return [label for label, minor in minors.items() if minor not in ends and not label.endswith("t")]


def build(session: nox.Session) -> None:
    """Make the environment and build the extension module into it."""
    label = session.name.removeprefix("build-")
    groups = ["test", *(["lint"] if label == DEFAULT and not label.endswith("t") else [])]
    session.install(*(part for group in groups for part in ("-r", str(requirements(group, label)))))
    env = {"CARGO_TARGET_DIR": str(TARGET / "python" / label)}
    if label == "3.13t":
        # PyO3 supports free threading from 3.14 on, and refuses 3.13t without this variable.
        env["UNSAFE_PYO3_SKIP_VERSION_CHECK"] = "1"
    session.run(str(TOOLS / "maturin"), "develop", "--quiet", "--profile", PROFILE, env=env, external=True)


def requirements(group: str, label: str) -> Path:
    """Return the file of this group; it is `requirements/<group>-<label>.txt` if the interpreter has its own."""
    own = ROOT / "requirements" / f"{group}-{label}.txt"
    return own if own.exists() else own.with_name(f"{group}.txt")


def optional(session: nox.Session, label: str, group: str, pip: Command) -> None:
    """Install the optional requirements of the group, `requirements/<group>+*.txt`, if there are wheels."""
    for path in sorted((ROOT / "requirements").glob(f"{group}+*.txt")):
        env = environment(label)
        program, *arguments = (*pip[:-1], "--only-binary=:all:", "-r", path)
        try:
            session.run(
                str(shutil.which(program, path=env["PATH"])), *map(str, arguments), env=env, external=True
            )
        except CommandFailed:
            session.log(f"{label} goes without {path.name}")


def environment(label: str) -> dict[str, str]:
    """Return the environment variables with which the interpreter's environment is the active one.

    Bytecode is written even if the caller has disabled it: thousands of short programs import the same modules, and a
    fetched interpreter comes without the bytecode of its library.
    """
    folder = ROOT / ".nox" / f"build-{label.replace('.', '-')}"
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"VIRTUAL_ENV": str(folder), "PATH": path, "PYO3_PYTHON": str(folder / "bin" / "python")}
    return own | {"PYTHONDONTWRITEBYTECODE": ""}


def each(session: nox.Session, env: dict[str, str], commands: Iterable[Command]) -> None:
    """Run every command, even after a failure. Then fail if any command has failed."""
    failed = []
    for program, *arguments in commands:
        found = shutil.which(program, path=env.get("PATH")) or str(program)  # nox looks on its own PATH
        try:
            session.run(found, *map(str, arguments), env=env, external=True)
        except CommandFailed:
            failed.append(str(program))
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def test(session: nox.Session) -> None:
    """The Python tests on one interpreter.

    The tests of the project's own tools run on the default interpreter, as they do not use Interlock. The versions
    between the oldest and the newest divide the tests among them, without whole programs and storms, so each test runs
    on three versions. `ONLY=3.13` runs all tests on 3.13.
    """
    label = session.name.removeprefix("test-")
    left_out = [] if label == DEFAULT else ["tests/tidy"]
    share = []
    if label in between():
        left_out += ["tests/examples", "tests/field", "tests/stress"]
        share = [f"--share={between().index(label) + 1}/{len(between())}"]
    ignored = [f"--ignore={folder}" for folder in left_out]
    chosen = session.posargs or ["-q", "-n", WORKERS, "--dist", "worksteal", *share, *ignored]
    limit = ("timeout", "--kill-after=10", PYTEST_LIMIT)
    each(session, environment(label), [(*limit, "python", "-m", "pytest", *chosen)])


for label, python in PYTHONS.items():
    # Builds of one version share the file of the module: all of them are made before any of them is tested.
    alike = [f"build-{other}" for other in PYTHONS if other.split(".")[:2] == label.split(".")[:2]]
    tags = ["build"] if ONLY or label == DEFAULT else []
    nox.session(build, name=f"build-{label}", python=python, allow_parallel=True, tags=tags)
    nox.session(
        test, name=f"test-{label}", venv_backend="none", requires=alike, allow_parallel=True, tags=["test"]
    )


@nox.session(venv_backend="none", tags=["test"])
def rust(session: nox.Session) -> None:
    """The tests of the crates that do not depend on Python, and the examples in their documentation."""
    quiet = ("--cargo-quiet", "--status-level=fail")
    if shutil.which("cargo-nextest"):
        runs: list[Command] = [
            ("cargo", "nextest", "run", *quiet, *ENGINE),
            ("cargo", "test", "--quiet", "--doc", *ENGINE),
        ]
    else:
        session.log("cargo-nextest is not on this machine: plain `cargo test` runs the tests")
        runs = [("cargo", "test", "--quiet", *ENGINE)]
    # With the features that the extension uses.
    as_host = ("-p", "interlock-wait", "--features", "posix-identities")
    runs.append(("cargo", "test", "--quiet", *as_host, "--lib", "--test", "fork", "--test", "pending"))
    each(session, {"CARGO_TARGET_DIR": str(TARGET)}, runs)


def models(session: nox.Session, bound: str | None) -> None:
    """The models of the protocols, by loom."""
    flags = f"{os.environ.get('RUSTFLAGS', '')} --cfg loom".strip()
    env = {"RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(TARGET / "loom")} | (
        {"MODEL_BOUND": bound} if bound else {}
    )
    each(session, env, [("cargo", "test", "--quiet", "--profile", "models", *MODELLED, "--test", "loom*")])


@nox.session(name="models-bounded", venv_backend="none", tags=["test"])
def models_bounded(session: nox.Session) -> None:
    """The models with few preemptions, which finds most mistakes in little time."""
    models(session, MODEL_BOUND)


@nox.session(name="models", venv_backend="none")
def models_whole(session: nox.Session) -> None:
    """The models in every order of their threads."""
    models(session, None)


@nox.session(venv_backend="none")
def sanitize(session: nox.Session) -> None:
    """The tests of the engine under ThreadSanitizer, with a nightly toolchain. It can't follow a fork."""
    env = {
        "CARGO_TARGET_DIR": str(TARGET / "sanitize"),
        "RUSTFLAGS": "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        "TSAN_OPTIONS": f"history_size=4 suppressions={ROOT / 'tools' / 'tsan.txt'}",
    }
    # The examples of the crate `interlock` use tokio, which we do not check. The tests of shared memory fork.
    engine = (*ENGINE, "--exclude", "interlock", "--exclude", "interlock-shm")
    tests = ("--lib", "--tests", "--target", "x86_64-unknown-linux-gnu", "--", "--skip", "fork")
    each(session, env, [("cargo", "+nightly", "test", "--quiet", "--no-fail-fast", *engine, *tests)])


@nox.session(venv_backend="none", requires=[f"build-{DEFAULT}"])
def crash(session: nox.Session) -> None:
    """Storms of kills on shared objects: four minutes each, unless INTERLOCK_CRASH_SECONDS is set; and tests of limits.

    The short form is in `make test`. Each storm prints the seed with which INTERLOCK_CRASH_SEED repeats it.
    """
    limits = ("python", "-m", "pytest", "-q", "-rP", "--timeout=2000", "tests/processes/test_limits.py")
    each(session, environment(DEFAULT) | {"INTERLOCK_LIMITS": "1"}, [limits])
    seconds = os.environ.get("INTERLOCK_CRASH_SECONDS", "240")
    env = {"CARGO_TARGET_DIR": str(TARGET), "INTERLOCK_CRASH_SECONDS": seconds}
    storms = [argument for name in ("storm", "queue_storm") for argument in ("--test", name)]
    one_by_one = ("--", "--nocapture", "--test-threads=1")
    each(
        session, env, [("cargo", "test", "--quiet", "--release", "-p", "interlock-shm", *storms, *one_by_one)]
    )


@nox.session(venv_backend="none", requires=[f"build-{DEFAULT}"])
def storm(session: nox.Session) -> None:
    """Storms of kills on pools of processes: ten minutes for each language, unless INTERLOCK_STORM_SECONDS is set.

    The short form is in `make test`. Each round prints the seed with which INTERLOCK_STORM_SEED repeats it.
    """
    env = {"INTERLOCK_STORM_SECONDS": os.environ.get("INTERLOCK_STORM_SECONDS", "600")}
    long_form = ("--test", "process_storm", "--", "--ignored", "--nocapture", "--test-threads=1")
    rust = ("cargo", "test", "--quiet", "--release", "-p", "interlock-pool", *long_form)
    each(session, env | {"CARGO_TARGET_DIR": str(TARGET)}, [rust])
    each(session, env | environment(DEFAULT), [("python", "-m", "tests.processes.storm")])


@nox.session(venv_backend="none")
def package(session: nox.Session) -> None:
    """The crates as they would be published: each builds from its package, and the doc tests of `interlock` pass."""
    # In a new folder each time: cargo caches the content of a package by its location and version.
    with tempfile.TemporaryDirectory(prefix="package-", dir=TARGET) as target:
        env = {"CARGO_TARGET_DIR": target}
        each(session, env, [("cargo", "package", "--quiet", "--allow-dirty", *ENGINE)])
        folders = {path.name.rpartition("-")[0]: path for path in Path(target, "package").glob("interlock*/")}
        face = folders.pop("interlock") / "Cargo.toml"
        patches = [f'--config=patch.crates-io.{name}.path="{path}"' for name, path in folders.items()]
        each(session, env, [("cargo", "test", "--quiet", "--doc", "--manifest-path", face, *patches)])


def inside(
    name: str, commands: Callable[[nox.Session], list[Command]], group: str, labels: Sequence[str], *tags: str
) -> None:
    """Register commands as a session in the default environment; these interpreters get the group of requirements."""

    def run(session: nox.Session) -> None:
        for label in labels if group else ():
            pip = ("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r")
            each(session, environment(label), [(*pip, requirements(group, label))])
            optional(session, label, group, pip)
        env = environment(DEFAULT) | {"CARGO_TARGET_DIR": str(TARGET), "MYPYPATH": str(ROOT / "python")}
        each(session, env, commands(session))

    run.__doc__ = commands.__doc__
    needs = [f"build-{label}" for label in labels]
    nox.session(run, name=name, venv_backend="none", requires=needs, allow_parallel=True, tags=list(tags))


def lint_python(session: nox.Session) -> list[Command]:
    """Lints, format, types, imports, and the stubs against the module that was built."""
    checked = [f"interlock.{name}" for name in STUBBED]
    stubtest = (
        "mypy.stubtest",
        "--concise",
        "--mypy-config-file=pyproject.toml",
        "--allowlist=tools/stubtest.txt",
    )
    return [
        ("ruff", "check", "--quiet", *FOLDERS),
        ("ruff", "format", "--quiet", "--diff", *FOLDERS),
        ("mypy", "--no-error-summary"),
        ("lint-imports", "--no-cache"),
        ("python", "-m", *stubtest, *checked),
        ("python", "-m", "tools.tidy"),
    ]


def lint_rust(session: nox.Session) -> list[Command]:
    """Format, lints, links in the documentation; with optional tools: edges, licences, advisories, the API.

    cargo-semver-checks checks whether the crates are still compatible with programs written for the last release. It
    checks all crates, because it does not follow the re-exports of `interlock`.
    """
    deny = [("cargo", "deny", "--log-level=error", "check")] if shutil.which("cargo-deny") else []
    if not deny:
        session.log(
            "cargo-deny is not here: no look at licences and advisories; tools/tidy.py checks the edges"
        )
    listed = subprocess.run(
        ("git", "tag", "--list", "v*", "--sort=-v:refname"), capture_output=True, text=True, check=True
    )
    face = TARGET / "docs" / "face"
    release = listed.stdout.split()[:1] if shutil.which("cargo-semver-checks") else []
    semver = [("cargo", "semver-checks", *ENGINE, "--baseline-rev", tag) for tag in release]
    return [
        ("cargo", "fmt", "--all", "--check"),
        ("cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"),
        # Without the feature that the extension enables.
        ("cargo", "clippy", "--quiet", "-p", "interlock-wait", "--all-targets", "--", "-D", "warnings"),
        (*CARGO_DOC, "--workspace", "--document-private-items"),
        # The pages that programs see, as docs.rs shows them.
        (*CARGO_DOC, "-p", "interlock", "--target-dir", face),
        ("python", "-m", "tools.dead_links", face / "doc" / "interlock"),
        *deny,
        *semver,
    ]


def docs(session: nox.Session) -> list[Command]:
    """The reference in `target/docs`: `rust/doc` by cargo doc, `python` by pdoc."""
    return [
        (*CARGO_DOC, *ENGINE, "--target-dir", TARGET / "docs" / "rust"),
        ("python", "-m", "pdoc", "-o", TARGET / "docs" / "python", "interlock"),
    ]


inside("lint-python", lint_python, "", [DEFAULT], "lint")
inside("lint-rust", lint_rust, "", [DEFAULT], "lint")
inside("docs", docs, "docs", [DEFAULT])
for name, (command, group, labels) in SCRIPTS.items():
    inside(name, lambda session, command=command: [(*command, *session.posargs)], group, labels)
