//! Operating-system threads kept for reuse.
//!
//! Making a thread costs tens of microseconds, handing a job to one that waits costs a wake-up. A thread whose job has
//! ended waits for another for [`IDLE_SECONDS`]; at most [`MOST_IDLE`] wait at a time, the others end at once.
//!
//! States of a worker, which are the places where it stands:
//!
//! | state | `IDLE` has it | its `job` | left by |
//! |---|---|---|---|
//! | running | no | none | the job ends: idle, or the thread ends |
//! | idle | yes | none | [`launch`] takes it out of `IDLE`, if nobody has a [`Lease`] on it, and puts a job in: assigned; [`end_idle`] takes it out and dismisses it, or its time is over and it takes itself out: the thread ends |
//! | assigned | no | some | it takes the job: running |
//!
//! What follows from this, and the tests of it, are in `PROTOCOL.md`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use interlock_os::thread;
use interlock_wait::primitive::global::{AtomicBool, Ordering};
use interlock_wait::{
    Deadline, Event, Kind, Patience, Resource, ThreadId, WaitQueue, Waiter, Wake, WordLock, block, fork,
    probed, report,
};

/// How long a thread waits for another job, in seconds.
const IDLE_SECONDS: u64 = 5;
/// How many threads wait for another job at most.
const MOST_IDLE: usize = 64;
/// How long [`end_idle`] waits at most, on a machine that is too busy for the threads to end.
const MOST_TO_END: Duration = Duration::from_millis(100);

/// What a thread is made for.
pub trait Job: Send {
    /// Does the work, on the thread that the job was given to. A panic is reported and ends only this job.
    fn run(&mut self);

    /// Tells whoever waits that the job has ended. Runs on the same thread, which may get another job at any moment now,
    /// in [`fork::unforked`]: it waits for nothing. A panic is reported, and changes nothing for the thread.
    fn ended(self: Box<Self>);
}

struct Worker {
    stack_size: usize,
    /// Whether the [`Lease`] of its latest job lives: then nobody may take it out of `IDLE` for another job.
    leased: AtomicBool,
    assignment: WordLock<Assignment>,
}

/// The thread that a job was given to. As long as it lives, no other job is given to that thread, also when the job has
/// ended: the thread's identities stay distinct from those of threads started later.
#[must_use = "the thread runs other jobs as soon as this is dropped and the job has ended"]
pub struct Lease {
    thread: ThreadId,
    worker: Arc<Worker>,
}

impl Lease {
    /// The thread.
    pub fn thread(&self) -> ThreadId {
        self.thread
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Relaxed: it orders nothing; a job is handed over under the lock of its worker.
        self.worker.leased.store(false, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Assignment {
    job: Option<Box<dyn Job>>,
    dismissed: bool,
    line: WaitQueue,
}

struct Idle {
    generation: u32,
    /// Nobody may become idle any more: the process is about to end with its last thread.
    closed: bool,
    /// The idle workers, in the order in which they became idle.
    workers: Vec<IdleWorker>,
}

struct IdleWorker {
    thread: ThreadId,
    native_id: u32,
    worker: Arc<Worker>,
}

static IDLE: WordLock<Idle> = WordLock::new(Idle {
    generation: 0,
    closed: false,
    workers: Vec::new(),
});

/// Runs `work` on the record of the idle workers.
fn with_idle<R>(work: impl FnOnce(&mut Idle) -> R) -> R {
    // Nothing else keeps a worker out of here while another thread forks.
    fork::unforked(|| work(&mut IDLE.lock()))
}

impl Idle {
    /// The idle workers of this process: those of the process it was forked from do not exist here.
    fn workers(&mut self) -> &mut Vec<IdleWorker> {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.closed = false;
            std::mem::forget(std::mem::take(&mut self.workers));
        }
        &mut self.workers
    }

    /// Takes all workers out.
    fn take(&mut self) -> Vec<IdleWorker> {
        std::mem::take(self.workers())
    }

    /// Takes all workers out, for good.
    fn close(&mut self) -> Vec<IdleWorker> {
        let workers = self.take();
        self.closed = true;
        workers
    }
}

/// Runs `job` on a thread with a stack of `stack_size` bytes, or, if that is 0, of the default size: on one that waits for
/// work, or else on a new one. Returns the thread. Never blocks.
///
/// # Errors
/// The operating system has no room for another thread; the job was not run.
pub fn launch(stack_size: usize, job: Box<dyn Job>) -> io::Result<Lease> {
    let stack_size = if stack_size == 0 {
        thread::default_stack_size()
    } else {
        stack_size
    };
    match take_idle(stack_size) {
        Some(IdleWorker { thread, worker, .. }) => {
            assign(&worker, job);
            Ok(Lease { thread, worker })
        }
        None => start(stack_size, job),
    }
}

/// Takes an idle worker that nobody has a lease on, and leases it.
fn take_idle(stack_size: usize) -> Option<IdleWorker> {
    with_idle(|idle| {
        let workers = idle.workers();
        // The one that waits for the shortest time is the likeliest to be awake.
        // Relaxed: see `Lease`.
        let fits =
            |worker: &Worker| worker.stack_size == stack_size && !worker.leased.load(Ordering::Relaxed);
        let place = workers.iter().rposition(|idle| fits(&idle.worker))?;
        let taken = workers.remove(place);
        // Relaxed: as above.
        taken.worker.leased.store(true, Ordering::Relaxed);
        Some(taken)
    })
}

fn assign(worker: &Worker, job: Box<dyn Job>) {
    let mut assignment = worker.assignment.lock();
    assignment.job = Some(job);
    let wakeup = assignment.line.notify_one();
    drop(assignment);
    wakeup.run();
}

fn start(stack_size: usize, job: Box<dyn Job>) -> io::Result<Lease> {
    let worker = Arc::new(Worker {
        stack_size,
        leased: AtomicBool::new(true),
        assignment: WordLock::new(Assignment {
            job: Some(job),
            ..Default::default()
        }),
    });
    let its = worker.clone();
    let thread = ThreadId::from_ident(thread::spawn(stack_size, move || work(&its))?);
    Ok(Lease { thread, worker })
}

/// The life of a thread: job after job, until none comes.
fn work(worker: &Arc<Worker>) {
    let me = ThreadId::current();
    let born_in = fork::generation();
    let patience = || Deadline::after(Duration::from_secs(IDLE_SECONDS));
    while let Some(mut job) = next_job(worker, patience()) {
        if probed() {
            report(Event::ThreadBegan { thread: me });
        }
        // The panic hook has reported it; what matters here is that `ended` runs.
        let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
        if probed() {
            report(Event::ThreadEnded { thread: me });
        }
        let forked = fork::generation() != born_in;
        let stays = !forked && become_idle(me, worker);
        // A panic here must not end a thread that is idle, and so is about to get a job.
        let _ = catch_unwind(AssertUnwindSafe(|| fork::unforked(|| job.ended())));
        if forked {
            // The thread that a forked child began with is nobody's worker, and without it nobody starts a thread here:
            // idle threads must not keep the process.
            dismiss(&with_idle(Idle::close));
        }
        if !stays {
            return;
        }
    }
}

/// Ends workers that were taken out of the idle ones.
fn dismiss(workers: &[IdleWorker]) {
    for idle in workers {
        fork::unforked(|| {
            let mut assignment = idle.worker.assignment.lock();
            assignment.dismissed = true;
            let wakeup = assignment.line.notify_one();
            drop(assignment);
            wakeup.run();
        });
    }
}

/// Ends the threads that wait for a job. Blocks for some microseconds, until the kernel has forgotten them.
///
/// For a thread that is about to fork: who has joined all threads wants a process with a single one.
pub fn end_idle() {
    let workers = with_idle(Idle::take);
    dismiss(&workers);
    let deadline = Instant::now() + MOST_TO_END;
    for idle in workers {
        while thread::exists(idle.native_id) && Instant::now() < deadline {
            thread::yield_now();
        }
    }
}

fn become_idle(me: ThreadId, worker: &Arc<Worker>) -> bool {
    with_idle(|idle| {
        let workers = idle.workers();
        let full = workers.len() >= MOST_IDLE;
        let stays = !full && !idle.closed;
        if stays {
            idle.workers.push(IdleWorker {
                thread: me,
                native_id: thread::native_id(),
                worker: worker.clone(),
            });
        }
        stays
    })
}

/// Takes a worker out of the idle ones; `false` when it is not there: somebody is about to give it a job.
fn stop_being_idle(worker: &Arc<Worker>) -> bool {
    with_idle(|idle| {
        let workers = idle.workers();
        let place = workers.iter().position(|idle| Arc::ptr_eq(&idle.worker, worker));
        place.map(|place| workers.remove(place)).is_some()
    })
}

/// Waits for the job that this worker was or will be given; `None` when its time as an idle worker is over, at `deadline`
/// or by a dismissal.
fn next_job(worker: &Arc<Worker>, deadline: Deadline) -> Option<Box<dyn Job>> {
    loop {
        let waiter = Waiter::thread();
        let mut assignment = worker.assignment.lock();
        if let Some(job) = assignment.job.take() {
            return Some(job);
        }
        if assignment.dismissed {
            return None;
        }
        assignment.line.push_back(waiter.clone());
        drop(assignment);
        let resource = Resource {
            kind: Kind::Thread,
            address: worker.assignment.address(),
        };
        if block(&waiter, resource, None, &mut Patience::until(deadline)) == Wake::TimedOut {
            worker.assignment.lock().line.remove(&waiter);
            if stop_being_idle(worker) {
                return None;
            }
            // Not idle any more: somebody is about to give us a job.
            thread::yield_now();
        }
    }
}

/// How many threads wait for a job, at this moment. Never blocks.
pub fn idle() -> usize {
    with_idle(|idle| idle.workers().len())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use interlock_wait::{Probe, clear_probe, set_probe};

    use super::*;

    struct Nothing;

    impl Job for Nothing {
        fn run(&mut self) {}

        fn ended(self: Box<Self>) {}
    }

    /// Counts how often the wait of one worker has timed out.
    struct Timeouts(usize, AtomicUsize);

    impl Probe for Timeouts {
        fn event(&self, event: Event) {
            if matches!(event, Event::Woke { resource, wake: Wake::TimedOut, .. } if resource.address == self.0)
            {
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// An idle worker; no other test asks for a thread with this stack.
    fn idle_worker(stack_size: usize) -> Arc<Worker> {
        let worker = Arc::new(Worker {
            stack_size,
            leased: AtomicBool::new(false),
            assignment: WordLock::default(),
        });
        assert!(become_idle(ThreadId::current(), &worker));
        worker
    }

    #[test]
    fn a_worker_does_not_end_while_it_is_assigned() {
        const STACK_SIZE: usize = 12_345;
        let worker = idle_worker(STACK_SIZE);
        let timeouts = Arc::new(Timeouts(worker.assignment.address(), AtomicUsize::new(0)));
        set_probe(timeouts.clone());
        let taken = take_idle(STACK_SIZE).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| next_job(&worker, Deadline::PASSED).is_some());
            // Its time is over, again and again; but it was taken out, and is about to get a job.
            while timeouts.1.load(Ordering::SeqCst) < 2 && !waits.is_finished() {
                thread::yield_now();
            }
            assign(&taken.worker, Box::new(Nothing));
            assert!(waits.join().unwrap());
        });
        clear_probe();

        let worker = idle_worker(STACK_SIZE);
        assert!(next_job(&worker, Deadline::PASSED).is_none());
        assert!(take_idle(STACK_SIZE).is_none(), "it ended, so nobody finds it");
    }

    #[test]
    fn a_worker_that_is_dismissed_ends_and_is_given_nothing() {
        const STACK_SIZE: usize = 23_456;
        let worker = idle_worker(STACK_SIZE);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| next_job(&worker, Deadline::NEVER).is_none());
            let idle = take_idle(STACK_SIZE);
            dismiss(idle.as_slice());
            assert!(take_idle(STACK_SIZE).is_none());
            assert!(waits.join().unwrap());
        });
    }
}
