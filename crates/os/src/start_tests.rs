//! Tests of [`start`](super).

use std::io::Read;
use std::os::fd::AsRawFd;

use rustix::process::{Pid, WaitOptions, waitpid};

use super::*;
use crate::process::{Ended, ended};

fn strings(words: &[&str]) -> Vec<CString> {
    words.iter().map(|word| CString::new(*word).unwrap()).collect()
}

/// Returns a program with default settings.
fn program<'a>(files: &'a [CString], arguments: &'a [CString]) -> Program<'a> {
    Program {
        files,
        arguments,
        environment: None,
        directory: None,
        standard: [-1; 3],
        ours: [-1; 3],
        inherited: &[],
        closes_others: true,
        restores_signals: true,
        leads_session: false,
    }
}

/// Tries to start the first of these files that can be executed.
fn attempt(files: &[&str]) -> Started {
    start(&Ready::new(&program(&strings(files), &strings(&["x"])))).unwrap()
}

/// Waits for the process. Returns how it ended.
fn end_of(pid: i32) -> Ended {
    loop {
        if let Some(ended) = ended(pid.cast_unsigned()) {
            waitpid(Pid::from_raw(pid), WaitOptions::empty()).unwrap();
            return ended;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_program_runs_and_has_a_descriptor() {
    assert!(can_start());
    let (files, words) = (strings(&["/bin/sh"]), strings(&["sh", "-c", "exit 7"]));
    let Started::Running { pid, pidfd } = start(&Ready::new(&program(&files, &words))).unwrap() else {
        panic!("the shell was not started");
    };
    assert_eq!(pidfd.unwrap().pid(), pid);
    assert_eq!(end_of(pid), Ended::Exited(7));
}

#[test]
fn the_error_that_counts_is_the_first_one_but_for_files_that_are_not_there() {
    let cases: [(&[&str], i32); 4] = [
        (&["/no/such"], libc::ENOENT),
        (&["/no/such", "/dev/null/x"], libc::ENOTDIR),
        (&["/no/such", "/etc", "/no/such"], libc::EACCES),
        (&["/dev/null/x", "/no/such"], libc::ENOENT),
    ];
    for (files, expected) in cases {
        let Started::Failed { pid, step, error } = attempt(files) else {
            panic!("{files:?} was started");
        };
        assert_eq!((step, error), (Step::Execution, expected), "{files:?}");
        assert_eq!(end_of(pid), Ended::Exited(255));
    }
}

#[test]
fn a_directory_that_is_not_there_is_told_from_a_program_that_is_not() {
    let (files, words) = (strings(&["/bin/sh"]), strings(&["sh"]));
    let lost = Program {
        directory: Some(c"/no/such"),
        ..program(&files, &words)
    };
    let Started::Failed { pid, step, error } = start(&Ready::new(&lost)).unwrap() else {
        panic!("the shell was started");
    };
    assert_eq!((step, error), (Step::Directory, libc::ENOENT));
    end_of(pid);
}

#[test]
fn a_program_has_its_files_environment_and_directory_and_no_signal_blocked() {
    let (mut read, write) = io::pipe().unwrap();
    let environment = strings(&["A=b"]);
    let script =
        "cat /proc/self/status | grep -E 'Sig(Blk|Cgt)'; echo $A; pwd; ls /proc/self/fd | wc -l; echo x >&2";
    let (files, words) = (strings(&["/no/such", "/bin/sh"]), strings(&["sh", "-c", script]));
    let talks = Program {
        environment: Some(&environment),
        directory: Some(c"/"),
        standard: [-1, write.as_raw_fd(), write.as_raw_fd()],
        ours: [-1, read.as_raw_fd(), -1],
        ..program(&files, &words)
    };
    let Started::Running { pid, .. } = start(&Ready::new(&talks)).unwrap() else {
        panic!("the shell was not started");
    };
    drop(write);
    let mut said = String::new();
    read.read_to_string(&mut said).unwrap();
    let none = "0000000000000000";
    assert_eq!(said, format!("SigBlk:\t{none}\nSigCgt:\t{none}\nb\n/\n4\nx\n"));
    assert_eq!(end_of(pid), Ended::Exited(0));
    assert_eq!(
        BlockedSignals::new().before,
        0,
        "the caller's signals are as before"
    );
}
