//! `queue.Queue` and its kin.
//!
//! A queue begins closed: its items live in the engine, where nothing but a pointer moves. When somebody looks inside
//! (`q.mutex`, `q.queue`, `q.not_empty`, …), or when its class overrides how items are kept, it is opened: the items move to
//! a Python container under a lock that everybody can take, and the algorithm is the standard library's. See [`open`].

mod base;
mod items;
mod kind;
mod many;
mod maxsize;
mod methods;
mod open;
mod registration;
mod simple;

pub(crate) use base::Queue;
pub(crate) use registration::Registration;
pub(crate) use simple::SimpleQueue;
