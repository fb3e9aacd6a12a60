//! A pipeline of three stages with bounded queues, which ends in order, or at the first error.
//!
//! Run it with `cargo run --release -p interlock --example pipeline`.
//!
//! One thread reads records, four parse them, the main thread adds them up. No stage is far ahead of the next, because both
//! queues are bounded. When there are no more records, the reader shuts their queue down: the parsers finish what is in it,
//! and drop their senders, which ends the sum. When a record is bad, its parser shuts the queue down at once and throws away
//! what is in it: the other parsers end, and the record that the reader could not put comes back to it in the error.

use std::fmt;
use std::num::ParseIntError;
use std::thread;

use interlock::queue::{Discard, FifoQueue, PutError, Sender, bounded};

const PARSERS: usize = 4;

/// A line of the input, with its number.
#[derive(Debug, PartialEq)]
struct Record {
    number: usize,
    text: String,
}

#[derive(Debug, PartialEq)]
struct BadRecord {
    record: Record,
    cause: ParseIntError,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {:?} is no amount",
            self.record.number, self.record.text
        )
    }
}

impl std::error::Error for BadRecord {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Puts all records. If the queue is shut down meanwhile, returns the first that it did not take.
fn read(input: &str, records: &FifoQueue<Record>) -> Result<(), PutError<Record>> {
    for (line, text) in input.lines().enumerate() {
        let text = text.to_owned();
        // Waits while the parsers are behind.
        records.put(Record {
            number: line + 1,
            text,
        })?;
    }
    records.shutdown(Discard::Nothing);
    Ok(())
}

/// Parses records until there are no more, or until one is bad, which ends all of it.
fn parse(records: &FifoQueue<Record>, amounts: Sender<u64>) -> Result<(), BadRecord> {
    for record in records {
        match record.text.trim().parse() {
            Ok(amount) => {
                // Waits while the sum is behind. It takes all there are, so this does not fail.
                let _ = amounts.send(amount);
            }
            Err(cause) => {
                records.shutdown(Discard::Items);
                return Err(BadRecord { record, cause });
            }
        }
    }
    Ok(())
}

/// Returns the sum of all amounts, or a bad record.
fn total(input: &str) -> Result<u64, BadRecord> {
    let records = FifoQueue::bounded(2 * PARSERS);
    thread::scope(|scope| {
        let (sender, amounts) = bounded::<u64>(2 * PARSERS);
        let reader = scope.spawn(|| read(input, &records));
        let parsers: Vec<_> = (0..PARSERS)
            .map(|_| (sender.clone(), &records))
            .map(|(sender, records)| scope.spawn(move || parse(records, sender)))
            .collect();
        // Each parser has its own. The channel ends with the last one.
        drop(sender);

        let sum = amounts.iter().sum();
        if let Ok(Err(error)) = reader.join() {
            let reason = error.to_string();
            println!("{reason} before line {}", error.into_inner().number);
        }
        for parser in parsers {
            parser
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(sum)
    })
}

fn main() -> Result<(), BadRecord> {
    let input: String = (1..=10_000).map(|amount| format!("{amount}\n")).collect();
    println!("all in all: {}", total(&input)?);
    match total("1\n2\nthree\n4\n") {
        Ok(sum) => println!("all in all: {sum}"),
        Err(bad) => println!("{bad}"),
    }
    Ok(())
}

#[test]
fn all_amounts_are_added() {
    let input: String = (1..=1_000).map(|amount| format!("{amount}\n")).collect();
    assert_eq!(total(&input), Ok(500_500));
    assert_eq!(total(""), Ok(0));
}

#[test]
fn a_bad_record_is_named() {
    let error = total("1\n2\nthree\n4\n").unwrap_err();
    assert_eq!(error.to_string(), "line 3: \"three\" is no amount");
}
