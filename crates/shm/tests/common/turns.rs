//! Tells whether children hang, or only wait for a processor, which on a busy machine may take longer than any
//! fixed time.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Child;

/// How many turns each child gets before one of them counts as hanging. A turn lasts at least a tenth of a second.
const TURNS: u32 = 600;
const TURN: Duration = Duration::from_millis(100);

/// Waits until `is_done`.
///
/// # Errors
/// A child has ended; or each child had very many turns, in which it ran or slept. The error tells what each child
/// is doing.
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

/// Returns a number that changes each time the child has run.
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
