//! When a wait ends at the latest.

use std::time::{Duration, Instant};

use crate::schedule;

/// A point in time on the monotonic clock, or never.
///
/// Created once, where a timeout enters the engine. Below that border there are no durations, so a wait that is
/// interrupted and goes on does not restart its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// No deadline: the wait ends when it is notified.
    pub const NEVER: Deadline = Deadline(u64::MAX);

    /// A deadline that has passed: the operation does not wait.
    pub const PASSED: Deadline = Deadline(0);

    /// The deadline of a model: the model decides whether all of them have passed.
    #[cfg(loom)]
    pub const MODELLED: Deadline = Deadline(1);

    /// Returns the deadline `timeout` from now. A time too far away for the clock becomes [`Deadline::NEVER`].
    pub fn after(timeout: Duration) -> Self {
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        Deadline(schedule::nanos().saturating_add(nanos))
    }

    /// Returns whether the deadline lies in the past. Reads the clock only if necessary.
    pub fn has_passed(self) -> bool {
        match self.0 {
            u64::MAX => false,
            0 => true,
            #[cfg(loom)]
            _ => crate::model::have_deadlines_passed(),
            #[cfg(not(loom))]
            at => schedule::nanos() >= at,
        }
    }

    /// Returns whether the deadline is more than `nanos` away. Reads the clock only if necessary.
    pub(crate) fn is_later_than(self, nanos: u32) -> bool {
        match self.0 {
            u64::MAX => true,
            0 => false,
            at => at > schedule::nanos() + u64::from(nanos),
        }
    }

    /// Returns the time until the deadline, 0 if it has passed; `None` for [`Deadline::NEVER`].
    pub fn remaining(self) -> Option<Duration> {
        let at = self.nanos()?;
        Some(Duration::from_nanos(at.saturating_sub(schedule::nanos())))
    }

    /// Returns the earlier of this deadline and `nanos` from now.
    pub(crate) fn or_sooner(self, nanos: u64) -> Self {
        self.min(Deadline(schedule::nanos() + nanos))
    }

    /// Returns the deadline in the kernel's form: nanoseconds on the monotonic clock, or no time.
    pub(crate) fn nanos(self) -> Option<u64> {
        (self != Self::NEVER).then_some(self.0)
    }
}

impl From<Instant> for Deadline {
    /// An `Instant` is a time on the system's clock. Under a scheduler, the deadline is as far from the scheduler's
    /// time as the instant is from the system's, rounded up to milliseconds. The rounding hides, as a rule, the
    /// time that has passed since the caller read that clock, so the schedule can be replayed. A timeout is safer:
    /// it needs no other clock.
    fn from(instant: Instant) -> Self {
        match instant.checked_duration_since(Instant::now()) {
            Some(left) if left.is_zero() => Deadline::PASSED,
            Some(left) if schedule::is_scheduled() => Deadline::after(whole_millis(left)),
            Some(left) => Deadline::after(left),
            None => Deadline::PASSED,
        }
    }
}

/// Rounds up to milliseconds.
fn whole_millis(time: Duration) -> Duration {
    const NANOS_PER_MILLI: u32 = 1_000_000;
    let beyond = time.subsec_nanos() % NANOS_PER_MILLI;
    let missing = (NANOS_PER_MILLI - beyond) % NANOS_PER_MILLI;
    time.saturating_add(Duration::from_nanos(missing.into()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_clock_is_never() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
        assert!(!Deadline::NEVER.has_passed());
    }

    #[test]
    fn an_instant_is_a_deadline() {
        let now = Instant::now();
        assert!(Deadline::from(now).has_passed());
        assert!(!Deadline::from(now + Duration::from_secs(60)).has_passed());
    }

    #[test]
    fn a_time_is_rounded_up_to_milliseconds() {
        for (nanos, whole) in [
            (0, 0),
            (1, 1_000_000),
            (1_000_000, 1_000_000),
            (999_999_999, 1_000_000_000),
        ] {
            assert_eq!(
                whole_millis(Duration::from_nanos(nanos)),
                Duration::from_nanos(whole)
            );
        }
        assert_eq!(whole_millis(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_deadline_passes() {
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert!(Deadline::PASSED.has_passed());
        assert!(!Deadline::after(Duration::from_secs(60)).has_passed());
    }
}
