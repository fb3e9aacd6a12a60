//! Pools of processes for tests: workers that are forked, and a host that starts and buries them.
#![allow(dead_code, reason = "each test uses some")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, its helpers too"
)]
#![expect(unsafe_code, reason = "the C library forks and kills")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use interlock_pool::process::{
    Answer, Call, Duty, Limits, OnWorkerDeath, ProcessPool, Seat, Served, Server, Settings,
};
use interlock_shm::{Arena, Error, Event};
use interlock_wait::{Deadline, WaitContext};

pub(crate) type Pool = ProcessPool<usize>;

/// A pool whose workers are forked, and the thread that serves as its host.
pub(crate) struct Hosted {
    pub(crate) pool: Arc<Pool>,
    pub(crate) arena: Arc<Arena>,
    /// Workers that run `wait` wait for it.
    pub(crate) gate: Event,
    host: Option<JoinHandle<Vec<usize>>>,
}

/// Tests that fork take turns: a fork copies what other threads are doing.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn settings(workers: usize, on_worker_death: OnWorkerDeath) -> Settings {
    Settings {
        workers,
        max_pending: 0,
        calls_per_worker: None,
        on_worker_death,
        keeps_workers: true,
    }
}

pub(crate) fn endless() -> WaitContext<'static> {
    WaitContext::endless()
}

pub(crate) fn within_a_minute() -> WaitContext<'static> {
    WaitContext::until(Deadline::after(Duration::from_secs(60)))
}

impl Hosted {
    pub(crate) fn new(settings: Settings) -> Self {
        let arena = Arena::home().unwrap();
        let pool = Arc::new(Pool::new(&arena, settings).unwrap());
        let gate = Event::new(&arena).unwrap();
        let mut hosted = Hosted {
            pool,
            arena,
            gate,
            host: None,
        };
        for _ in 0..hosted.pool.missing_workers() {
            let seat = hosted.pool.add_worker().unwrap();
            start(&hosted.pool, &hosted.arena, &hosted.gate, seat);
        }
        let (pool, arena, gate) = (hosted.pool.clone(), hosted.arena.clone(), hosted.gate.clone());
        hosted.host = Some(std::thread::spawn(move || serve_duties(&pool, &arena, &gate)));
        hosted
    }

    pub(crate) fn submit(&self, payload: &[u8]) -> Arc<Call<usize>> {
        self.submit_with(payload, Limits::default())
    }

    pub(crate) fn submit_with(&self, payload: &[u8], limits: Limits) -> Arc<Call<usize>> {
        let call = Call::new(&self.arena, &[payload], limits).unwrap();
        self.pool.submit(&call, &mut within_a_minute()).unwrap();
        call
    }

    pub(crate) fn answer(&self, call: &Arc<Call<usize>>) -> Answer {
        self.pool.wait(call, &mut within_a_minute());
        call.take_answer().unwrap()
    }

    pub(crate) fn text(&self, call: &Arc<Call<usize>>) -> String {
        match self.answer(call) {
            Answer::Given(given) => given
                .bytes
                .with(|bytes| String::from_utf8(bytes.to_vec()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// Submits `count` calls, whose answers are the numbers from 0 on.
    pub(crate) fn submit_numbers(&self, count: usize) -> Vec<Arc<Call<usize>>> {
        (0..count)
            .map(|i| self.submit(format!("echo {i}").as_bytes()))
            .collect()
    }

    /// Waits for the answers of such calls, and checks them.
    pub(crate) fn assert_numbers(&self, calls: &[Arc<Call<usize>>]) {
        for (i, call) in calls.iter().enumerate() {
            assert_eq!(self.text(call), i.to_string());
        }
    }

    /// Shuts the pool down. Returns the hosts of the calls that were attended to.
    pub(crate) fn end(mut self) -> Vec<usize> {
        self.pool.shutdown();
        self.host.take().unwrap().join().unwrap()
    }
}

fn serve_duties(pool: &Pool, arena: &Arc<Arena>, gate: &Event) -> Vec<usize> {
    let mut attended = Vec::new();
    while let Some(duty) = pool.next_duty(&mut within_a_minute()) {
        match duty {
            Duty::Attend(call) => attended.extend(call.take_host()),
            Duty::Room(host) => attended.push(host),
            Duty::Start => start(pool, arena, gate, pool.add_wanted_worker().unwrap()),
            Duty::Ended { pid, .. } => {
                // A pool that broke forgets its workers: `processes` below may not have named this one.
                if pool.broken().is_some() {
                    kill(pid);
                }
                wait_for(pid);
            }
            Duty::Broken(_) => pool.processes().into_iter().for_each(kill),
            Duty::Finished => return attended,
        }
    }
    panic!("the pool did not end in a minute");
}

pub(crate) fn kill(pid: u32) {
    signal(pid, libc::SIGKILL);
}

pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid.cast_signed(), signal) };
}

fn start(pool: &Pool, arena: &Arc<Arena>, gate: &Event, seat: Option<Seat>) {
    let Some(seat) = seat else {
        return;
    };
    let number = seat.number;
    // SAFETY: the child only serves, and then ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
        unsafe { libc::alarm(600) };
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(seat, gate)));
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(served.is_err())) };
    }
    let name = arena.last_child();
    arena.started(name, Some(child.cast_unsigned()));
    pool.started(number, Some((child.cast_unsigned(), name)));
}

/// Starts a worker that ends by `end` before it is ready. Returns its process.
pub(crate) fn start_and_end(pool: &Pool, arena: &Arc<Arena>, seat: &Seat, end: fn()) -> u32 {
    // SAFETY: the child only ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        end();
    }
    let (pid, name) = (child.cast_unsigned(), arena.last_child());
    arena.started(name, Some(pid));
    pool.started(seat.number, Some((pid, name)));
    pid
}

/// Waits for a child to end.
pub(crate) fn wait_for(pid: u32) {
    // SAFETY: the child is this process's, and nobody else waits for it.
    unsafe { libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), 0) };
}

/// Returns what `is_so` returns in a forked child, which does nothing else.
pub(crate) fn in_a_child(is_so: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child only calls that, and then ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
        unsafe { libc::alarm(60) };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(is_so));
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!outcome.unwrap_or(false))) };
    }
    let mut status = 0;
    // SAFETY: the child is this process's, and nobody else waits for it.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    status == 0
}

/// Ends the calling process.
pub(crate) fn exit() {
    // SAFETY: it ends the process without running what is left of the test.
    unsafe { libc::_exit(3) }
}

/// A worker that does what its calls say: `echo …`, `wait …`, `sleep <milliseconds>`, `die`, `exit <code>`, `fail …`.
fn serve(seat: Seat, gate: &Event) {
    let mut server = Server::new(seat);
    server.ready().unwrap();
    loop {
        let read = |message: interlock_shm::Message<'_>| -> Result<String, Error> {
            Ok(String::from_utf8(message.to_vec()).unwrap())
        };
        let Served::Call(call) = server.next(&mut endless(), read).unwrap() else {
            return;
        };
        let (verb, rest) = call.split_once(' ').unwrap_or((&call, ""));
        match verb {
            "wait" => {
                gate.wait(&mut endless()).unwrap();
            }
            "sleep" => std::thread::sleep(Duration::from_millis(rest.parse().unwrap())), // sleep: what the call does
            "die" => kill(std::process::id()),
            // SAFETY: it ends the process without running what is left of the test.
            "exit" => unsafe { libc::_exit(rest.parse().unwrap()) },
            _ => {}
        }
        match verb {
            "fail" => server.fail(&[rest.as_bytes()]).unwrap(),
            _ => server.answer(&[rest.as_bytes()]).unwrap(),
        }
    }
}

/// Waits until `done`, for a minute at most.
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what} did not come true in a minute");
        std::thread::yield_now();
    }
}
