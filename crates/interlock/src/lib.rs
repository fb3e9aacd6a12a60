//! Locks, conditions, queues and threads of Interlock, for Rust programs.

#![forbid(unsafe_code)]
