//! The border between Interlock and the kernel.
//!
//! Every system call and every platform condition of the workspace lives here, so that the crates above are ordinary
//! Rust. It holds mechanism only: no policy, no queue, no retry that a caller could not see.
//!
//! - [`futex`]: sleep on a word, wake its sleepers;
//! - [`clock`]: the monotonic clock, in nanoseconds;
//! - [`fork`]: hearing of forks;
//! - [`thread`]: who the calling thread is, making threads, naming them, giving way.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

#[cfg(not(target_os = "linux"))]
compile_error!("Interlock supports Linux only: it is built on futexes and pidfds");

pub mod clock;
pub mod fork;
pub mod futex;
pub mod thread;
