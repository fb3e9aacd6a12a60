//! The border between Interlock and the kernel.
//!
//! All system calls and platform conditions of the workspace live here, so the crates above are ordinary Rust. This
//! crate has mechanism only: no policy, no queue, no hidden retry.
//!
//! - [`futex`]: sleep on a word, wake its sleepers;
//! - [`clock`]: the monotonic clock, in nanoseconds;
//! - [`child`]: start processes, which get shared memory, and wait for them;
//! - [`doorbell`]: a pipe or a pair of sockets: ringing or closing one end makes the other end readable;
//! - [`exchange`]: move bytes through several files at once;
//! - [`files`]: wait for open files of the program;
//! - [`fork`]: fork handlers;
//! - [`held`]: descriptors that forked children do not keep;
//! - [`memory`]: memory that a family of processes shares;
//! - [`life`]: words that the kernel changes when a process dies;
//! - [`pidfd`]: descriptors of processes that a program has started;
//! - [`poll`]: readiness of many descriptors at once, and the bell that ends a wait for it;
//! - [`process`]: which process lives, and how it ended;
//! - [`start`]: start programs, in processes that share memory until then;
//! - [`socket`]: bytes in and out of sockets, without blocking;
//! - [`thread`]: identify the calling thread, start and name threads, yield the processor.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

#[cfg(not(target_os = "linux"))]
compile_error!("Interlock supports Linux only: it is built on futexes and pidfds");

pub mod child;
pub mod clock;
pub mod doorbell;
pub mod exchange;
pub mod files;
pub mod fork;
pub mod futex;
mod handlerless;
pub mod held;
pub mod life;
mod mapping;
pub mod memory;
mod memory_file;
pub mod pages;
pub mod pidfd;
pub mod poll;
pub mod process;
mod sharing;
pub mod socket;
pub mod start;
mod start_child;
pub mod thread;
