//! The examples with worker processes print what they promise. They are run as programs, because a worker is its
//! program, run again.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::path::Path;
use std::process::Command;

/// Returns the output of the example. Cargo builds examples with the tests; if only this test was built, the
/// example is built now.
fn output(example: &str) -> String {
    let exe = std::env::current_exe().unwrap();
    let built = exe
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples")
        .join(example);
    let mut command = match built.exists() {
        true => Command::new(built),
        false => {
            let mut command = Command::new(env!("CARGO"));
            command.args(["run", "--quiet", "--package", "interlock", "--example", example]);
            command
        }
    };
    let run = command.output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn word_count_counts() {
    let printed = output("word_count");
    assert!(printed.starts_with("/no/such/file: No such file"), "{printed}");
    assert!(
        printed.contains("different words in") && printed.contains("result"),
        "{printed}"
    );
}

#[test]
fn dying_workers_say_why() {
    let printed = output("dying_workers");
    for line in [
        "12: 1438 primes",
        "was killed by signal 6 (SIGABRT) while it ran `primes`",
        "was killed by signal 9 (SIGKILL) while it ran `primes`",
        "20: 2262 primes",
        "tried three times: the task is lost",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
}
