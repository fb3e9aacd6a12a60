//! A deadlock detector that knows nothing but waits, and asks what they wait for.

use std::collections::HashSet;

use interlock_wait::{Observer, ThreadId, TraceEvent, Verdict, Wait, pending_waits};

/// Refuses each wait that closes a circle of threads.
///
/// Each thread asks before it sleeps, when its wait is among the pending ones. So the last thread of a circle finds all
/// others waiting.
pub(crate) struct Detector;

impl Observer for Detector {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
        if waits_for_itself(wait.thread) {
            Verdict::Refuse
        } else {
            Verdict::Wait
        }
    }
}

fn waits_for_itself(thread: ThreadId) -> bool {
    let waits = pending_waits();
    let mut seen = HashSet::new();
    let mut next = vec![thread];
    while let Some(waiting) = next.pop() {
        for wait in waits.iter().filter(|wait| wait.thread == waiting) {
            if wait.owners.contains(&thread) {
                return true;
            }
            next.extend(wait.owners.iter().filter(|&&owner| seen.insert(owner)));
        }
    }
    false
}
