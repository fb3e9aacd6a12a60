//! `__enter__` and `__exit__` of locks, without an allocation for each `with`.
//!
//! Up to 3.13, a `with` statement makes two bound methods and throws them away: more work than taking a lock that nobody
//! else wants. So the class attribute is a descriptor of our own here, whose bound methods come from a free list. A look at
//! either of the two shows the ordinary method behind it. This folder goes with Python 3.13: from 3.14 on, `with` needs no
//! bound methods. Without an interpreter lock the free list would cost more than it saves.

mod bound;
mod descriptor;

pub(super) use bound::descriptor as new_descriptor;
