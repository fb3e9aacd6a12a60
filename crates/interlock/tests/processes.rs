//! Pools of worker processes: tasks, their results, and the deaths of workers.

mod workers;

use std::error::Error;
use std::time::Duration;

use interlock::process::{Function, OnWorkerDeath, Registry, SubmitError, TaskError};
use interlock_os::process::kill;
use workers::{
    BYTES, DIE, DOUBLE, EMPTY, FOREVER, MISSING, NESTED, NOTED, Noted, OTHER_TYPES, PANIC, PARSE, PID, Parts,
    builder, eventually, pool, turn,
};

/// The test in which the workers of these tests begin.
#[test]
fn worker() {
    workers::serve();
}

#[test]
fn each_task_has_its_result() {
    let _turn = turn();
    let pool = pool(2);
    let tasks: Vec<_> = (0..2000).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
    for (i, task) in (0..).zip(tasks) {
        assert_eq!(task.result().unwrap(), 2 * i);
    }
    let parsed = pool.submit(PARSE, &"17".to_owned()).unwrap();
    assert_eq!(parsed.result().unwrap(), Ok(17));
    let failed = pool.submit(PARSE, &"x".to_owned()).unwrap().result().unwrap();
    assert!(failed.unwrap_err().contains("invalid digit"));
    let pid = pool.submit(PID, &()).unwrap().result().unwrap();
    assert!(pool.worker_ids().contains(&pid) && pid != std::process::id());
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!(
        (stats.submitted, stats.done, stats.failed, stats.workers),
        (2003, 2003, 0, 0)
    );
}

#[test]
fn large_arguments_and_results_come_whole() {
    let _turn = turn();
    let pool = pool(1);
    let bytes: Vec<u8> = (0..3_000_000).map(|i| (i % 251) as u8).collect();
    let task = pool.submit(BYTES, &bytes).unwrap();
    assert_eq!(task.result().unwrap(), bytes);
}

#[test]
fn a_panic_is_an_error_and_the_worker_goes_on() {
    let _turn = turn();
    let pool = pool(1);
    let pid = pool.submit(PID, &()).unwrap().result().unwrap();
    let error = pool
        .submit(PANIC, &"no such page".to_owned())
        .unwrap()
        .result()
        .unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.source().unwrap().to_string(), "no such page");
    let error = pool.submit(EMPTY, &()).unwrap().result().unwrap_err();
    assert!(error.to_string().contains("not a text"));
    assert_eq!(pool.submit(PID, &()).unwrap().result().unwrap(), pid);
    assert_eq!(pool.stats().failed, 2);
}

#[test]
fn a_function_that_the_worker_has_not_is_a_clear_error() {
    let _turn = turn();
    let pool = pool(1);
    let error = pool.submit(MISSING, &1).unwrap().result().unwrap_err();
    assert!(matches!(error, TaskError::UnknownFunction("missing")));
    assert!(error.to_string().contains("no function \"missing\""), "{error}");
    let error = pool
        .submit(OTHER_TYPES, &"1".to_owned())
        .unwrap()
        .result()
        .unwrap_err();
    assert!(matches!(
        error,
        TaskError::OtherTypes {
            function: "double",
            ..
        }
    ));
    let message = error.to_string();
    assert!(
        message.contains("registered as fn(u64) -> u64") && message.contains("String"),
        "{message}"
    );
    assert_eq!(pool.submit(DOUBLE, &4).unwrap().result().unwrap(), 8);
}

#[test]
#[should_panic(expected = "two functions are registered by the name \"f\"")]
fn a_name_is_registered_once() {
    let mut registry = Registry::new();
    registry.register("f", |number: u8| number);
    registry.register("f", |text: String| text);
}

/// A value that can't be serialized.
struct Stubborn;

impl serde::Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it does not want to"))
    }
}

#[test]
fn an_argument_that_cannot_be_written_is_an_error() {
    let _turn = turn();
    let pool = pool(1);
    let function = Function::<Stubborn, u64>::named("double");
    let error = pool.submit(function, &Stubborn).unwrap_err();
    assert!(matches!(error, SubmitError::Argument(_)));
    assert_eq!(error.source().unwrap().to_string(), "it does not want to");
    assert_eq!(pool.stats().submitted, 0);
}

#[test]
fn fields_that_are_not_written_change_no_other() {
    let _turn = turn();
    let pool = pool(1);
    let noted = |note, count| {
        let parts = vec![1, 9, 9];
        Noted(Parts { note, count, parts })
    };
    for value in [noted(None, 0), noted(Some(0), 3)] {
        assert_eq!(pool.submit(NOTED, &value).unwrap().result().unwrap(), value);
    }
    let error = pool
        .submit(NOTED, &noted(None, 13))
        .unwrap()
        .result()
        .unwrap_err();
    assert!(matches!(error, TaskError::Argument(_)));
    assert!(error.to_string().contains("thirteen is not wanted"), "{error}");
}

#[test]
fn a_death_costs_its_task_and_says_why() {
    let _turn = turn();
    let pool = pool(2);
    for (how, signal, code, text) in [
        (
            "kill",
            Some(9),
            None,
            "was killed by signal 9 (SIGKILL) while it ran `die`",
        ),
        (
            "abort",
            Some(6),
            None,
            "was killed by signal 6 (SIGABRT) while it ran `die`",
        ),
        ("3", None, Some(3), "exited with code 3 while it ran `die`"),
    ] {
        let before: Vec<_> = (0..50).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
        let dies = pool.submit(DIE, &how.to_owned()).unwrap();
        let after: Vec<_> = (0..50).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
        let error = dies.result().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(matches!(error, TaskError::WorkerDied(_)) && error.source().is_some());
        let death = error.worker_death().unwrap();
        assert_eq!((death.signal(), death.exit_code()), (signal, code));
        assert!(death.was_running() && death.was_ready() && death.pid() != 0);
        for tasks in [before, after] {
            for (i, task) in (0..).zip(tasks) {
                assert_eq!(task.result().unwrap(), 2 * i);
            }
        }
    }
}

#[test]
fn a_worker_that_is_killed_while_idle_is_replaced() {
    let _turn = turn();
    let pool = pool(1);
    let first = pool.submit(PID, &()).unwrap().result().unwrap();
    kill(first);
    eventually("it is replaced", || {
        pool.worker_ids().iter().any(|&pid| pid != first)
    });
    assert_ne!(pool.submit(PID, &()).unwrap().result().unwrap(), first);
}

#[test]
fn a_task_is_retried_as_often_as_it_may_be() {
    let _turn = turn();
    let pool = builder()
        .workers(1)
        .on_worker_death(OnWorkerDeath::Retry)
        .retries(2)
        .build()
        .unwrap();
    let died = pool
        .submit(DIE, &"kill".to_owned())
        .unwrap()
        .result()
        .unwrap_err();
    assert!(matches!(died, TaskError::WorkerDied(_)));
    let never = pool
        .at(0)
        .retries(0)
        .submit(DIE, &"kill".to_owned())
        .unwrap()
        .result();
    assert!(matches!(never, Err(TaskError::WorkerDied(_))));
    assert_eq!(pool.submit(DOUBLE, &3).unwrap().result().unwrap(), 6);
}

#[test]
fn a_pool_that_breaks_says_so_everywhere() {
    let _turn = turn();
    let pool = builder()
        .workers(2)
        .on_worker_death(OnWorkerDeath::Break)
        .build()
        .unwrap();
    let waits = pool.submit(FOREVER, &()).unwrap();
    let error = pool
        .submit(DIE, &"kill".to_owned())
        .unwrap()
        .result()
        .unwrap_err();
    assert!(matches!(error, TaskError::Broken(_)), "{error}");
    assert!(matches!(waits.result(), Err(TaskError::Broken(_))));
    let refused = pool.submit(DOUBLE, &1).unwrap_err();
    assert!(matches!(refused, SubmitError::Broken(_)) && refused.to_string().contains("SIGKILL"));
    pool.join().unwrap();
}

#[test]
fn tasks_are_stopped_cancelled_and_limited_in_time() {
    let _turn = turn();
    let pool = pool(1);
    let runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    assert!(!runs.cancel() && !runs.is_done());
    assert!(runs.wait_timeout(Duration::from_millis(1)).is_err());
    let waits = pool.submit(DOUBLE, &1).unwrap();
    let other = pool.submit(DOUBLE, &2).unwrap();
    assert!(waits.cancel() && waits.is_done());
    assert!(waits.result().unwrap_err().is_cancelled());
    let runs = runs.try_result().unwrap_err();
    assert!(runs.stop());
    assert!(matches!(runs.result(), Err(TaskError::Stopped)));
    assert_eq!(other.result().unwrap(), 4);
    let late = pool
        .at(0)
        .time_limit(Duration::from_millis(20))
        .submit(FOREVER, &())
        .unwrap();
    assert!(matches!(late.result(), Err(TaskError::TimedOut)));
    let runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    let waiting: Vec<_> = (0..10).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
    assert_eq!(pool.cancel_waiting(), 10);
    assert!(
        waiting
            .into_iter()
            .all(|task| task.result().unwrap_err().is_cancelled())
    );
    assert!(runs.stop());
}

#[test]
fn the_number_of_tasks_that_wait_is_bounded_and_priorities_count() {
    let _turn = turn();
    let pool = builder().workers(1).max_pending(3).build().unwrap();
    let runs = pool.submit(FOREVER, &()).unwrap();
    eventually("it runs", || runs.is_running());
    let mut tasks = Vec::new();
    let full = loop {
        match pool.try_submit(DOUBLE, &1) {
            Ok(task) => tasks.push(task),
            Err(error) => break error,
        }
    };
    // Some are in the worker's queue.
    assert!(full.is_full() && (3..6).contains(&tasks.len()));
    assert!(
        pool.submit_timeout(Duration::from_millis(1), DOUBLE, &1)
            .unwrap_err()
            .is_full()
    );
    assert!(runs.stop());
    for task in tasks {
        assert_eq!(task.result().unwrap(), 2);
    }
    assert!(pool.at(-1).submit(DOUBLE, &1).is_ok());
}

#[test]
fn results_are_awaited() {
    let _turn = turn();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..20 {
        let pool = pool(2);
        let tasks: Vec<_> = (0..50).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
        let dies = pool.submit(DIE, &"kill".to_owned()).unwrap();
        // The pool may end before its tasks are awaited, or meanwhile.
        drop(pool);
        runtime.block_on(async {
            for (i, task) in (0..).zip(tasks) {
                assert_eq!(task.await.unwrap(), 2 * i);
            }
            assert!(dies.await.unwrap_err().worker_death().is_some());
        });
    }
}

#[test]
fn a_result_is_taken_once() {
    let _turn = turn();
    let pool = pool(1);
    let mut task = pool.submit(DOUBLE, &1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(&mut task).unwrap(), 2);
    assert!(matches!(task.result(), Err(TaskError::Taken)));
}

#[test]
fn a_worker_ends_after_so_many_tasks() {
    let _turn = turn();
    let pool = builder().workers(1).tasks_per_worker(2).build().unwrap();
    let pids: Vec<_> = (0..6)
        .map(|_| pool.submit(PID, &()).unwrap().result().unwrap())
        .collect();
    assert!(pids[0] == pids[1] && pids[1] != pids[2] && pids[3] != pids[4]);
}

#[test]
fn a_worker_may_have_a_pool() {
    let _turn = turn();
    let pool = pool(2);
    let tasks: Vec<_> = (0..4).map(|i| pool.submit(NESTED, &i).unwrap()).collect();
    for (i, task) in (0..).zip(tasks) {
        assert_eq!(task.result().unwrap(), 2 * i);
    }
}

#[test]
fn names_and_types_are_shown() {
    let function = Function::<u8, bool>::named("f");
    assert_eq!(format!("{function:?}"), "Function(f: fn(u8) -> bool)");
}
