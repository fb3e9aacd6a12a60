//! `queue.Queue` and its relatives. The items of a native queue are in the engine, which only moves pointers.

mod base;
mod callbacks;
mod items;
mod kind;
mod many;
mod methods;
mod registration;
mod simple;

pub(crate) use base::Queue;
pub(crate) use kind::remember_queue_classes;
pub(crate) use registration::{LinedUp, Registration, line_up};
pub(crate) use simple::SimpleQueue;
