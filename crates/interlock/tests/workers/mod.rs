//! Functions that the worker processes of tests run, and helpers to look at processes.
#![allow(dead_code, reason = "each test uses some")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, its helpers too"
)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interlock::process::{Builder, Function, ProcessPool, Registry};

pub(crate) const DOUBLE: Function<u64, u64> = Function::named("double");
pub(crate) const PID: Function<(), u32> = Function::named("pid");
/// Ends its worker: by SIGKILL, by an abort, or with this code.
pub(crate) const DIE: Function<String, ()> = Function::named("die");
pub(crate) const PANIC: Function<String, u64> = Function::named("panic");
pub(crate) const EMPTY: Function<(), ()> = Function::named("a panic without a text");
pub(crate) const PARSE: Function<String, Result<u32, String>> = Function::named("parse");
pub(crate) const FOREVER: Function<(), ()> = Function::named("forever");
/// Waits until there is no such file.
pub(crate) const GONE: Function<String, ()> = Function::named("gone");
pub(crate) const BYTES: Function<Vec<u8>, Vec<u8>> = Function::named("bytes");
/// Creates a pool of its own.
pub(crate) const NESTED: Function<u64, u64> = Function::named("nested");
pub(crate) const NOTED: Function<Noted, Noted> = Function::named("noted");
/// Is registered nowhere.
pub(crate) const MISSING: Function<u64, u64> = Function::named("missing");
/// Is registered with other types.
pub(crate) const OTHER_TYPES: Function<String, u64> = Function::named("double");

/// Not all of its fields are always written.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub(crate) struct Noted(pub(crate) Parts);

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Parts {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) note: Option<u8>,
    pub(crate) count: u8,
    pub(crate) parts: Vec<u8>,
}

impl From<Noted> for Parts {
    fn from(noted: Noted) -> Self {
        noted.0
    }
}

impl TryFrom<Parts> for Noted {
    type Error = &'static str;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        match parts.count {
            13 => Err("thirteen is not wanted"),
            _ => Ok(Noted(parts)),
        }
    }
}

/// Serves the workers: each file of tests has a test `worker` that calls this. Does nothing in the tests' own
/// process.
pub(crate) fn serve() {
    let mut registry = Registry::new();
    registry.register_as(DOUBLE, |number| number * 2);
    registry.register_as(PID, |()| std::process::id());
    registry.register_as(DIE, |how| -> () {
        match &*how {
            "kill" => interlock_os::process::kill_self(),
            "abort" => std::process::abort(),
            code => std::process::exit(code.parse().unwrap()),
        }
    });
    registry.register_as(PANIC, |message| -> u64 { panic!("{message}") });
    registry.register_as(EMPTY, |()| -> () { std::panic::panic_any(7) });
    registry.register_as(PARSE, |text| {
        text.parse()
            .map_err(|error: std::num::ParseIntError| error.to_string())
    });
    registry.register_as(FOREVER, |()| -> () {
        loop {
            std::thread::park();
        }
    });
    registry.register_as(GONE, |file| {
        eventually("the file has gone", || !std::path::Path::new(&file).exists());
    });
    registry.register_as(BYTES, |bytes| bytes);
    registry.register_as(NOTED, |noted| noted);
    registry.register_as(NESTED, |number| {
        let pool = builder().workers(1).build().unwrap();
        pool.submit(DOUBLE, &number).unwrap().result().unwrap()
    });
    registry.serve();
}

/// Tests that count processes or descriptors, or make many of them, take turns.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn turn() -> MutexGuard<'static, ()> {
    serve();
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the settings of a pool whose workers begin in the test `worker`.
pub(crate) fn builder() -> Builder {
    ProcessPool::builder().args(["worker", "--exact", "--nocapture"])
}

pub(crate) fn pool(workers: usize) -> ProcessPool {
    builder().workers(workers).build().unwrap()
}

/// Returns how many descriptors this process has.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Returns the children of this process, including zombies.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id().to_string();
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_ascii_whitespace().nth(1) == Some(&own)
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}

/// Waits until `done`, for a minute at most.
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what} did not come true in a minute");
        std::thread::yield_now();
    }
}
