//! Keeps the engine consistent over a `fork`.
//!
//! A forked child has a single thread and a copy of all memory. Its wait queues still contain the waiters of
//! threads that do not exist in the child. So each line of waiters stores the generation of the process that made
//! it, and a [`WaitQueue`](crate::WaitQueue) of an earlier generation counts as empty. So the engine need not find
//! and reset every queue.
//!
//! A fork in an interpreter finds all lock words free: its threads run engine code only while they are attached, and the
//! thread that forks holds the interpreter (see [`Host`](crate::Host)). A thread that no interpreter excludes, such as a
//! worker of a Rust program's pool, does its engine work in [`fork_guarded`]. Locks that other threads hold stay held in the
//! child, as in CPython.

use std::cell::Cell;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::{Once, OnceLock};

use interlock_os::thread;

use crate::primitive::global::{AtomicBool, AtomicU32, Ordering};
use crate::spin;
#[cfg(feature = "posix-identities")]
use crate::{primitive::global::AtomicU64, thread_ident::ThreadIdent};

static GENERATION: AtomicU32 = AtomicU32::new(0);
#[cfg(feature = "posix-identities")]
static SURVIVOR: AtomicU64 = AtomicU64::new(0);
static WATCHING: Once = Once::new();

/// Counts the threads that fork, and threads without a seat that must not meet a fork. State table: a multiple of `FORK`, for
/// the threads that fork, plus the number of those others that are in [`fork_guarded`]. That number grows only while no
/// thread forks, and a fork waits until it is 0.
static GATE: AtomicU32 = AtomicU32::new(0);
const INSIDE: u32 = 1;
const FORK: u32 = 1 << 16;

/// A word that one thread at a time owns. It tells whether that thread is in [`fork_guarded`]. So threads that go
/// in and out often do not write to a shared word. A fork looks at all seats.
///
/// Seats are never freed. A thread that ends leaves its seat to another thread.
#[repr(align(128))]
struct Seat {
    is_inside: AtomicBool,
    is_taken: AtomicBool,
    next: OnceLock<&'static Seat>,
}

static FIRST: Seat = Seat::new(false);

impl Seat {
    const fn new(is_taken: bool) -> Self {
        Seat {
            is_inside: AtomicBool::new(false),
            is_taken: AtomicBool::new(is_taken),
            next: OnceLock::new(),
        }
    }

    /// Takes a seat that belongs to no other thread. Called while no thread forks.
    fn take() -> &'static Seat {
        let mut last = &FIRST;
        for seat in Seat::all() {
            // Acquire pairs with the Release of the thread that left it.
            if !seat.is_taken.swap(true, Ordering::Acquire) {
                return seat;
            }
            last = seat;
        }
        let new: &'static Seat = Box::leak(Box::new(Seat::new(true)));
        // Another thread may add its seat first.
        while let Err(refused) = last.next.set(new) {
            last = last.next.get().copied().unwrap_or(refused);
        }
        new
    }

    fn all() -> impl Iterator<Item = &'static Seat> {
        iter::successors(Some(&FIRST), |seat| seat.next.get().copied())
    }

    /// Enters, as soon as no thread forks.
    #[inline]
    fn go_in(&self) {
        loop {
            // SeqCst pairs with that of `before`, and so does the load: either this thread sees that another one forks, or that one sees this one inside.
            // Of two threads that both write first and read then, one at least sees the other.
            self.is_inside.swap(true, Ordering::SeqCst);
            // SeqCst: see above; it also pairs with the Release in `after`: a fork is over.
            if GATE.load(Ordering::SeqCst) < FORK {
                return;
            }
            self.wait_outside();
        }
    }

    #[cold]
    fn wait_outside(&self) {
        // Relaxed: nothing was done inside.
        self.is_inside.store(false, Ordering::Relaxed);
        // Relaxed: `go_in` looks again.
        while GATE.load(Ordering::Relaxed) >= FORK {
            thread::yield_now();
        }
    }
}

/// Leaves the seat of a thread that ends to another thread.
struct Leaver(Cell<Option<&'static Seat>>);

impl Drop for Leaver {
    fn drop(&mut self) {
        SEAT.set(None);
        if let Some(seat) = self.0.get() {
            // Release pairs with the Acquire in `Seat::take`.
            seat.is_taken.store(false, Ordering::Release);
        }
    }
}

thread_local! {
    /// Whether this thread is in [`fork_guarded`].
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
    /// The seat of this thread, from its first step in [`fork_guarded`] on.
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
    static LEAVER: Leaver = const { Leaver(Cell::new(None)) };
}

/// Returns the number of forks between the first process and this one, since the first wait.
#[inline]
pub fn generation() -> u32 {
    // Relaxed: it changes only in `child`, when this process has a single thread.
    GENERATION.load(Ordering::Relaxed)
}

/// In the child of a fork, returns the thread that forked: the only thread at that time.
#[cfg(all(not(loom), feature = "posix-identities"))]
pub fn survivor() -> ThreadIdent {
    // Relaxed: it changes only in `child`, when this process has a single thread.
    ThreadIdent::new(SURVIVOR.load(Ordering::Relaxed))
}

/// Registers the fork handlers, so that forks are counted from now on. Making a waiter calls this. Code that compares
/// generations without a waiter has to call it.
#[expect(clippy::disallowed_methods, reason = "I13: the engine's own handlers")]
pub fn watch() {
    // If there is no memory for the handlers, a forked child notifies threads of its parent, which does nothing.
    WATCHING.call_once(|| drop(interlock_os::fork::around(before, after, child)));
}

/// The part of another crate in a fork, for objects that a child shares with its parent.
pub trait Forks: Sync {
    /// Called on the thread that forks, while no other thread is in [`fork_guarded`]; none enters until the fork is
    /// over.
    fn before(&self);

    /// Called on the same thread, in the parent, after the fork.
    fn parent(&self);

    /// Called on the same thread, in the child, after the engine's own part.
    fn child(&self);
}

static ALSO: OnceLock<&'static dyn Forks> = OnceLock::new();

/// Makes `forks` take part in every later fork. Only one crate may do so.
pub fn also(forks: &'static dyn Forks) {
    watch();
    let _ = ALSO.set(forks);
}

/// Runs `work`. Meanwhile this process does not fork, unless `work` itself does.
///
/// For engine code on a thread that runs on while another thread forks. Otherwise the child could find a lock word held by a
/// thread that does not exist there. A fork on another thread waits until `work` is done, so `work` must be short, and must
/// not block.
#[inline]
pub fn fork_guarded<R>(work: impl FnOnce() -> R) -> R {
    let _inside = ForkGuard::enter();
    work()
}

/// As long as this lives, its thread is in a step as in [`fork_guarded`].
#[must_use = "the step ends as soon as this is dropped"]
pub struct ForkGuard {
    /// `None` inside another step.
    _leave: Option<Leave>,
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl ForkGuard {
    /// Begins a step. Waits until no other thread forks.
    #[inline]
    pub fn enter() -> Self {
        let leave = (!IS_INSIDE.get()).then(|| {
            let seat = SEAT.get().or_else(sit_down);
            match seat {
                Some(seat) => seat.go_in(),
                None => go_in_without_seat(),
            }
            IS_INSIDE.set(true);
            Leave(seat)
        });
        ForkGuard {
            _leave: leave,
            thread: PhantomData,
        }
    }
}

impl fmt::Debug for ForkGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkGuard").finish_non_exhaustive()
    }
}

/// Finds a seat for the calling thread. `None` if the thread is ending, and so could not leave the seat.
#[cold]
fn sit_down() -> Option<&'static Seat> {
    watch();
    LEAVER
        .try_with(|leaver| {
            // Not while another thread forks: the child needs an intact list.
            go_in_without_seat();
            let seat = Seat::take();
            leaver.0.set(Some(seat));
            SEAT.set(Some(seat));
            go_out_without_seat();
            seat
        })
        .ok()
}

#[cold]
fn go_in_without_seat() {
    // Acquire pairs with the Release in `after`: a fork is over.
    while GATE
        .fetch_update(Ordering::Acquire, Ordering::Relaxed, |gate| {
            (gate < FORK).then_some(gate + INSIDE)
        })
        .is_err()
    {
        thread::yield_now();
    }
}

#[cold]
fn go_out_without_seat() {
    // Release pairs with the Acquire in `before`: what was done inside is done.
    GATE.fetch_sub(INSIDE, Ordering::Release);
}

/// Leaves [`fork_guarded`] when it is dropped, also by a panic.
struct Leave(Option<&'static Seat>);

impl Drop for Leave {
    #[inline]
    fn drop(&mut self) {
        IS_INSIDE.set(false);
        match self.0 {
            // Release pairs with the load in `before`: what was done inside is done.
            Some(seat) => seat.is_inside.store(false, Ordering::Release),
            None => go_out_without_seat(),
        }
    }
}

/// Returns whether `seat` belongs to the calling thread.
fn is_own(seat: &Seat) -> bool {
    SEAT.get().is_some_and(|own| std::ptr::eq(own, seat))
}

/// Returns 1 if the calling thread is inside without a seat, and so counts in the gate.
fn own_count() -> u32 {
    u32::from(IS_INSIDE.get() && SEAT.get().is_none())
}

extern "C" fn before() {
    // SeqCst pairs with that of `Seat::go_in`.
    GATE.fetch_add(FORK, Ordering::SeqCst);
    // Acquire pairs with the Release in `go_out_without_seat`.
    while GATE.load(Ordering::Acquire) % FORK > own_count() {
        thread::yield_now();
    }
    for seat in Seat::all().filter(|seat| !is_own(seat)) {
        // SeqCst pairs with that of `Seat::go_in`, and with the Release in `Leave`.
        while seat.is_inside.load(Ordering::SeqCst) {
            thread::yield_now();
        }
    }
    if let Some(forks) = ALSO.get() {
        forks.before();
    }
}

extern "C" fn after() {
    if let Some(forks) = ALSO.get() {
        forks.parent();
    }
    // Release pairs with the load in `Seat::go_in`, and with the Acquire in `go_in_without_seat`.
    GATE.fetch_sub(FORK, Ordering::Release);
}

extern "C" fn child() {
    // Relaxed: the child has one thread.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    #[cfg(feature = "posix-identities")]
    // Relaxed: as above.
    SURVIVOR.store(ThreadIdent::current().get(), Ordering::Relaxed);
    // Relaxed: as above.
    GATE.store(own_count(), Ordering::Relaxed);
    // The other threads do not exist here, and will not leave their seats.
    for seat in Seat::all().filter(|seat| !is_own(seat)) {
        // Relaxed: as above.
        seat.is_inside.store(false, Ordering::Relaxed);
        // Relaxed: as above.
        seat.is_taken.store(false, Ordering::Relaxed);
    }
    spin::forget_spinners();
    if let Some(forks) = ALSO.get() {
        forks.child();
    }
}
