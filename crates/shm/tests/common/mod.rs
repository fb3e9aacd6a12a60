//! Processes for tests: children that run a closure, and are killed.
#![allow(dead_code, reason = "each test uses some")]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]
#![expect(unsafe_code, reason = "the C library forks and kills")]

pub(crate) mod messages;
pub(crate) mod turns;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interlock_shm::Arena;
use interlock_wait::{Deadline, WaitContext};

/// A child process that runs a closure.
pub(crate) struct Child(libc::pid_t);

impl Child {
    /// Forks. The child runs `body` and exits with 0 if it returns true.
    pub(crate) fn run(body: impl FnOnce() -> bool) -> Self {
        Self::run_for(100, body)
    }

    /// Like [`run`](Self::run). The child ends after `seconds` at the latest, if it hangs and its parent is
    /// gone.
    pub(crate) fn run_for(seconds: u32, body: impl FnOnce() -> bool) -> Self {
        // SAFETY: the child only runs the closure, and then ends.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
            unsafe { libc::alarm(seconds) };
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let status = i32::from(!done.unwrap_or(false));
            // SAFETY: as above.
            unsafe { libc::_exit(status) };
        }
        Child(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.cast_unsigned()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so the number is still its.
        assert_eq!(unsafe { libc::kill(self.0, signal) }, 0);
    }

    pub(crate) fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    /// Waits until the child has ended. Returns its wait status.
    pub(crate) fn status(self) -> i32 {
        let mut status = 0;
        // SAFETY: the child is this process's, and nobody else waits for it.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        std::mem::forget(self);
        status
    }

    /// Returns whether the child has ended. Does not reap it.
    pub(crate) fn has_ended(&self) -> bool {
        // SAFETY: all zeros is a value of it.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the child is this process's, and stays to be waited for.
        let result = unsafe { libc::waitid(libc::P_PID, self.pid(), &raw mut info, flags) };
        assert_eq!(result, 0);
        // SAFETY: it was filled in, or is zero.
        unsafe { info.si_pid() != 0 }
    }

    /// Waits until the child has ended: it died at a step that was armed, or did not come to it.
    pub(crate) fn died_or_succeeded(self, step: &str) {
        let status = self.status();
        assert!(status == 0 || status == libc::SIGKILL, "at {step}: {status}");
    }

    /// Returns whether the child's body returned true.
    pub(crate) fn succeeded(self) -> bool {
        self.status() == 0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // SAFETY: as above.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

pub(crate) fn arena() -> Arc<Arena> {
    Arena::create().unwrap()
}

/// Waits until `done`, for a minute at most.
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what} did not come true in a minute");
        std::thread::yield_now();
    }
}

pub(crate) fn endless() -> WaitContext<'static> {
    WaitContext::endless()
}

pub(crate) fn within_a_minute() -> WaitContext<'static> {
    WaitContext::until(Deadline::after(Duration::from_secs(60)))
}

/// Ends the calling thread, which may be the main thread, but not the process.
pub(crate) fn end_this_thread() -> ! {
    // SAFETY: a system call that ends this thread; nothing on its stack is needed by others.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("a thread that has ended goes on")
}

/// Ten seconds: longer than any wait that a death prolongs, so a thread that waits so long hangs.
pub(crate) fn not_hanging() -> WaitContext<'static> {
    WaitContext::until(Deadline::after(Duration::from_secs(10)))
}

/// A context whose time is over.
pub(crate) fn at_once() -> WaitContext<'static> {
    WaitContext::until(Deadline::PASSED)
}

/// A host that gives a permit when its thread is about to sleep for the first time. By then, the thread has made
/// its last check.
pub(crate) struct Announces<'a> {
    pub(crate) sleeps: &'a interlock_shm::Semaphore,
    pub(crate) stops: bool,
    has_told: bool,
}

impl interlock_wait::Host for Announces<'_> {
    fn sleep(&mut self, sleep: &mut (dyn FnMut() -> interlock_wait::Slept + Send)) -> bool {
        if !std::mem::replace(&mut self.has_told, true) {
            self.sleeps.release(1).unwrap();
        }
        if !self.stops {
            sleep(); // sleep: the one that is asked for
        }
        self.stops
    }

    fn hears_signals(&self) -> bool {
        false
    }
}

impl<'a> Announces<'a> {
    pub(crate) fn new(sleeps: &'a interlock_shm::Semaphore) -> Self {
        Announces {
            sleeps,
            stops: false,
            has_told: false,
        }
    }

    /// Makes a host that ends the wait.
    pub(crate) fn and_stops(sleeps: &'a interlock_shm::Semaphore) -> Self {
        Announces {
            stops: true,
            ..Self::new(sleeps)
        }
    }

    /// A context with this host, which ends by itself after a minute.
    pub(crate) fn context(&mut self) -> WaitContext<'_> {
        WaitContext::hosted(Deadline::after(Duration::from_secs(60)), self)
    }
}

/// A semaphore by which children tell the parent how far they are.
pub(crate) fn signal(arena: &Arc<Arena>) -> interlock_shm::Semaphore {
    interlock_shm::Semaphore::new(arena, 0, interlock_shm::Semaphore::MOST).unwrap()
}

/// Waits for the next announcement.
pub(crate) fn await_signal(signal: &interlock_shm::Semaphore) {
    signal.acquire(&mut within_a_minute()).unwrap();
}

/// Kills the process `pid`, a child of this process or of its parent that was not reaped.
pub(crate) fn kill(pid: u32) {
    // SAFETY: the number is still that of the process.
    assert_eq!(unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) }, 0);
}

/// Does nothing until the parent, which is `parent`, has ended.
pub(crate) fn wait_for_the_end_of(parent: u32) -> bool {
    while std::os::unix::process::parent_id() == parent {
        std::thread::sleep(Duration::from_millis(10)); // sleep: until it has ended
    }
    true
}

/// Does nothing until the process is killed.
pub(crate) fn wait_for_the_end() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1)); // sleep: until it is killed
    }
}

/// Words of zeros that this process and its children share.
pub(crate) fn shared_words(count: usize) -> &'static [AtomicU64] {
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
    );
    // SAFETY: the kernel chooses the place of the new mapping, which is never unmapped.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), count * 8, access, flags, -1, 0) };
    assert_ne!(base, libc::MAP_FAILED);
    // SAFETY: the mapping has so many words of zeros, and lives as long as the process.
    unsafe { std::slice::from_raw_parts(base.cast(), count) }
}

/// Keeps the other tests of the file out, because a child gets a copy of the locks that other threads hold.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the process sleeps.
pub(crate) fn asleep(child: &Child) {
    eventually("the child sleeps", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid())).unwrap();
        stat.rsplit(')').next().unwrap().trim_start().starts_with('S')
    });
}
