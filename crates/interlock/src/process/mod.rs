//! Pools of worker processes, and tasks with results, that lose nothing but the task whose worker dies.
//!
//! | here | std |
//! |---|---|
//! | [`Registry::register`], [`Registry::serve`]: what workers can run | `main` of another program |
//! | [`ProcessPool::submit`], and [`Task`] for the result | `process::Command`, pipes, `Child` |
//! | [`try_submit`](ProcessPool::try_submit), [`submit_timeout`](ProcessPool::submit_timeout), [`submit_deadline`](ProcessPool::submit_deadline), [`submit_async`](ProcessPool::submit_async) | - |
//! | [`Task::result`], [`result_timeout`](Task::result_timeout), `.await` | `Child::wait_with_output` |
//! | [`ProcessPool::map`]: one function for many arguments | - |
//! | [`Registry::initialize`]: what each worker does first | - |
//! | [`At::time_limit`], [`Task::stop`]: a task is really ended | `Child::kill` |
//! | [`Builder::on_worker_death`]: fail, retry, or end | - |
//!
//! A worker process is this program, started once more: it is not a fork, so the program may have any threads. It finds the functions
//! because `main` registers them before anything else. Their arguments and results go through memory that the processes share, by
//! serde, in a form of this crate. A struct's fields and an enum's variant have their names there, so types with attributes as
//! `skip_serializing_if`, `untagged` and `flatten` arrive as they were, as `Some(None)` does. A value that its type's own code
//! does not write or read is an error with the message of that code. (Large arrays of bytes travel best as
//! [`serde_bytes`](https://docs.rs/serde_bytes), which serde copies as a whole.)
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
//! The `main` of tests is the test harness. So one of the tests is the place where workers begin, and pools start their workers with the
//! arguments that have the harness run that one:
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
