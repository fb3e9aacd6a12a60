//! The pool of processes.

use std::fmt;
use std::sync::Arc;

use interlock_queue::{PutError, PutOutcome};
use interlock_shm::{Arena, Error, Name, Queue};
use interlock_wait::primitive::global::Ordering;
use interlock_wait::{OnUnwind, WaitContext};

use super::answer::WorkerDeath;
use super::call::Call;
use super::duty::Duty;
use super::inner::{Inner, Settings};
use super::state::place_of;
use super::worker::{Seat, Worker};
use crate::outcome::Waited;
use crate::table::Stats;

/// A pool of worker processes. `H` is a value that the host leaves with a call, and gets back.
///
/// When it is dropped, it accepts no more calls; the present ones are still run.
pub struct ProcessPool<H: Send + 'static> {
    pub(super) inner: Arc<Inner<H>>,
}

impl<H: Send + 'static> fmt::Debug for ProcessPool<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

/// Why a call was not accepted.
#[derive(Debug)]
pub enum Unplaced {
    /// As many calls wait as the limit allows.
    Full,
    /// The same, and the host or an observer ended the wait for room.
    Interrupted,
    /// The pool was shut down.
    ShutDown,
    /// The pool is broken, by this death.
    Broken(Arc<WorkerDeath>),
    /// The pool belongs to the process that forked this one.
    OfParent,
    /// The thread of the supervisor could not be started.
    NoThread(std::io::Error),
}

impl<H: Send + 'static> ProcessPool<H> {
    /// Creates a pool in `arena`, without workers.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>, settings: Settings) -> Result<Self, Error> {
        let inner = Arc::new(Inner::new(arena, settings)?);
        Ok(ProcessPool { inner })
    }

    /// Returns the memory that it shares with its workers.
    pub fn arena(&self) -> &Arc<Arena> {
        &self.inner.arena
    }

    /// Returns whether the pool belongs to the process that forked this one. If so, it can't be used here.
    pub fn is_of_parent(&self) -> bool {
        self.inner.is_of_parent()
    }

    /// Gives a call to the pool. Blocks while as many calls wait as the limit allows, until `context` ends the
    /// wait.
    ///
    /// # Errors
    /// The pool accepts no calls, or `context` ended the wait.
    pub fn submit(&self, call: &Arc<Call<H>>, context: &mut WaitContext<'_>) -> Result<(), Unplaced> {
        let core = &self.inner.core;
        self.place(|| match core.try_put(call.limits.priority, call.clone()) {
            Err(PutError::Full(call)) => core.put_with(call.limits.priority, call, context),
            placed => placed,
        })
    }

    /// Gives a call to the pool, ignoring the limit: for threads that the pool itself needs, which must not wait
    /// for it. Never blocks.
    ///
    /// # Errors
    /// The pool accepts no calls.
    pub fn submit_unbounded(&self, call: &Arc<Call<H>>) -> Result<(), Unplaced> {
        self.place(|| self.inner.core.put_unbounded(call.limits.priority, call.clone()))
    }

    fn place(
        &self,
        put: impl FnOnce() -> Result<PutOutcome, PutError<Arc<Call<H>>>>,
    ) -> Result<(), Unplaced> {
        if self.is_of_parent() {
            return Err(Unplaced::OfParent);
        }
        (self.inner.ensure_supervisor()).map_err(Unplaced::NoThread)?;
        match put() {
            Ok(_) => {
                self.inner.feed();
                Ok(())
            }
            Err(PutError::Full(_)) => Err(Unplaced::Full),
            Err(PutError::Interrupted(_)) => Err(Unplaced::Interrupted),
            Err(_) => Err(self.refusal()),
        }
    }

    /// Starts to watch the workers; the first call starts it, too.
    ///
    /// # Errors
    /// The thread of the supervisor could not be started.
    pub fn supervise(&self) -> std::io::Result<()> {
        self.inner.ensure_supervisor()
    }

    fn refusal(&self) -> Unplaced {
        match &self.inner.lock().broken {
            Some(death) => Unplaced::Broken(death.clone()),
            None => Unplaced::ShutDown,
        }
    }

    /// Returns the death by which the pool broke.
    pub fn broken(&self) -> Option<Arc<WorkerDeath>> {
        self.inner.lock().broken.clone()
    }

    /// Returns how many workers the host should start now: one for each call that has no free worker, up to the
    /// limit. Never blocks.
    pub fn missing_workers(&self) -> usize {
        if self.is_of_parent() {
            return 0;
        }
        self.inner.missing_workers(&self.inner.lock())
    }

    /// Changes the greatest number of workers. The host then starts the missing ones. If there are too many,
    /// workers that end are not replaced until there are few enough. Never blocks.
    pub fn set_limit(&self, limit: usize) {
        self.inner.core.set_limit(limit);
    }

    /// Returns a seat for a worker that [`Duty::Start`] has asked for. Like [`add_worker`](Self::add_worker), but
    /// also returns `None` if no worker is needed any more.
    ///
    /// # Errors
    /// The same as for `add_worker`.
    pub fn add_wanted_worker(&self) -> Result<Option<Seat>, Error> {
        {
            let mut state = self.inner.lock();
            state.asked_for = state.asked_for.saturating_sub(1);
        }
        if self.missing_workers() == 0 {
            self.inner.call_supervisor();
            return Ok(None);
        }
        self.add_worker()
    }

    /// Returns a seat for one more worker. The host starts its process, and then calls [`started`](Self::started).
    /// Returns `None` if there are as many workers as the limit allows, or in the child of a fork.
    ///
    /// # Errors
    /// The arena is full.
    pub fn add_worker(&self) -> Result<Option<Seat>, Error> {
        if self.is_of_parent() {
            return Ok(None);
        }
        let calls = Queue::new(&self.inner.arena, None)?;
        let mut state = self.inner.lock();
        let token = match state.broken {
            None if !state.is_abandoned => self.inner.core.enter(),
            _ => None,
        };
        let Some(token) = token else {
            drop(state);
            self.inner.call_supervisor();
            return Ok(None);
        };
        let number = state.new_seat();
        let most = self.inner.settings.calls_per_worker;
        state.seat(Worker::new(number, token, calls.clone(), most));
        drop(state);
        self.inner.feed();
        Ok(Some(Seat {
            number,
            calls,
            answers: self.inner.answers.clone(),
            parent: self.inner.arena.me(),
        }))
    }

    /// Called when the host has started the process for a seat: `process` is its id and its name in the family.
    /// `None` if it could not be started.
    pub fn started(&self, seat: usize, process: Option<(u32, Name)>) {
        self.inner.change(0, |state, finished| {
            match (process, place_of(&mut state.workers, seat)) {
                (Some((pid, name)), Some(Some(worker))) => {
                    worker.pid = pid;
                    worker.name = name;
                }
                (None, Some(place)) => {
                    if let Some(mut worker) = place.take() {
                        let back = worker.take_back();
                        self.inner.core.leave(worker.token);
                        state.returned.extend(back);
                    }
                }
                _ => {}
            }
            self.inner.hand_out(state, finished);
        });
        self.inner.call_supervisor();
    }

    /// Called when the host can't start workers. If there are none, all calls fail with the reason `why`. Never
    /// blocks.
    pub fn give_up(&self, why: &[u8]) {
        self.inner.change(0, |state, finished| {
            if state.present().next().is_none() {
                let death = Arc::new(WorkerDeath {
                    pid: 0,
                    name: Name::NONE,
                    label: String::new(),
                    ended: None,
                    was_ready: false,
                    was_running: false,
                    refusal: Some(why.to_vec()),
                });
                self.inner.break_down(state, finished, &death);
            }
        });
        self.inner.call_supervisor();
    }

    /// Called when the host knows that a worker's process has exited by itself, and was not killed. If no worker
    /// was ever ready, all calls fail; otherwise this has no effect. Never blocks. (For its own children, the pool
    /// learns this from the kernel.)
    pub fn exited(&self, pid: u32) {
        self.inner
            .change(0, |state, finished| self.inner.exited(state, finished, pid));
        self.inner.call_supervisor();
    }

    /// Blocks until `call` has ended, or until `context` ends the wait.
    pub fn wait(&self, call: &Arc<Call<H>>, context: &mut WaitContext<'_>) -> Waited {
        match self.is_of_parent() {
            true => call.outcome.wait_with(context),
            false => self.inner.wait(call, context),
        }
    }

    /// Takes the answers that have come, so that the phase of a call is up to date. Never blocks.
    pub fn look(&self) {
        if !self.is_of_parent() && !self.inner.answers.is_empty() {
            self.inner.feed();
        }
    }

    /// Makes the pool look for the answer of `call` by itself, because the call has a watch. With a `host`,
    /// [`Duty::Attend`] comes when the call has ended. If it has ended already, does nothing, and returns `false`.
    /// Never blocks.
    pub fn await_answer(&self, call: &Arc<Call<H>>, host: Option<H>) -> bool {
        let mut state = self.inner.lock();
        if call.outcome.phase().is_done() {
            return false;
        }
        // Relaxed: it changes under the lock.
        if !call.is_awaited.swap(true, Ordering::Relaxed) {
            state.awaited += 1;
        }
        if let Some(host) = host {
            call.leave(host);
        }
        if call.outcome.phase().is_done() {
            // It has ended meanwhile: the thread that ended it may not have seen the host's value.
            state.forget_awaited(call);
            drop(state);
            return call.take_host().is_none();
        }
        self.inner.rouse(&state);
        true
    }

    /// Has the host attend to a call that has ended, which it did not await: [`Duty::Attend`] comes, with `host`. Never
    /// blocks.
    ///
    /// # Errors
    /// No more duties will come. Contains `host`.
    pub fn attend_again(&self, call: &Arc<Call<H>>, host: H) -> Result<(), H> {
        if self.is_of_parent() {
            return Err(host);
        }
        let mut host = Some(host);
        self.inner.change(0, |state, finished| {
            if !state.is_finished
                && let Some(host) = host.take()
            {
                call.leave(host);
                finished.duty(Duty::Attend(Arc::clone(call)));
            }
        });
        host.map_or(Ok(()), Err)
    }

    /// Returns whether a worker is running `call`. Never blocks.
    pub fn is_running(&self, call: &Arc<Call<H>>) -> bool {
        self.look();
        let state = self.inner.lock();
        state
            .present()
            .any(|worker| worker.running().is_some_and(|it| Arc::ptr_eq(it, call)))
    }

    /// Returns the next duty of the host. Blocks until there is one, or until `context` ends the wait. Returns
    /// `None` if it did, or if no more duties will come.
    pub fn next_duty(&self, context: &mut WaitContext<'_>) -> Option<Duty<H>> {
        self.inner.next_duty(context)
    }

    /// Called when the host takes no more duties. The values that it has left with calls are dropped when these
    /// end. Never blocks.
    pub fn end_duties(&self) {
        self.inner.end_duties();
    }

    /// Stops the pool from accepting calls. The present calls are run, and then the workers end. Never blocks.
    pub fn shutdown(&self) {
        if self.is_of_parent() {
            return;
        }
        self.inner.core.shutdown();
        if self.inner.end_unused() {
            self.inner.put_duty(Duty::Finished);
            return;
        }
        if self.inner.ensure_supervisor().is_err() {
            // Without a supervisor, no thread sees the workers end. They end nevertheless, because no process holds
            // their queues.
            self.inner.put_duty(Duty::Finished);
        }
        self.inner.call_supervisor();
    }

    /// Returns whether it accepts no more calls.
    pub fn is_shut_down(&self) -> bool {
        self.inner.core.is_shut_down()
    }

    /// Called when the host is about to kill the workers: no others are started, and the calls of these workers
    /// fail. Never blocks.
    pub fn abandon(&self) {
        self.inner.lock().is_abandoned = true;
    }

    /// Returns the counts at this moment. Never blocks.
    pub fn stats(&self) -> Stats {
        self.inner.core.stats()
    }

    /// Returns how many calls wait, or lie with workers. A call whose end any thread knows is not one of them. Never
    /// blocks.
    pub fn pending(&self) -> usize {
        self.look();
        let state = self.inner.lock();
        let handed: usize = state.present().map(|worker| worker.handed.len()).sum();
        self.inner.core.waiting() + state.returned.len() + handed
    }

    /// Blocks until `number` calls have ended, or until `context` ends the wait. Returns how many have ended.
    pub fn wait_for_ended(&self, number: u64, context: &mut WaitContext<'_>) -> u64 {
        {
            let mut state = self.inner.lock();
            state.awaited += 1;
            self.inner.rouse(&state);
        }
        // Also if the wait unwinds.
        let _awaits = OnUnwind::new(|| self.inner.lock().awaited -= 1);
        self.look();
        self.inner.core.wait_for_ended(number, context)
    }

    /// Returns the process ids of the workers, and for how long each ran calls, in nanoseconds. Never blocks.
    pub fn busy(&self) -> Vec<(u32, u64)> {
        self.look();
        let state = self.inner.lock();
        state.present().map(|worker| (worker.pid, worker.busy)).collect()
    }

    /// Returns the process ids of the workers. Never blocks.
    pub fn processes(&self) -> Vec<u32> {
        let state = self.inner.lock();
        state
            .present()
            .map(|worker| worker.pid)
            .filter(|&pid| pid != 0)
            .collect()
    }

    /// Blocks until the pool was shut down and all workers have ended. Returns `false` if `context` ended the wait
    /// before.
    pub fn join(&self, context: &mut WaitContext<'_>) -> bool {
        self.inner.core.wait_for_workers(context)
    }
}

impl<H: Send + 'static> Drop for ProcessPool<H> {
    fn drop(&mut self) {
        self.shutdown();
    }
}
