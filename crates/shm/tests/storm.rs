//! Processes hammer a primitive, and die at random instants. `INTERLOCK_CRASH_SECONDS` says how long, for each primitive;
//! `INTERLOCK_CRASH_SEED` repeats the choices of a run.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]
#![expect(
    unsafe_code,
    reason = "the C library maps memory, and waits for stopped children"
)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::turns::all_in_turn;
use common::{Child, arena, endless};
use interlock_shm::{Arena, Barrier, Condition, Error, Event, Lock, OnOwnerDeath, RLock, Semaphore, report};
use interlock_wait::Wake;

const CHILDREN: usize = 4;

/// The reports of the children to the parent, in separate shared memory.
struct Page {
    /// Whether the child is in the place where only some may be at once.
    inside: [AtomicU32; CHILDREN],
    /// How much it has done.
    done: [AtomicU32; CHILDREN],
    shared: AtomicU32,
}

fn page() -> &'static Page {
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    // SAFETY: the kernel chooses the place of a new mapping, which is full of zeros.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<Page>(), access, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    // SAFETY: the mapping is large enough, and stays.
    unsafe { &*page.cast::<Page>() }
}

impl Page {
    /// The child `me` goes in, sees how many are inside, and goes out.
    fn visit(&self, me: usize, most: u32) {
        self.inside[me].store(1, Ordering::SeqCst);
        let inside: u32 = self.inside.iter().map(|it| it.load(Ordering::SeqCst)).sum();
        assert!(inside <= most, "{inside} are inside");
        self.inside[me].store(0, Ordering::SeqCst);
    }
}

/// A generator of numbers that look random.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `work` in children, again and again, and kills one after the other. A child that returns or panics has
/// failed. Runs `repair` after each death.
fn storm(arena: &Arena, page: &'static Page, work: &dyn Fn(usize, &mut Chance), repair: &dyn Fn()) {
    let seed =
        setting("INTERLOCK_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9e37_79b9 + 1);
    let seconds = setting("INTERLOCK_CRASH_SECONDS").unwrap_or(1);
    println!("INTERLOCK_CRASH_SEED={seed}");
    let mut chance = Chance(seed);
    let start = |me: usize, chance: &mut Chance| {
        let mut own = Chance(chance.below(u64::MAX) | 1);
        Child::run_for(600, || {
            loop {
                work(me, &mut own);
                page.done[me].fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let mut children: Vec<_> = (0..CHILDREN).map(|me| start(me, &mut chance)).collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut deaths = 0;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_micros(chance.below(3000))); // sleep: a random instant is what is wanted
        let me = usize::try_from(chance.below(CHILDREN as u64)).unwrap();
        end_one(children.remove(me), me, page, seed);
        deaths += 1;
        repair();
        children.insert(me, start(me, &mut chance));
        if deaths % 50 == 0 {
            all_go_on((&children, page), arena, repair, seed);
        }
    }
    all_go_on((&children, page), arena, repair, seed);
    for (me, child) in children.into_iter().enumerate() {
        end_one(child, me, page, seed);
    }
    arena.sweep_all();
    println!("{deaths} deaths");
    assert!(deaths > 0);
}

/// Kills a child that has not failed, wherever it is.
fn end_one(child: Child, me: usize, page: &Page, seed: u64) {
    let pid = child.pid().cast_signed();
    let mut status = 0;
    child.signal(libc::SIGSTOP);
    // SAFETY: the child is this process's, and nobody else waits for it.
    let stopped = unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
    assert_eq!(stopped, pid);
    if !libc::WIFSTOPPED(status) {
        std::mem::forget(child);
        panic!("seed {seed}: a child failed, with status {status}");
    }
    // It keeps its lock or permit, and does not count as inside when another process gets it.
    page.inside[me].store(0, Ordering::SeqCst);
    child.kill();
    assert_eq!(child.status(), libc::SIGKILL);
}

/// Waits until all children have made progress. Their waits have no limit, so this finds out whether one of them
/// hangs.
fn all_go_on((children, page): (&[Child], &Page), arena: &Arena, repair: &dyn Fn(), seed: u64) {
    let done = || page.done.iter().map(|done| done.load(Ordering::Relaxed));
    let before: Vec<_> = done().collect();
    let is_done = || {
        repair();
        done().zip(&before).all(|(now, &before)| now != before)
    };
    if let Err(why) = all_in_turn(children, is_done) {
        let now: Vec<_> = done().collect();
        let words = report::words(arena);
        panic!("seed {seed}: {why}; the children had done {before:?}, and now {now:?}\n{words}");
    }
}

/// C140, C141, C152, C153
#[test]
fn locks_exclude_in_a_storm() {
    let (arena, page) = (arena(), page());
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let reentrant = RLock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let work = |me: usize, chance: &mut Chance| {
        let _ = reentrant.acquire(&mut endless()).unwrap();
        if chance.below(2) == 0 {
            let _ = reentrant.acquire(&mut endless()).unwrap();
            assert_eq!(reentrant.count(), 2);
            reentrant.release().unwrap();
        }
        page.visit(me, 1);
        reentrant.release().unwrap();
        let _ = lock.acquire(&mut endless()).unwrap();
        assert!(lock.release());
    };
    storm(&arena, page, &work, &|| {});
    assert!(reentrant.acquire(&mut endless()).is_ok() && reentrant.count() == 1);
}

/// C155
#[test]
fn guarded_permits_stay_in_a_storm() {
    let (arena, page) = (arena(), page());
    let semaphore = Semaphore::new(&arena, 2, 2).unwrap();
    let work = |me: usize, _: &mut Chance| {
        semaphore.acquire_guarded(&mut endless()).unwrap();
        page.visit(me, 2);
        semaphore.release_guarded().unwrap();
    };
    storm(&arena, page, &work, &|| {});
    assert_eq!((semaphore.value(), semaphore.lost_permits()), (2, 0));
}

/// C156
#[test]
fn lost_permits_add_up_in_a_storm() {
    const ALL: u32 = 1 << 20;
    let (arena, page) = (arena(), page());
    let semaphore = Semaphore::new(&arena, ALL, ALL).unwrap();
    let work = |_: usize, chance: &mut Chance| {
        let count = u32::try_from(chance.below(3)).unwrap();
        for _ in 0..count {
            semaphore.acquire(&mut endless()).unwrap();
        }
        semaphore.acquire_guarded(&mut endless()).unwrap();
        semaphore.release(count).unwrap();
        semaphore.release_guarded().unwrap();
    };
    storm(&arena, page, &work, &|| {});
    let lost = semaphore.lost_permits();
    println!("{lost} lost");
    assert_eq!(semaphore.value() + lost, ALL);
}

/// C150, C151
#[test]
fn events_come_through_in_a_storm() {
    let (arena, page) = (arena(), page());
    let event = Event::new(&arena).unwrap();
    let work = |me: usize, _: &mut Chance| match me {
        0 | 1 => {
            event.set();
            event.clear();
        }
        _ => event.wait(&mut endless()).unwrap(),
    };
    storm(&arena, page, &work, &|| {});
}

/// C158, C159, C160
#[test]
fn notifications_come_through_in_a_storm() {
    let (arena, page) = (arena(), page());
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let condition = Condition::new(&arena).unwrap();
    // Each waiter waits for a token, and each token is announced to one. A token that is left makes up for the waiter that took
    // another one and died; so none waits while there is one.
    let work = |me: usize, chance: &mut Chance| {
        let _ = lock.acquire(&mut endless()).unwrap();
        match me {
            0 => {
                page.shared.fetch_add(1, Ordering::Relaxed);
                condition.notify(1);
            }
            _ if chance.below(8) == 0 => {
                let soon = interlock_wait::Deadline::after(Duration::from_micros(50));
                let mut context = interlock_wait::WaitContext::until(soon);
                condition.wait(&lock, &mut context).unwrap();
            }
            _ => {
                while page.shared.load(Ordering::Relaxed) == 0 {
                    let waited = condition.wait(&lock, &mut endless()).unwrap();
                    assert_eq!(waited.wake, Wake::Notified);
                }
                page.shared.fetch_sub(1, Ordering::Relaxed);
            }
        }
        assert!(lock.release());
    };
    storm(&arena, page, &work, &|| {});
    assert_eq!(condition.waiting(), 0);
}

/// C161, C162
#[test]
fn a_barrier_breaks_and_mends_in_a_storm() {
    let (arena, page) = (arena(), page());
    let barrier = Barrier::new(&arena, 4).unwrap();
    let work = |_: usize, _: &mut Chance| {
        match barrier.wait(&mut endless()) {
            Ok(number) => assert!(number < 4),
            // The parent resets it.
            Err(Error::Broken(name)) => {
                assert!(
                    name.is_none() || arena.confirm_death(name),
                    "the living break nothing"
                );
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    };
    let repair = || {
        if barrier.is_broken() {
            barrier.reset();
        }
    };
    storm(&arena, page, &work, &repair);
    assert_eq!(barrier.waiting(), 0);
}
