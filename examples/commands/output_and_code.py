"""A command's standard output, standard error and return code, and the errors for failing commands."""

import subprocess
import sys

CODE = "import sys; print(sys.stdin.read().upper()); print('careful', file=sys.stderr); sys.exit(3)"


def main() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], input="some words", capture_output=True, text=True)
    print("output:", done.stdout.strip())
    print("errors:", done.stderr.strip())
    print("return code:", done.returncode)

    try:
        done.check_returncode()
    except subprocess.CalledProcessError as error:
        print("checked:", error.returncode)

    try:
        subprocess.run(["sh", "-c", "echo beginning; exec sleep 60"], capture_output=True, timeout=1)
    except subprocess.TimeoutExpired as error:
        print("too slow, after:", (error.stdout or b"").decode().strip())

    try:
        subprocess.run(["no-such-command"])
    except FileNotFoundError as error:
        print("not found:", error.filename)

    ended = subprocess.Popen(["sleep", "60"])
    ended.terminate()
    print("ended by signal:", -ended.wait(timeout=60))


if __name__ == "__main__":
    main()
