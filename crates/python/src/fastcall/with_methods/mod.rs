//! `__enter__` and `__exit__` of locks, without an allocation for each `with`.
//!
//! Up to 3.13, a `with` statement creates two bound methods and discards them, which is more work than taking an
//! uncontended lock. So here the class attribute is our own descriptor, which takes its bound methods from a free list.
//! Both look like the ordinary method behind them. This folder can go when Python 3.13 does: from 3.14 on, `with` needs
//! no bound methods. Without an interpreter lock, the free list would cost more than it saves.

mod bound;
mod descriptor;

pub(super) use bound::{descriptor as new_descriptor, for_with};
