//! Checks 100,000 records on a pool of threads, and stops at the first bad one.
//!
//! `cargo run --release -p interlock --example first_error`

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock::pool::{MapError, ThreadPool};

/// A record whose number does not fit its text.
#[derive(Debug, PartialEq)]
struct BadRecord {
    line: usize,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record in line {} is bad", self.line)
    }
}

impl Error for BadRecord {}

/// Returns the checksum of a record.
fn check(line: usize, bad: Option<usize>) -> Result<u64, BadRecord> {
    if Some(line) == bad {
        return Err(BadRecord { line });
    }
    Ok((0..100).fold(line as u64, |sum, step| sum.rotate_left(5) ^ step))
}

/// Checks so many records. The sum of their checksums, and how many were looked at.
fn check_all(lines: usize, bad: Option<usize>) -> (Result<u64, MapError<BadRecord>>, usize) {
    let pool = ThreadPool::builder().name("checker").build();
    let looked_at = Arc::new(AtomicUsize::new(0));
    let counter = looked_at.clone();
    let sums = pool.try_map(0..lines, move |line| {
        counter.fetch_add(1, Ordering::Relaxed);
        check(line, bad)
    });
    let total = sums.map(|sums| sums.into_iter().fold(0, u64::wrapping_add));
    (total, looked_at.load(Ordering::Relaxed))
}

fn main() {
    for bad in [None, Some(30_000)] {
        match check_all(100_000, bad) {
            (Ok(total), looked_at) => println!("{looked_at} records are good: {total:016x}"),
            (Err(error), looked_at) => println!("stopped after {looked_at} of 100000 records: {error}"),
        }
    }
}

#[test]
fn all_records_are_checked_if_none_is_bad() {
    let (total, looked_at) = check_all(100_000, None);
    let expected = (0..100_000).fold(0, |sum, line| {
        check(line, None).map_or(sum, |it| it.wrapping_add(sum))
    });
    assert_eq!((total.ok(), looked_at), (Some(expected), 100_000));
}

#[test]
fn the_first_bad_record_ends_it() {
    let (total, looked_at) = check_all(100_000, Some(30_000));
    assert!(matches!(total, Err(MapError::Failed(BadRecord { line: 30_000 }))));
    assert!(looked_at < 100_000, "those far behind are not looked at");
}
