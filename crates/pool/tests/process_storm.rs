//! Workers of a pool are killed at random instants: claims C250 to C252 of PROCESS_PROTOCOL.md.
//!
//! The short form is run with the other tests. `the_long_storm_c252`, which `make storm` runs, has 20,000 calls in each round, and as many
//! rounds as fit into `INTERLOCK_STORM_SECONDS`. `INTERLOCK_STORM_SEED` repeats the choices of a run.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly, its helpers too"
)]

mod processes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use interlock_pool::process::{Answer, Call, Limits, OnWorkerDeath, WorkerDeath};
use interlock_shm::{Arena, Ended};

use processes::{Hosted, eventually, settings, signal, turn};

const WORKERS: usize = 4;
/// The code with which a worker ends itself in some calls.
const CODE: i32 = 7;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn seed() -> u64 {
    let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    number("INTERLOCK_STORM_SEED").unwrap_or(clock.as_nanos() as u64) | 1
}

struct Storm {
    calls: usize,
    policy: OnWorkerDeath,
    /// Between two kills.
    pause: Duration,
    seed: u64,
}

/// Tells the killer that all is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The actions of the killer.
#[derive(Default)]
struct Kills {
    /// The signals that it sent, by processes.
    sent: HashMap<u32, Vec<i32>>,
    /// How many processes it killed as soon as it noticed them.
    newborn: usize,
    stopped: usize,
}

impl Kills {
    fn hit(&mut self, pid: u32, with: i32) {
        self.sent.entry(pid).or_default().push(with);
        signal(pid, with);
    }
}

/// Kills a worker now and then, as long as the pool makes progress, until `is_over`. Stopped workers are continued
/// in the next turn.
fn kill_some(hosted: &Hosted, storm: &Storm, is_over: &AtomicBool) -> Kills {
    let mut random = Random(storm.seed);
    let mut kills = Kills::default();
    let mut stopped = None;
    let mut done = 0;
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(storm.pause); // sleep: the time between two kills
        if let Some(pid) = stopped.take() {
            signal(pid, libc::SIGCONT);
        }
        hosted.pool.look();
        // A pool gives up if no worker gets ready, so it has to make progress between two kills, however busy the
        // machine is.
        let now = hosted.pool.stats().done;
        if now == done {
            continue;
        }
        let pids = hosted.pool.processes();
        let Some(&pid) = pids.get(random.below(pids.len().max(1) as u64) as usize) else {
            continue;
        };
        done = now;
        match random.below(10) {
            0..5 => kills.hit(pid, libc::SIGKILL),
            5..7 => kills.hit(pid, libc::SIGSEGV),
            7 => {
                signal(pid, libc::SIGSTOP);
                stopped = Some(pid);
                kills.stopped += 1;
            }
            // The worker that takes its place dies as soon as it is started.
            _ => {
                kills.hit(pid, libc::SIGKILL);
                let known: HashSet<u32> = pids.into_iter().collect();
                let newborn = || (hosted.pool.processes().into_iter()).find(|pid| !known.contains(pid));
                let end = Instant::now() + Duration::from_secs(60);
                while !is_over.load(Ordering::Relaxed) && Instant::now() < end {
                    if let Some(pid) = newborn() {
                        kills.hit(pid, libc::SIGKILL);
                        kills.newborn += 1;
                        break;
                    }
                    std::thread::yield_now();
                }
            }
        }
    }
    if let Some(pid) = stopped {
        signal(pid, libc::SIGCONT);
    }
    kills
}

/// Returns the payload of call `number`. Most calls are short, some take a while, some are large, and some end
/// their worker.
fn payload(number: usize, random: &mut Random) -> String {
    match random.below(400) {
        0..100 => "sleep 1".to_owned(),
        100 => format!("exit {CODE}"),
        101..104 => format!(
            "echo {number} {}",
            "x".repeat(50_000 + random.below(100_000) as usize)
        ),
        _ => format!("echo {number}"),
    }
}

/// Checks the end of a call. Returns the process that died with it.
fn check(call: &str, answer: Answer, storm: &Storm, deaths: &mut Vec<Arc<WorkerDeath>>) {
    let (verb, rest) = call.split_once(' ').unwrap();
    match answer {
        Answer::Given(given) => {
            assert!(verb != "exit" && !given.failed);
            given
                .bytes
                .with(|bytes| assert!(bytes == rest.as_bytes(), "another call's answer"));
        }
        Answer::WorkerDied(death) => {
            assert!(death.was_running && death.was_ready, "{death:?}");
            assert!(
                storm.policy == OnWorkerDeath::FailTask || verb == "exit",
                "{call}: {death:?}"
            );
            deaths.push(death);
        }
        other => panic!("{call}: {other:?}"),
    }
}

fn supervisors() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("interlock-super")).count()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Counts processes, objects, threads and descriptors.
fn left(arena: &Arena) -> (usize, usize, usize, usize) {
    arena.sweep_all();
    (arena.processes(), arena.objects(), supervisors(), descriptors())
}

fn rage(storm: &Storm) {
    println!("INTERLOCK_STORM_SEED={}", storm.seed);
    let arena = Arena::home().unwrap();
    let before = left(&arena);
    let began = Instant::now();
    let hosted = Hosted::new(settings(WORKERS, storm.policy));
    let mut random = Random(storm.seed.rotate_left(32) | 1);
    let texts: Vec<String> = (0..storm.calls)
        .map(|number| payload(number, &mut random))
        .collect();
    let submit = |text: &String| -> Arc<Call<usize>> {
        let retries = match (storm.policy, text.starts_with("exit")) {
            (OnWorkerDeath::Retry, false) => 1_000_000,
            _ => 0,
        };
        let limits = Limits {
            retries,
            ..Limits::default()
        };
        hosted.submit_with(text.as_bytes(), limits)
    };
    let is_over = AtomicBool::new(false);
    let (answers, kills) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_some(&hosted, storm, &is_over));
        // The killer ends, too, if something fails here.
        let over = Over(&is_over);
        let calls: Vec<_> = texts.iter().map(submit).collect();
        let hosted = &hosted;
        let answers = move |calls: Vec<Arc<Call<usize>>>| -> Vec<Answer> {
            calls.iter().map(|call| hosted.answer(call)).collect()
        };
        let mut ones = calls;
        let calls = ones.split_off(ones.len() / 2);
        // Two threads wait: one leads, the other follows.
        let others = scope.spawn(move || answers(calls));
        let mut all = answers(ones);
        all.extend(others.join().unwrap());
        drop(over);
        (all, killer.join().unwrap())
    });
    let mut deaths = Vec::new();
    for (text, answer) in texts.iter().zip(answers) {
        check(text, answer, storm, &mut deaths);
    }
    judge(&kills, &deaths);
    let calls = storm.calls as u64;
    eventually("they are counted", || hosted.pool.stats().done == calls);
    let stats = hosted.pool.stats();
    assert_eq!((stats.submitted, stats.done), (calls, calls));
    assert_eq!(stats.failed, deaths.len() as u64);
    hosted.end();
    drop(texts);
    let end = Instant::now() + Duration::from_secs(60);
    while left(&arena) != before {
        assert!(Instant::now() < end, "{:?} are left of {before:?}", left(&arena));
        std::thread::yield_now();
    }
    report(storm, began, &kills, deaths.len());
}

fn report(storm: &Storm, began: Instant, kills: &Kills, lost: usize) {
    println!(
        "{} calls, {:?}: {:.1} s, {} processes hit ({} as soon as born), {} stopped, {} calls lost",
        storm.calls,
        storm.policy,
        began.elapsed().as_secs_f32(),
        kills.sent.len(),
        kills.newborn,
        kills.stopped,
        lost
    );
}

/// Each death that lost a call has a cause, and lost one call.
fn judge(kills: &Kills, deaths: &[Arc<WorkerDeath>]) {
    for death in deaths {
        let is_known = match death.ended.unwrap() {
            Ended::Exited(code) => code == CODE,
            Ended::Killed(signal) => (kills.sent.get(&death.pid)).is_some_and(|sent| sent.contains(&signal)),
        };
        assert!(is_known, "the worker ended by itself: {death:?}");
    }
    // By their names: the system may give a pid to a second process.
    let processes: HashSet<_> = deaths.iter().map(|death| death.name).collect();
    assert_eq!(processes.len(), deaths.len(), "a death costs one call");
}

fn short(policy: OnWorkerDeath) -> Storm {
    Storm {
        calls: 2000,
        policy,
        pause: Duration::from_millis(4),
        seed: seed(),
    }
}

#[test]
fn with_retries_a_storm_costs_no_result_c250() {
    let _turn = turn();
    rage(&short(OnWorkerDeath::Retry));
}

#[test]
fn a_storm_costs_the_calls_that_were_running_each_with_its_cause_c251() {
    let _turn = turn();
    rage(&short(OnWorkerDeath::FailTask));
}

#[test]
#[ignore = "the long form: make storm"]
fn the_long_storm_c252() {
    let _turn = turn();
    let end = Instant::now() + Duration::from_secs(number("INTERLOCK_STORM_SECONDS").unwrap_or(0));
    let mut seed = seed();
    let mut round = 0;
    loop {
        let storm = Storm {
            calls: 20_000,
            // Taken from the seed, so that a seed repeats rounds of either kind.
            policy: match seed & 2 {
                0 => OnWorkerDeath::Retry,
                _ => OnWorkerDeath::FailTask,
            },
            pause: Duration::from_millis(20),
            seed,
        };
        rage(&storm);
        round += 1;
        if round >= 2 && Instant::now() > end {
            return;
        }
        seed = (Random(seed).below(u64::MAX) | 3) ^ (!seed & 2 ^ 2);
    }
}
