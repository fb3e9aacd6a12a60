//! Waiting for a lock word, which is held for a few instructions.

use interlock_os::thread;

use crate::sleep::nap;
use crate::spin::processors;

/// How a thread waits for a lock word: by spinning, then by giving way, then in short naps.
pub(crate) struct Backoff {
    rounds: u32,
}

impl Backoff {
    const SPINS: u32 = 6;
    const YIELDS: u32 = 16;
    const LONGEST_NAP_NANOS: u64 = 200_000;

    pub(crate) fn new() -> Self {
        Backoff { rounds: 0 }
    }

    /// Waits a little, each time a little longer, at most 0.2 ms.
    pub(crate) fn pause(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds <= Self::SPINS && processors() > 1 {
            for _ in 0..1 << self.rounds {
                std::hint::spin_loop();
            }
        } else if self.rounds <= Self::YIELDS {
            thread::yield_now();
        } else {
            nap((1000 << (self.rounds - Self::YIELDS).min(8)).min(Self::LONGEST_NAP_NANOS));
        }
    }
}
