//! What is waited for at a queue.

/// What somebody waits for at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// An item.
    Get,
    /// Room for an item.
    Put,
    /// The end of all tasks.
    Join,
}
