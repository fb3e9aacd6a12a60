//! Worker processes that are killed while they work: each death loses the task that ran, and no other one.
//!
//! Run it with `cargo run --release -p interlock --example dying_workers`.
//!
//! Task 13 overflows its stack, and the worker of task 17 is killed by a signal. The pool says which task is lost,
//! and why; the others have their results. With `Retry`, a task whose worker dies is tried again, up to a limit.

use std::error::Error;
use std::process::Command;

use interlock::process::{OnWorkerDeath, ProcessPool, Registry};

/// Counts the primes below `number` thousands. Goes wrong for 13 and 17.
fn primes(number: u32) -> usize {
    match number {
        13 => endless_recursion(number) as usize,
        // As the kernel does when memory is short.
        17 => killed(),
        _ => (0..number * 1000).filter(|&it| is_prime(it)).count(),
    }
}

#[expect(unconditional_recursion, reason = "that is what goes wrong here")]
fn endless_recursion(depth: u32) -> u64 {
    std::hint::black_box(u64::from(depth)) + endless_recursion(std::hint::black_box(depth))
}

/// Ends this process from outside.
fn killed() -> usize {
    let command = format!("kill -9 {}", std::process::id());
    let _ = Command::new("sh").args(["-c", &command]).status();
    unreachable!("the process is dead by now")
}

fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::new();
    let primes = registry.register("primes", primes);
    registry.serve();

    let pool = ProcessPool::new(3)?;
    let tasks: Vec<_> = (1..=20)
        .map(|number| pool.submit(primes, &number))
        .collect::<Result<_, _>>()?;
    let mut lost = Vec::new();
    for (number, task) in (1..).zip(tasks) {
        match task.result() {
            Ok(count) => println!("{number:2}: {count} primes"),
            Err(error) => {
                println!("{number:2}: {error}");
                let death = error.worker_death().ok_or("a task failed otherwise")?;
                lost.push((number, death.signal()));
            }
        }
    }
    assert_eq!(lost, [(13, Some(6)), (17, Some(9))]);

    let pool = ProcessPool::builder()
        .workers(2)
        .on_worker_death(OnWorkerDeath::Retry)
        .retries(2)
        .build()?;
    let hopeless = pool.submit(primes, &17)?.result();
    println!(
        "tried three times: {}",
        hopeless.map_or_else(|error| error.to_string(), |it| it.to_string())
    );
    pool.join()?;
    Ok(())
}
