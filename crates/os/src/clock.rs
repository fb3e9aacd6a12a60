//! The monotonic clock.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Returns the nanoseconds on the monotonic clock (`CLOCK_MONOTONIC`), on which futex deadlines are measured.
///
/// Never blocks. See <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>.
#[inline]
pub fn monotonic_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * NANOS_PER_SECOND + now.tv_nsec.cast_unsigned()
}

/// Converts an absolute time on the monotonic clock to the kernel's form.
pub(crate) fn timespec(nanos: u64) -> Timespec {
    Timespec {
        tv_sec: (nanos / NANOS_PER_SECOND).cast_signed(),
        tv_nsec: (nanos % NANOS_PER_SECOND).cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_runs_backwards() {
        let mut last = monotonic_nanos();
        for _ in 0..1000 {
            let now = monotonic_nanos();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn a_timespec_splits_at_the_second() {
        let t = timespec(3 * NANOS_PER_SECOND + 7);
        assert_eq!((t.tv_sec, t.tv_nsec), (3, 7));
    }
}
