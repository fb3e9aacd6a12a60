//! A deadlock detector that knows only waits, and asks their resources for owners.

use std::collections::HashSet;

use interlock_wait::{Observer, PendingWait, TraceEvent, Verdict, Wait, pending_waits};

/// Refuses each wait that closes a circle of threads.
///
/// Each thread asks before it sleeps, when its wait is among the pending ones. Several threads of a circle may ask at the
/// same time. Each looks only at the waits that came into the list before its own, so the last one finds the whole circle,
/// and no other thread does.
pub(crate) struct Detector;

impl Observer for Detector {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
        if closes_a_circle(wait) {
            Verdict::Refuse
        } else {
            Verdict::Wait
        }
    }
}

fn closes_a_circle(wait: &Wait<'_>) -> bool {
    let thread = wait.thread;
    let mut waits = pending_waits();
    let own = |other: &PendingWait| other.thread == thread && other.sequence == wait.sequence;
    waits.truncate(waits.iter().rposition(own).map_or(0, |own| own + 1));
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
