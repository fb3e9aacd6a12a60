//! The three lines of a queue.

/// What the waiters in one line of a queue wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// An item.
    Get,
    /// Room for an item.
    Put,
    /// The completion of all tasks.
    Join,
}
