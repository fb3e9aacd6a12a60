//! Waits for a lock word, which is held only for a few instructions.

use crate::sleep::nap;
use crate::spin::let_a_moment_pass;

/// How a thread waits for a lock word: by spinning, then by giving way, then in short naps.
pub(crate) struct Backoff {
    rounds: u32,
}

impl Backoff {
    /// The rounds before the first nap.
    const AWAKE: u32 = 14;
    const LONGEST_NAP_NANOS: u64 = 200_000;

    pub(crate) fn new() -> Self {
        Backoff { rounds: 0 }
    }

    /// Waits a little, each time a little longer, at most 0.2 ms.
    pub(crate) fn pause(&mut self) {
        if self.rounds < Self::AWAKE {
            let_a_moment_pass(self.rounds);
        } else {
            nap((2000 << (self.rounds - Self::AWAKE).min(7)).min(Self::LONGEST_NAP_NANOS));
        }
        self.rounds = self.rounds.saturating_add(1);
    }
}
