//! Takes the workers' answers, and hands calls to workers. The caller holds the pool's lock.

use std::sync::Arc;

use interlock_os::clock::monotonic_nanos;
use interlock_shm::Message;
use interlock_wait::primitive::global::Ordering;
use interlock_wait::{Deadline, WaitContext};

use super::answer::{Answer, Bytes, Given};
use super::call::Call;
use super::finished::Finished;
use super::inner::Inner;
use super::message::{Kind, TRAILER, Trailer};
use super::state::{State, place_of};
use super::worker::Worker;
use crate::outcome::Phase;

/// How many answers are taken at once.
const BATCH: usize = 64;
/// In nanoseconds: once a call has run for longer than this, the calls behind it go to other workers as soon as one is
/// idle.
const PATIENCE: u64 = 1_000_000;

impl<H: Send> Inner<H> {
    /// Takes all answers that have come.
    pub(super) fn drain(&self, state: &mut State<H>, finished: &mut Finished<H>) {
        while !self.answers.is_empty() {
            let mut batch = Vec::new();
            let taken = self.answers.get_many(
                BATCH,
                &mut WaitContext::until(Deadline::PASSED),
                |message| -> Result<(), interlock_shm::Error> {
                    batch.extend(read(message));
                    Ok(())
                },
            );
            for (trailer, bytes) in batch {
                let failed = trailer.kind == Kind::Failed;
                receive(state, finished, trailer, Answer::Given(Given { bytes, failed }));
            }
            match taken {
                Ok(_) => {}
                Err(error) if matches!(error, interlock_shm::Error::OutOfReach { .. }) => {
                    if !self.refuse_answer(state, finished, error) {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
    }

    /// Takes an answer that this process can't map, and fails its call. Returns whether it has taken one.
    #[cold]
    fn refuse_answer(
        &self,
        state: &mut State<H>,
        finished: &mut Finished<H>,
        error: interlock_shm::Error,
    ) -> bool {
        let trailer = |message: Message<'_>| message.last().map(Trailer::from_bytes);
        let context = &mut WaitContext::until(Deadline::PASSED);
        let taken = self.answers.take_unmapped(context, trailer);
        if let Ok(Some(trailer)) = taken {
            receive(state, finished, trailer, Answer::NotSent(error));
        }
        taken.is_ok()
    }

    /// Hands calls to workers that have room.
    pub(super) fn hand_out(&self, state: &mut State<H>, finished: &mut Finished<H>) {
        let (depth, now) = (state.depth(), monotonic_nanos());
        while state.freest(depth, now).is_some() {
            let Some(call) = state.returned.pop_front().or_else(|| self.core.try_take().ok()) else {
                break;
            };
            if call.outcome.phase() != Phase::Pending {
                // It was cancelled: `begin` tells its watches.
                let _ = call.outcome.begin();
                finished.drop_one(call);
                continue;
            }
            let has_limit = call.limits.time.is_some();
            if let Some(worker) = state.freest(depth, now) {
                if let Err((call, error)) = hand(worker, call) {
                    finished.push(call, Answer::NotSent(error));
                }
                state.has_new_limit |= has_limit;
            }
        }
    }

    /// If a worker is idle, takes back the calls that wait behind another worker's long call.
    pub(super) fn rebalance(&self, state: &mut State<H>) {
        if !self.is_uneven(state) {
            return;
        }
        let now = monotonic_nanos();
        let State {
            workers, returned, ..
        } = state;
        for worker in workers.iter_mut().flatten().filter(|worker| worker.has_backlog()) {
            if worker.since + PATIENCE <= now {
                returned.extend(worker.take_back());
            }
        }
    }

    /// Returns when to call `rebalance` next, in the clock's nanoseconds. `None` if no call waits behind another
    /// one.
    pub(super) fn next_rebalance(&self, state: &State<H>) -> Option<u64> {
        if !self.is_uneven(state) {
            return None;
        }
        let now = monotonic_nanos();
        // Calls whose time has passed already could not be taken back, because their worker held its queue's lock:
        // look again later.
        let due = |worker: &Worker<H>| match worker.since + PATIENCE {
            late if late <= now => now + PATIENCE,
            due => due,
        };
        let is_behind = |worker: &&Worker<H>| worker.has_backlog() && !worker.calls.is_empty();
        state.present().filter(is_behind).map(due).min()
    }

    /// Returns whether a worker is idle while calls lie behind others.
    pub(super) fn is_uneven(&self, state: &State<H>) -> bool {
        let is_idle = |worker: &Worker<H>| worker.is_open() && worker.is_ready && worker.handed.is_empty();
        state.has_backlog() && state.present().any(is_idle) && self.core.waiting() == 0
    }
}

/// Puts a call into the worker's queue.
pub(super) fn hand<H>(
    worker: &mut Worker<H>,
    call: Arc<Call<H>>,
) -> Result<(), (Arc<Call<H>>, interlock_shm::Error)> {
    if let Err(error) = call.send(&worker.calls) {
        return Err((call, error));
    }
    if worker.handed.is_empty() {
        worker.since = monotonic_nanos();
    }
    if let Some(left) = &mut worker.left {
        *left -= 1;
    }
    // Relaxed: it changes under the lock.
    call.is_handed.store(true, Ordering::Relaxed);
    worker.handed.push_back(call);
    Ok(())
}

fn read(message: Message<'_>) -> Option<(Trailer, Bytes)> {
    let trailer = Trailer::from_bytes(message.last()?);
    let bytes = match message.without_last(TRAILER).keep() {
        Ok(taken) => Bytes::Shared(taken),
        Err(message) => Bytes::Copied(message.to_vec()),
    };
    Some((trailer, bytes))
}

fn receive<H>(state: &mut State<H>, finished: &mut Finished<H>, trailer: Trailer, answer: Answer) {
    let Some(Some(worker)) = place_of(&mut state.workers, trailer.seat as usize) else {
        return;
    };
    match trailer.kind {
        Kind::Ready => {
            worker.is_ready = true;
            worker.since = monotonic_nanos();
            state.unready_deaths = 0;
            state.was_ever_ready = true;
            state.first_deaths.clear();
        }
        Kind::Leaves => {
            worker.is_closed = true;
            let back = worker.take_back();
            state.returned.extend(back);
        }
        Kind::Refuses => {
            if let Answer::Given(Given { bytes, .. }) = answer {
                worker.refusal = Some(bytes.with(<[u8]>::to_vec));
            }
        }
        Kind::Returned | Kind::Failed => {
            let call = worker.answered(trailer.number);
            let next = worker.handed.front();
            state.has_new_limit |= next.is_some_and(|call| call.limits.time.is_some());
            worker.since = monotonic_nanos();
            worker.busy += trailer.nanos;
            state.learn(trailer.nanos);
            if let Some(call) = call {
                finished.push(call, answer);
            }
        }
    }
}
