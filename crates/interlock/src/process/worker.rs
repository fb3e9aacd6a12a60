//! The worker process: it takes calls, runs them, and ends with its pool.

use std::sync::Arc;

use interlock_os::{child, process, thread};
use interlock_pool::process::{Bytes, Seat, Served, Server};
use interlock_shm::{Arena, Error, Message, Name, Queue, Watch};
use interlock_wait::{WaitContext, spawn_named};

use super::wire::{Failure, Place};

/// Runs a call.
type Run<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>, Failure>;

/// The stack of the thread that waits for the end of the pool's process.
const STACK: usize = 64 << 10;

/// Runs the calls of a pool, and ends the process.
///
/// Calls `begin` before the first call. If `begin` fails, the pool gets the reason.
pub(super) fn work(run: Run<'_>, begin: impl FnOnce() -> Result<(), String>, place: Place) -> ! {
    thread::set_name("worker");
    let code = match join(place) {
        Ok((arena, seat)) => serve(run, begin, &arena, seat),
        // The pool has given up this worker, or is dead.
        Err(_) => 1,
    };
    std::process::exit(code)
}

/// Joins the pool's family of processes.
fn join(place: Place) -> Result<(Arc<Arena>, Seat), Error> {
    let arena = Arena::adopt(child::MEMORY, place.name)?;
    child::empty_standard_input()?;
    let open = |id| Queue::open(&arena, id).ok_or(Error::NotReserved);
    let seat = Seat {
        number: place.seat,
        calls: open(place.calls)?,
        answers: open(place.answers)?,
        parent: place.parent,
    };
    Ok((arena, seat))
}

/// Serves the pool until it ends. Returns the exit code of the process.
fn serve(run: Run<'_>, begin: impl FnOnce() -> Result<(), String>, arena: &Arc<Arena>, seat: Seat) -> i32 {
    let parent = seat.parent;
    let mut server = Server::new(seat);
    if let Err(error) = end_with(arena, parent) {
        let why = format!("there is no thread that waits for the end of the pool's process: {error}");
        let _ = server.refuse(why.as_bytes());
        return 1;
    }
    let read = |message: Message<'_>| -> Result<Bytes, Error> {
        Ok(match message.keep() {
            Ok(taken) => Bytes::Shared(taken),
            Err(message) => Bytes::Copied(message.to_vec()),
        })
    };
    if let Err(why) = begin() {
        let _ = server.refuse(why.as_bytes());
        return 1;
    }
    if server.ready().is_err() {
        return 1;
    }
    loop {
        match server.next(&mut WaitContext::endless(), read) {
            Ok(Served::Call(call)) => {
                let answered = match call.with(|bytes| run(bytes)) {
                    Ok(result) => server
                        .answer(&[&result])
                        .or_else(|error| say(&mut server, &Failure::Result(error.to_string()))),
                    Err(failure) => say(&mut server, &failure),
                };
                if answered.is_err() {
                    return 1;
                }
            }
            Ok(Served::ShutDown | Served::ParentDied) => return 0,
            Err(_) => return 1,
        }
    }
}

fn say(server: &mut Server, failure: &Failure) -> Result<(), Error> {
    server.fail(&[&failure.to_bytes()])
}

/// Starts a thread that kills this process as soon as `parent` is dead, whatever the process is doing then.
fn end_with(arena: &Arc<Arena>, parent: Name) -> std::io::Result<()> {
    let arena = Arc::clone(arena);
    spawn_named("interlock-parent", STACK, move || {
        let never = Watch::new();
        while !arena.is_known_dead(parent) {
            let lives = (&*arena, &[parent][..]);
            never.wait_beside(never.calls(), &[], lives, &mut WaitContext::unwinding());
        }
        process::kill_self();
    })
}
