//! Threads of two processes on words that both see.

#![cfg(not(loom))]
#![expect(
    unsafe_code,
    reason = "memory is shared, and a process is forked and killed, by calls of the C library"
)]

mod common;

use std::mem::size_of;
use std::ops::Deref;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Anything, Counts, Runs, eventually};
use interlock_wait::{
    Announced, Deadline, SharedWord, WaitContext, Wake, block_announced, block_shared,
    sleep_on_one_word_only, wake_shared,
};

/// The flag that the kernel sets in the word of a robust mutex whose owner died, and the flag that asks it to wake
/// a waiter then.
const OWNER_DIED: u32 = 0x4000_0000;
const WAITERS: u32 = 0x8000_0000;

/// A page that a forked child shares with its parent.
#[repr(C)]
struct Page {
    word: AtomicU32,
    second: AtomicU32,
    life: libc::pthread_mutex_t,
}

struct Shared(*mut Page);

impl Shared {
    fn new() -> Self {
        let (read_write, shared) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: the kernel chooses the place of a new mapping, which is full of zeros.
        let page = unsafe { libc::mmap(null_mut(), size_of::<Page>(), read_write, shared, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        Shared(page.cast())
    }

    /// The first word of the mutex, which the kernel knows.
    fn life_word(&self) -> &AtomicU32 {
        // SAFETY: the mapping is live.
        let life = unsafe { &raw mut (*self.0).life };
        // SAFETY: the mutex begins with a word that everybody changes in one piece.
        unsafe { AtomicU32::from_ptr(life.cast()) }
    }

    /// Initializes the life word, so that the kernel changes it when its holder dies. The calling thread holds it.
    fn live(&self) {
        // SAFETY: these are plain data, initialized next.
        let mut attributes = unsafe { std::mem::zeroed() };
        let (shared, robust) = (libc::PTHREAD_PROCESS_SHARED, libc::PTHREAD_MUTEX_ROBUST);
        // SAFETY: nobody else has the attributes.
        let made = unsafe { libc::pthread_mutexattr_init(&raw mut attributes) };
        // SAFETY: as above; they are initialized.
        let is_shared = unsafe { libc::pthread_mutexattr_setpshared(&raw mut attributes, shared) };
        // SAFETY: as above.
        let is_robust = unsafe { libc::pthread_mutexattr_setrobust(&raw mut attributes, robust) };
        assert_eq!((made, is_shared, is_robust), (0, 0, 0));
        // SAFETY: the mapping is live.
        let life = unsafe { &raw mut (*self.0).life };
        // SAFETY: the mutex is in zeroed memory that lives, and no other thread uses it yet.
        let made = unsafe { libc::pthread_mutex_init(life, &raw const attributes) };
        // SAFETY: as above; it is initialized.
        let locked = unsafe { libc::pthread_mutex_lock(life) };
        assert_eq!((made, locked), (0, 0));
    }
}

impl Deref for Shared {
    type Target = Page;

    fn deref(&self) -> &Page {
        // SAFETY: the mapping lives as long as the process, and its words are atomic.
        unsafe { &*self.0 }
    }
}

/// A forked process that runs `body`; it is killed, if need be, when this is dropped.
struct Child(libc::pid_t);

impl Child {
    fn run(body: impl FnOnce() -> bool) -> Self {
        // SAFETY: the child runs `body`, which sleeps and wakes, and ends.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
            unsafe { libc::alarm(60) };
            let status = if body() { 0 } else { 1 };
            // SAFETY: as above.
            unsafe { libc::_exit(status) };
        }
        Child(child)
    }

    fn kill(&self) {
        // SAFETY: the child has not been waited for, so the number is still its.
        assert_eq!(unsafe { libc::kill(self.0, libc::SIGKILL) }, 0);
    }

    /// Returns whether the child's body returned true.
    fn succeeded(self) -> bool {
        let mut status = 0;
        // SAFETY: the child is this process's, and nobody else waits for it.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        let succeeded = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        std::mem::forget(self);
        succeeded
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // SAFETY: as above.
        unsafe { libc::waitpid(self.0, null_mut(), 0) };
    }
}

fn on(word: &AtomicU32, expected: u32) -> SharedWord<'_> {
    SharedWord { word, expected }
}

fn endless(words: &[SharedWord<'_>]) -> Wake {
    block_shared(words, &Anything, &mut WaitContext::endless())
}

/// All of them twice, in one test: the second time without `futex_waitv`, which is a switch for the whole process.
#[test]
fn words_are_slept_on_with_and_without_waitv() {
    for _ in 0..2 {
        a_word_that_another_process_changes_ends_the_sleep();
        each_of_two_words_ends_the_sleep();
        the_death_of_a_process_ends_the_sleep();
        every_sleeper_finds_out_about_a_death();
        a_deadline_and_a_host_end_the_wait();
        a_thread_that_announced_itself_is_woken_or_looks_again();
        sleep_on_one_word_only();
    }
}

fn a_word_that_another_process_changes_ends_the_sleep() {
    let page = Shared::new();
    for round in 0..200 {
        let child = Child::run(|| {
            let there = endless(&[on(&page.word, 2 * round)]) == Wake::Notified;
            page.word.store(2 * round + 2, Ordering::Release);
            wake_shared(&page.word, 1);
            there
        });
        page.word.store(2 * round + 1, Ordering::Release);
        wake_shared(&page.word, 1);
        assert_eq!(endless(&[on(&page.word, 2 * round + 1)]), Wake::Notified);
        assert!(child.succeeded());
    }
}

fn each_of_two_words_ends_the_sleep() {
    let page = Shared::new();
    for changed in [&page.word, &page.second] {
        let child = Child::run(|| endless(&[on(&page.word, 0), on(&page.second, 0)]) == Wake::Notified);
        changed.store(1, Ordering::Release);
        wake_shared(changed, 1);
        assert!(child.succeeded());
        changed.store(0, Ordering::Release);
    }
}

/// Kills a process that holds its life word while `waiters` threads sleep on another word and on that one.
fn death(waiters: usize) {
    let page = Shared::new();
    let child = Child::run(|| {
        page.live();
        page.word.store(1, Ordering::Release);
        wake_shared(&page.word, 1);
        endless(&[on(&page.second, 0)]) == Wake::Notified
    });
    assert_eq!(endless(&[on(&page.word, 0)]), Wake::Notified);
    let (word, life) = (&page.word, page.life_word());
    // The kernel wakes a waiter of the word only if this bit is set.
    let expected = life.fetch_or(WAITERS, Ordering::AcqRel) | WAITERS;
    assert_eq!(expected & libc::FUTEX_TID_MASK, child.0.cast_unsigned());
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..waiters {
            scope.spawn(|| {
                let mut host = Counts(&sleeps);
                let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
                let words = [on(word, 1), on(life, expected)];
                assert_eq!(block_shared(&words, &Anything, &mut context), Wake::Notified);
                assert_ne!(life.load(Ordering::Acquire) & OWNER_DIED, 0);
            });
        }
        eventually(|| sleeps.load(Ordering::SeqCst) == waiters);
        child.kill();
    });
}

fn the_death_of_a_process_ends_the_sleep() {
    for _ in 0..20 {
        death(1);
    }
}

fn every_sleeper_finds_out_about_a_death() {
    death(4);
}

fn a_deadline_and_a_host_end_the_wait() {
    let page = Shared::new();
    let words = [on(&page.word, 0), on(&page.second, 0)];
    for words in [&words[..1], &words[..]] {
        let began = Instant::now();
        let soon = Duration::from_millis(80);
        let mut context = WaitContext::until(Deadline::after(soon));
        assert_eq!(block_shared(words, &Anything, &mut context), Wake::TimedOut);
        assert!(began.elapsed() >= soon);
        let mut passed = WaitContext::until(Deadline::PASSED);
        assert_eq!(block_shared(words, &Anything, &mut passed), Wake::TimedOut);
        let mut host = Runs(|| true);
        let mut stopped = WaitContext::hosted(Deadline::NEVER, &mut host);
        assert_eq!(block_shared(words, &Anything, &mut stopped), Wake::Interrupted);
    }
    page.word.store(1, Ordering::Release);
    let mut passed = WaitContext::until(Deadline::PASSED);
    assert_eq!(block_shared(&words, &Anything, &mut passed), Wake::Notified);
}

/// The word contains the announcement (1) and a count of wake-ups; the second word is the condition of the wait, or
/// the word beside.
fn a_thread_that_announced_itself_is_woken_or_looks_again() {
    let shared = Shared::new();
    let page: &Page = &shared;
    let (word, second) = (&page.word, &page.second);
    let wait = |beside: Option<u32>, context: &mut WaitContext<'_>| {
        let wait = Announced {
            word,
            beside: beside.map(|expected| on(second, expected)),
            is_ready: &|| beside.is_none() && second.load(Ordering::SeqCst) == 1,
            announce: &|| word.fetch_or(1, Ordering::SeqCst) | 1,
        };
        block_announced(&wait, &Anything, context)
    };
    let announced = || eventually(|| word.load(Ordering::SeqCst) & 1 == 1);
    for (beside, is_woken) in [(None, true), (None, false), (Some(0), true), (Some(0), false)] {
        second.store(0, Ordering::SeqCst);
        word.store(0, Ordering::SeqCst);
        assert_eq!(
            wait(beside, &mut WaitContext::until(Deadline::PASSED)),
            Wake::TimedOut
        );
        assert_eq!(
            word.load(Ordering::SeqCst),
            0,
            "it does not sleep, so it asks for nothing"
        );
        let child = Child::run(|| wait(beside, &mut WaitContext::endless()) == Wake::Notified);
        announced();
        second.store(1, Ordering::SeqCst);
        if is_woken {
            word.store(2, Ordering::SeqCst);
            wake_shared(word, 1);
            wake_shared(second, 1);
        }
        assert!(child.succeeded());
    }
    second.store(0, Ordering::SeqCst);
    let soon = Deadline::after(Duration::from_millis(20));
    assert_eq!(wait(Some(0), &mut WaitContext::until(soon)), Wake::TimedOut);
    let mut host = Runs(|| true);
    let mut stopped = WaitContext::hosted(Deadline::NEVER, &mut host);
    assert_eq!(wait(None, &mut stopped), Wake::Interrupted);
}
