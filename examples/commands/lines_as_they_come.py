"""The lines of a command as they arrive: the command waits for an answer to each line, so no line can be late."""

import subprocess
import sys

CODE = """
for question in ("name", "colour"):
    print(question, flush=True)
    print("heard", input(), flush=True)
"""


def main() -> None:
    answers = {"name": "Ada\n", "colour": "green\n"}
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            print("line:", line.strip())
            if line.strip() in answers:
                process.stdin.write(answers[line.strip()])
                process.stdin.flush()
    print("return code:", process.returncode)


if __name__ == "__main__":
    main()
