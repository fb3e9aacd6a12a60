//! What the host of a program's objects needs beside what programs call: an interpreter, whose processes fork, whose objects
//! are initialized after they were made, and may go on without the engine.

/// Forgetting, in the child of a fork, what only other threads could end. The child has one thread.
pub trait Reset {
    /// Forgets the waiters, and frees a lock. The flag of an event, and the permits of a semaphore that other threads held, stay
    /// as they are.
    fn reset(&self);
}

/// An object that is made before its parameters are known, and whose state may go elsewhere.
pub trait Hosted {
    /// What it begins with.
    type Begin;
    /// Its state when it was retired, and the wake-ups that end the waits.
    type Retired;

    /// Sets what it begins with. No thread may use it yet. Never blocks.
    fn begin_with(&self, begin: Self::Begin);

    /// Retires it. Running the returned wake-ups ends the wait of each waiter, which learns of it; a later wait ends the same
    /// way. No thread may release or arrive after this. Never blocks.
    fn retire(&self) -> Self::Retired;
}

/// An object that others wait for in its host's place.
pub trait LetThrough {
    /// Lets the first waiter in line through, whatever it waits for. Returns whether a thread waited. Never blocks.
    fn let_one_through(&self) -> bool;
}
