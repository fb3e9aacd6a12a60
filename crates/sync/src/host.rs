//! Additional operations for a host such as an interpreter: its processes fork, its objects are initialized after
//! they were created, and they may go on without the engine.

/// Resets an object in the child of a fork, where the other threads do not exist.
pub trait Reset {
    /// Forgets the waiters, and frees a lock. The flag of an event, and the permits of a semaphore, stay as they
    /// are.
    fn reset(&self);
}

/// An object that is created before its parameters are known, and whose state its host may take over.
pub trait Hosted {
    /// The parameters.
    type Begin;
    /// The state when the object was retired, and the wake-ups that end the waits.
    type Retired;

    /// Sets the parameters. No thread may use the object yet. Never blocks.
    fn begin_with(&self, begin: Self::Begin);

    /// Retires the object. Running the returned wake-ups ends the wait of each waiter, with an error that says so.
    /// A later wait ends in the same way. No thread may release or arrive after this. Never blocks.
    fn retire(&self) -> Self::Retired;
}

/// An object whose host can let single waiters through.
pub trait LetThrough {
    /// Lets the first waiter in line through, whatever it waits for. Returns whether a thread waited. Never blocks.
    fn let_one_through(&self) -> bool;
}
