//! `queue.Queue` and its kin: the items of a closed queue live in the engine, where nothing but a pointer moves.

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
pub(crate) use registration::Registration;
pub(crate) use simple::SimpleQueue;
