//! Pools of worker processes: starts that fail, and ends that leave nothing.

mod workers;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use interlock::process::{OnWorkerDeath, ProcessPool, StartError, SubmitError, Task, TaskError};
use interlock_os::process::{has_ended, kill};
use workers::{DOUBLE, FOREVER, builder, children, descriptors, eventually, pool, turn};

/// The test in which the workers of these tests begin.
#[test]
fn worker() {
    workers::serve();
}

#[test]
fn a_program_that_cannot_be_run_is_an_error() {
    let _turn = turn();
    for (file, text) in [
        ("/no/such/program", "No such file"),
        ("/dev/null", "ermission denied"),
    ] {
        let error = ProcessPool::builder().program(file).build().unwrap_err();
        assert!(matches!(error, StartError::NoWorker(_)) && error.source().is_some());
        assert!(error.to_string().contains(text), "{error}");
    }
    eventually("no process is left", || children().is_empty());
}

#[test]
fn workers_that_do_not_serve_end_the_pool_with_an_error() {
    let _turn = turn();
    // A program that starts, but does not serve the pool.
    let pool = ProcessPool::builder()
        .workers(1)
        .program("/bin/true")
        .build()
        .unwrap();
    // It may have ended before the task is submitted.
    let death = match pool.submit(DOUBLE, &1).map(Task::result) {
        Ok(Err(TaskError::Broken(death))) | Err(SubmitError::Broken(death)) => death,
        other => panic!("{other:?}"),
    };
    let text = death.to_string();
    assert!(text.contains("exited with code 0 before it was ready"), "{text}");
    pool.join().unwrap();
    eventually("no process is left", || children().is_empty());
}

#[test]
fn what_was_submitted_is_run_when_the_pool_is_dropped() {
    let _turn = turn();
    let pool = pool(2);
    let tasks: Vec<_> = (0..100).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
    drop(pool);
    for (i, task) in (0..).zip(tasks) {
        assert_eq!(task.result().unwrap(), 2 * i);
    }
    eventually("the workers are gone", || children().is_empty());
}

#[test]
fn nothing_is_left_of_two_hundred_pools() {
    let _turn = turn();
    pool(1).join().unwrap();
    eventually("no worker is left of tests before", || children().is_empty());
    let before = descriptors();
    for i in 0..200 {
        let pool = pool(2);
        if i % 2 == 0 {
            assert_eq!(pool.submit(DOUBLE, &i).unwrap().result().unwrap(), 2 * i);
        }
        match i % 3 {
            0 => pool.join().unwrap(),
            _ => drop(pool),
        }
    }
    eventually("no worker is left", || children().is_empty());
    eventually("no descriptor is left", || descriptors() <= before);
}

#[test]
fn kills_cost_no_result_where_tasks_are_retried() {
    let _turn = turn();
    let pool = builder()
        .workers(3)
        .on_worker_death(OnWorkerDeath::Retry)
        .retries(1000)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..3000).map(|i| pool.submit(DOUBLE, &i).unwrap()).collect();
    let mut kills = 0;
    while !tasks.iter().all(Task::is_done) {
        let pids = pool.worker_ids();
        if let Some(&pid) = pids.get(kills % pids.len().max(1)) {
            // It is a child that was not reaped, or was one a moment ago.
            kill(pid);
        }
        kills += 1;
        std::thread::sleep(Duration::from_millis(3)); // sleep: the time between two kills
    }
    for (i, task) in (0..).zip(tasks) {
        assert_eq!(task.result().unwrap(), 2 * i);
    }
    pool.join().unwrap();
    eventually("no process is left", || children().is_empty());
}

/// A program with a pool, for the test below: prints the ids of its workers, and waits for a task that does not
/// end.
#[test]
#[ignore = "the process that another test kills"]
fn a_parent() {
    workers::serve();
    let pool = pool(3);
    let tasks: Vec<_> = (0..2).map(|_| pool.submit(FOREVER, &()).unwrap()).collect();
    for task in &tasks {
        eventually("it runs", || task.is_running());
    }
    assert_eq!(pool.submit(DOUBLE, &1).unwrap().result().unwrap(), 2);
    println!("\nworkers {:?}", pool.worker_ids());
    tasks[0].wait().unwrap();
}

#[test]
fn workers_end_when_their_parent_is_killed() {
    let _turn = turn();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["a_parent", "--exact", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let pids = lines
        .map(Result::unwrap)
        .find_map(|line| {
            let list = line.strip_prefix("workers [")?.strip_suffix("]")?.to_owned();
            Some(
                list.split(", ")
                    .map(|pid| pid.parse().unwrap())
                    .collect::<Vec<u32>>(),
            )
        })
        .unwrap();
    assert!(pids.len() == 3 && !pids.iter().any(|&pid| has_ended(pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the workers are gone", || pids.iter().all(|&pid| has_ended(pid)));
}

#[test]
#[ignore = "the test below runs it, with few descriptors"]
fn without_descriptors() {
    workers::serve();
    let error = builder().workers(1).build().unwrap_err();
    assert!(matches!(error, StartError::NoWorker(_)));
    assert!(error.to_string().contains("Too many open files"), "{error}");
}

#[test]
fn too_few_descriptors_are_an_error() {
    let _turn = turn();
    let exe = std::env::current_exe().unwrap();
    let run = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 4 && exec \"$0\" without_descriptors --exact --ignored --nocapture",
        ])
        .arg(exe)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "the test below runs it, as a process of its own"]
fn without_serving() {
    let error = ProcessPool::new(1).unwrap_err();
    assert!(matches!(error, StartError::NotServed));
    assert!(error.to_string().contains("Registry::serve"));
}

#[test]
fn a_pool_needs_a_program_that_serves() {
    let _turn = turn();
    let exe = std::env::current_exe().unwrap();
    let mut command = Command::new(exe);
    command.args(["without_serving", "--exact", "--ignored"]);
    assert!(command.output().unwrap().status.success());
}
