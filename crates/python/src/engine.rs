//! The engine's primitives, queues and pools with the lock that this extension needs for their state.
//!
//! On a build with a GIL, that lock stands in for every state lock: threads run engine code only while they are attached,
//! and attached threads exclude each other. On a free-threaded build, each state has a word lock of its own.
//!
//! What these types hold is for attached threads. A thread of the engine's own that is never attached uses the types of
//! `interlock_sync` and its siblings, which have word locks on every build.

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
