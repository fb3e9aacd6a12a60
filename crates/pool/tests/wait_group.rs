//! Waiting for threads together.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock_pool::{Started, WaitGroup};
use interlock_wait::{Deadline, WaitContext};

static GROUP: WaitGroup = WaitGroup::new();

#[test]
fn a_group_is_waited_for_until_the_last_has_left() {
    let runs = Arc::new(AtomicUsize::new(0));
    for round in 1..=50 {
        for number in 1..=4 {
            let its = runs.clone();
            let started = GROUP.try_start(4, |with_it| {
                assert!(with_it <= number);
                std::thread::Builder::new().spawn(move || {
                    its.fetch_add(1, Ordering::SeqCst);
                    GROUP.leave();
                })?;
                Ok::<_, std::io::Error>(())
            });
            assert!(matches!(started, Started::Yes));
        }
        assert!(GROUP.wait_with(&mut WaitContext::endless()));
        assert_eq!(runs.load(Ordering::SeqCst), 4 * round);
    }
    let group = WaitGroup::default();
    assert!(group.wait_with(&mut WaitContext::endless()), "nobody is in it");
    assert!(matches!(group.try_start(1, |_| Ok::<_, ()>(())), Started::Yes));
    assert!(matches!(group.try_start(1, |_| Ok::<_, ()>(())), Started::Enough));
    assert!(!group.wait_with(&mut WaitContext::until(Deadline::PASSED)));
}
