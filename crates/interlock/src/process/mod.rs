//! Pools of worker processes, and tasks with results. If a worker dies, only the task that it ran is lost.
//!
//! | here | std |
//! |---|---|
//! | [`Registry::register`], [`Registry::serve`]: the functions that workers can run | `main` of another program |
//! | [`ProcessPool::submit`], and [`Task`] for the result | `process::Command`, pipes, `Child` |
//! | [`try_submit`](ProcessPool::try_submit), [`submit_timeout`](ProcessPool::submit_timeout), [`submit_deadline`](ProcessPool::submit_deadline), [`submit_async`](ProcessPool::submit_async) | - |
//! | [`Task::result`], [`result_timeout`](Task::result_timeout), `.await` | `Child::wait_with_output` |
//! | [`ProcessPool::map`]: one function for many arguments | - |
//! | [`Registry::initialize`]: what each worker does first | - |
//! | [`At::time_limit`], [`Task::stop`]: a task is really ended | `Child::kill` |
//! | [`Builder::on_worker_death`]: fail, retry, or end | - |
//!
//! A worker process is this program, started once more. It is not a fork, so the program may have threads.
//! The worker finds the functions because `main` registers them before it does anything else. Arguments and
//! results pass through shared memory, written by serde in a form of this crate. The form contains the names
//! of fields and variants, so types with attributes such as `skip_serializing_if`, `untagged` and `flatten`
//! make the round trip, and so does `Some(None)`. If a type's own serde code refuses a value, the error
//! contains its message. (For large arrays of bytes, use [`serde_bytes`](https://docs.rs/serde_bytes), which
//! serde copies as a whole.)
//!
//! ```
//! use interlock::process::{OnWorkerDeath, ProcessPool, Registry};
//!
//! fn half(number: u32) -> Result<u32, String> {
//!     match number {
//!         13 => std::process::abort(),
//!         number if number % 2 == 0 => Ok(number / 2),
//!         number => Err(format!("{number} is odd")),
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut registry = Registry::new();
//!     let half = registry.register("half", half);
//!     registry.serve(); // a worker process does not come back from here
//!
//!     let pool = ProcessPool::builder().workers(2).on_worker_death(OnWorkerDeath::FailTask).build()?;
//!     let tasks: Vec<_> = (10..16).map(|number| pool.submit(half, &number)).collect::<Result<_, _>>()?;
//!     for (number, task) in (10..16).zip(tasks) {
//!         match task.result() {
//!             Ok(half) => println!("{number}: {half:?}"),
//!             // 13: the task is lost: worker process 4711 was killed by signal 6 (SIGABRT) while it ran `half`
//!             Err(error) => {
//!                 println!("{number}: {error}");
//!                 assert_eq!(number, 13);
//!                 assert_eq!(error.worker_death().and_then(|death| death.signal()), Some(6));
//!             }
//!         }
//!     }
//!     pool.join()?;
//!     Ok(())
//! }
//! ```
//!
//! # In tests
//!
//! In tests, `main` belongs to the test harness. So dedicate one of the tests to the workers, and let pools
//! start them with the arguments that make the harness run that test:
//!
//! ```no_run
//! # use interlock::process::{Function, ProcessPool, Registry};
//! const LENGTH: Function<String, usize> = Function::named("length");
//!
//! #[test]
//! fn worker() {
//!     let mut registry = Registry::new();
//!     registry.register_as(LENGTH, |text| text.len());
//!     registry.serve(); // does nothing unless this is a worker process
//! }
//!
//! #[test]
//! fn a_length_is_right() {
//!     worker();
//!     let pool = ProcessPool::builder().workers(1).args(["worker", "--exact", "--nocapture"]).build().unwrap();
//!     assert_eq!(pool.submit(LENGTH, &"four".to_owned()).unwrap().result().unwrap(), 4);
//! }
//! ```

mod builder;
mod error;
mod form;
mod form_reader;
mod form_writer;
mod function;
mod host;
mod map;
mod pool;
mod registry;
mod submitting;
mod task;
mod wakes;
mod wire;
mod worker;

pub use builder::Builder;
pub use error::{Cause, Panic, StartError, SubmitError, TaskError, WorkerDeath};
pub use function::Function;
pub use interlock_pool::process::OnWorkerDeath;
pub use interlock_pool::{JoinError, Stats};
pub use map::{Map, MapError};
pub use pool::{At, ProcessPool};
pub use registry::Registry;
pub use submitting::Submitting;
pub use task::Task;
