//! `subprocess`: the start of a program, the wait for a process by its descriptor, and the exchange of bytes with many pipes at once.

mod bytes;
mod child;
mod exchange;
mod outside;
mod start;

pub(crate) use child::ChildProcess;
pub(crate) use exchange::Exchange;
pub(crate) use start::ProgramStart;
