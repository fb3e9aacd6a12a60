//! The engine's primitives, queues and pools with the lock that this extension needs for their state.
//!
//! On a build with a GIL, that lock stands in for every state lock: threads run engine code only while they are attached,
//! and attached threads exclude each other. On a free-threaded build, each state has a word lock of its own.
//!
//! On a build with a GIL these types are not `Sync`. Objects and shared structures hold them in
//! [`Attached`](crate::raw::Attached), which asks for a proof of attachment. A thread of the engine's own that is never
//! attached uses the types of `interlock_sync` and its siblings, which have word locks on every build.

#[cfg(Py_GIL_DISABLED)]
use interlock_wait::RawWordLock;

#[cfg(not(Py_GIL_DISABLED))]
pub(crate) use crate::raw::InterpreterLock as Raw;

#[cfg(Py_GIL_DISABLED)]
pub(crate) type Raw = RawWordLock;

pub(crate) type StateLock<T> = interlock_wait::StateLock<T, Raw>;
pub(crate) type Lock = interlock_sync::Lock<Raw>;
pub(crate) type RLock = interlock_sync::RLock<Raw>;
pub(crate) type Condition = interlock_sync::Condition<Raw>;
pub(crate) type Semaphore = interlock_sync::Semaphore<Raw>;
pub(crate) type Event = interlock_sync::Event<Raw>;
pub(crate) type Barrier = interlock_sync::Barrier<Raw>;
pub(crate) type Queue<S> = interlock_queue::Queue<S, Raw>;
pub(crate) type Outcome<T, C> = interlock_pool::Outcome<T, C, Raw>;
pub(crate) type PoolCore<W> = interlock_pool::PoolCore<W, Raw>;
pub(crate) type Running<'a> = interlock_pool::Running<'a, Raw>;
pub(crate) type DelayQueue<T> = interlock_pool::DelayQueue<T, Raw>;
pub(crate) type ReorderBuffer<T> = interlock_pool::ReorderBuffer<T, Raw>;

/// No reference to a primitive of an object can be carried into `Python::detach`. If it could, this would not compile,
/// because both implementations would fit.
#[cfg(not(Py_GIL_DISABLED))]
const _: fn() = {
    trait StaysAttached<Answer> {
        fn stays() {}
    }
    struct Goes;
    impl<T> StaysAttached<()> for T {}
    impl<T: pyo3::marker::Ungil> StaysAttached<Goes> for T {}
    <&'static Lock as StaysAttached<_>>::stays
};
