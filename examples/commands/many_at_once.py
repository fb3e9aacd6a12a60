"""Twelve commands, four at a time, with one thread: results in order, lines as they arrive, and the first failure."""

from interlock import subprocess


def main() -> None:
    commands = [["sh", "-c", f"sleep 0.0{number % 3}; echo {number * number}"] for number in range(12)]
    results = subprocess.run_many(commands, max_workers=4, capture_output=True, text=True)
    print("squares:", *(result.stdout.strip() for result in results))

    lines: list[str] = []
    subprocess.run_many(
        [["printf", r"a\nb\n"], ["printf", r"c\nd\n"]],
        on_line=lambda number, stream, line: lines.append(f"{number}{line}"),
        text=True,
    )
    print("lines:", *sorted(lines))

    results = subprocess.run_many([["true"], ["false"], ["no-such-command"], ["sleep", "60"]], timeout=1)
    for result in results:
        print(result.args[0], result.returncode, type(result.error).__name__ if result.error else "no error")

    try:
        subprocess.run_many([["sleep", "60"], ["false"], ["sleep", "60"]], max_workers=2, on_failure="kill")
    except subprocess.CalledProcessError as error:
        print("the first failure:", error.cmd, error.returncode)


if __name__ == "__main__":
    main()
