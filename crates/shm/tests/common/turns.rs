//! Whether children hang, or only wait for a processor: on a machine with much to do that may be for longer than any time one would name.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Child;

/// How often each child has its turn before one of them is said to hang. A turn lasts a tenth of a second at least.
const TURNS: u32 = 600;
const TURN: Duration = Duration::from_millis(100);

/// Waits until `is_done`.
///
/// # Errors
/// A child has ended; or each had its turn very often: it ran, or slept. Says what each child is doing.
pub(crate) fn all_in_turn(children: &[Child], is_done: impl Fn() -> bool) -> Result<(), String> {
    let mut turns = 0;
    let mut begin = Instant::now();
    let mut seen: Vec<_> = children.iter().map(runs).collect();
    while !is_done() {
        if let Some(child) = children.iter().find(|child| child.has_ended()) {
            return Err(format!("child {} has ended; {}", child.pid(), doings(children)));
        }
        std::thread::sleep(Duration::from_millis(1)); // sleep: the children need the processor
        let had_its_turn = |(child, seen): (&Child, &String)| !is_ready(child) || runs(child) != *seen;
        if begin.elapsed() > TURN && children.iter().zip(&seen).all(had_its_turn) {
            turns += 1;
            (begin, seen) = (Instant::now(), children.iter().map(runs).collect());
        }
        if turns == TURNS {
            return Err(format!("a child hangs; {}", doings(children)));
        }
    }
    Ok(())
}

fn read(child: &Child, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/{}/{what}", child.pid())).unwrap_or_default()
}

/// Changes each time that the child has run.
fn runs(child: &Child) -> String {
    read(child, "schedstat")
}

/// Returns whether it runs, or waits for a processor.
fn is_ready(child: &Child) -> bool {
    let stat = read(child, "stat");
    stat.rsplit(')')
        .next()
        .unwrap_or_default()
        .trim_start()
        .starts_with('R')
}

fn doings(children: &[Child]) -> String {
    let mut text = String::from("what they are doing:\n");
    for child in children {
        let _ = writeln!(
            text,
            "{} in {}: {}",
            read(child, "stat").trim(),
            read(child, "wchan"),
            read(child, "syscall")
        );
        let pid = child.pid().to_string();
        let stack = Command::new("gdb")
            .args(["-q", "-nx", "-batch", "-ex", "bt", "-p", &pid])
            .output();
        let _ = writeln!(
            text,
            "{}",
            stack.map_or_else(
                |_| "(no gdb)".into(),
                |it| String::from_utf8_lossy(&it.stdout).into_owned()
            )
        );
    }
    text
}
