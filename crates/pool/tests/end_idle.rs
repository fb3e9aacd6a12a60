//! Idle threads are ended, threads with a job are not, and no job is lost between the two. The tests take turns: what is
//! idle belongs to the whole process.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use interlock_os::thread;
use interlock_pool::{Group, Job, Latch, end_idle, idle, launch};
use interlock_wait::Patience;

const STACK_SIZE: usize = 1 << 17;

/// The tests here take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Says on which thread it runs, and ends when it may.
struct Waits {
    tell: mpsc::Sender<u32>,
    may_end: Arc<Latch>,
    group: Arc<Group>,
}

impl Job for Waits {
    fn run(&mut self) {
        self.tell.send(thread::native_id()).unwrap();
        self.may_end.wait_with(&mut Patience::endless());
    }

    fn ended(self: Box<Self>) {
        self.group.leave();
    }
}

/// Starts a job that runs until the latch is opened; the kernel's name for its thread.
fn start(may_end: &Arc<Latch>, group: &Arc<Group>) -> u32 {
    let (tell, hear) = mpsc::channel();
    let job = Waits {
        tell,
        may_end: may_end.clone(),
        group: group.clone(),
    };
    group.enter();
    drop(launch(STACK_SIZE, Box::new(job)).unwrap());
    hear.recv().unwrap()
}

fn gone(native_id: u32) -> bool {
    let limit = Instant::now() + Duration::from_secs(10);
    while thread::exists(native_id) && Instant::now() < limit {
        thread::yield_now();
    }
    !thread::exists(native_id)
}

#[test]
fn idle_threads_end_and_those_with_a_job_do_not() {
    let _turn = TURN.lock().unwrap();
    end_idle();
    let (together, alone) = (Arc::new(Group::new()), Arc::new(Group::new()));
    let (first, second) = (Arc::new(Latch::default()), Arc::new(Latch::default()));
    let threads = [(); 3].map(|()| start(&first, &together));
    let busy = start(&second, &alone);
    first.open();
    assert!(together.wait_with(&mut Patience::endless()));
    assert_eq!(idle(), 3);

    end_idle();
    assert_eq!(idle(), 0);
    assert!(threads.into_iter().all(gone));
    assert!(thread::exists(busy));

    second.open();
    assert!(alone.wait_with(&mut Patience::endless()));
    assert_eq!(idle(), 1, "the thread that had a job waits for another");
    assert_eq!(start(&second, &alone), busy);
    assert!(alone.wait_with(&mut Patience::endless()));
}

struct Counts(Arc<(Group, Vec<AtomicUsize>)>, usize);

impl Job for Counts {
    fn run(&mut self) {
        self.0.1[self.1].fetch_add(1, Ordering::SeqCst);
    }

    fn ended(self: Box<Self>) {
        self.0.0.leave();
    }
}

#[test]
fn every_job_is_run_exactly_once_while_idle_threads_are_ended() {
    const LAUNCHERS: usize = 3;
    const EACH: usize = 300;
    let _turn = TURN.lock().unwrap();
    let runs = (0..LAUNCHERS * EACH).map(|_| AtomicUsize::new(0)).collect();
    let (shared, done) = (Arc::new((Group::new(), runs)), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                end_idle();
            }
        });
        let launchers = (0..LAUNCHERS).map(|launcher| {
            let shared = &shared;
            scope.spawn(move || {
                for job in 0..EACH {
                    shared.0.enter();
                    let job = Counts(shared.clone(), launcher * EACH + job);
                    drop(launch(STACK_SIZE, Box::new(job)).unwrap());
                }
            })
        });
        let launchers: Vec<_> = launchers.collect();
        launchers
            .into_iter()
            .for_each(|launcher| launcher.join().unwrap());
        assert!(shared.0.wait_with(&mut Patience::endless()));
        done.store(true, Ordering::SeqCst);
    });
    assert!(shared.1.iter().all(|runs| runs.load(Ordering::SeqCst) == 1));
}
