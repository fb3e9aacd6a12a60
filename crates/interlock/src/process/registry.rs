//! The functions that the workers of a program can run.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use interlock_wait::primitive::global::{AtomicBool, Ordering};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::form_reader::read;
use super::form_writer::write;
use super::function::Function;
use super::wire::{self, Failure, Place};
use super::worker;

/// Whether [`Registry::serve`] was called.
static IS_SERVED: AtomicBool = AtomicBool::new(false);

/// Returns whether worker processes could be started: they have to reach [`Registry::serve`], as this process
/// has.
pub(super) fn is_served() -> bool {
    // Relaxed: the flag stands for itself.
    IS_SERVED.load(Ordering::Relaxed)
}

/// The functions that worker processes can run.
///
/// A worker process is this program, started once more. So `main` registers the functions, and calls [`serve`](Registry::serve),
/// before it does anything else:
///
/// ```
/// use interlock::process::{ProcessPool, Registry};
///
/// fn length(text: String) -> usize {
///     text.len()
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let mut registry = Registry::new();
///     let length = registry.register("length", length);
///     registry.serve();
///
///     let pool = ProcessPool::new(2)?;
///     assert_eq!(pool.submit(length, &"worker".to_owned())?.result()?, 6);
///     Ok(())
/// }
/// ```
#[derive(Default)]
pub struct Registry {
    functions: HashMap<&'static str, Entry>,
    initialize: Option<Box<Initialize>>,
}

/// The initializer of a worker. Its error says why the worker can't serve.
type Initialize = dyn FnOnce() -> Result<(), String>;

/// Reads the argument, calls the function, and writes its result.
type Run = dyn Fn(&[u8]) -> Result<Vec<u8>, Failure>;

struct Entry {
    types: u64,
    signature: fn() -> String,
    run: Box<Run>,
}

impl Registry {
    /// Creates a registry without functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function, and returns what a pool needs to call it.
    ///
    /// A function of several arguments takes a tuple. The argument and the result may be of any types that
    /// serde can write and read and that do not borrow, with any attributes of serde. If the function returns
    /// a `Result`, an `Err` is a result like any other: the task succeeds.
    ///
    /// # Panics
    /// Another function was registered under this name.
    pub fn register<A, R, F>(&mut self, name: &'static str, function: F) -> Function<A, R>
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> R + 'static,
    {
        let named = Function::named(name);
        self.register_as(named, function);
        named
    }

    /// Like [`register`](Registry::register), for a function that the program has named by
    /// [`Function::named`].
    ///
    /// # Panics
    /// Another function was registered under this name.
    pub fn register_as<A, R, F>(&mut self, named: Function<A, R>, function: F)
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Fn(A) -> R + 'static,
    {
        let run = move |bytes: &[u8]| {
            let argument = read(bytes).map_err(|it| Failure::Argument(it.to_string()))?;
            write(&function(argument), Vec::new()).map_err(|it| Failure::Result(it.to_string()))
        };
        let entry = Entry {
            types: Function::<A, R>::types(),
            signature: Function::<A, R>::signature,
            run: Box::new(run),
        };
        let name = named.name();
        let before = self.functions.insert(name, entry);
        assert!(
            before.is_none(),
            "two functions are registered by the name {name:?}"
        );
    }

    /// Makes each worker process call `initialize` before its first task, for instance to open files that the
    /// functions need. If `initialize` returns an error or panics, the pool ends, and all its tasks fail with
    /// that reason.
    ///
    /// ```
    /// use std::sync::OnceLock;
    /// use interlock::process::{ProcessPool, Registry, TaskError};
    ///
    /// static WORDS: OnceLock<Vec<&str>> = OnceLock::new();
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut registry = Registry::new();
    ///     let word = registry.register("word", |at: usize| WORDS.get()?.get(at).map(|word| (*word).to_owned()));
    ///     registry.initialize(|| WORDS.set(vec!["zero", "one"]).map_err(|_| "there are words already"));
    ///     registry.serve();
    ///
    ///     let pool = ProcessPool::new(1)?;
    ///     let words: Vec<_> = pool.map(word, 0..3).collect::<Result<_, _>>()?;
    ///     assert_eq!(words, [Some("zero".to_owned()), Some("one".to_owned()), None]);
    ///     assert!(WORDS.get().is_none()); // not in this process
    ///     Ok(())
    /// }
    /// ```
    pub fn initialize<E: fmt::Display>(&mut self, initialize: impl FnOnce() -> Result<(), E> + 'static) {
        self.initialize = Some(Box::new(|| initialize().map_err(|error| error.to_string())));
    }

    /// In a worker process, runs the calls of its pool, and then exits. In any other process, returns at
    /// once; from then on the program can create pools.
    ///
    /// Each worker, too, does everything that `main` does before this call. A worker is recognized by the
    /// last argument of the program, which the pool has added.
    pub fn serve(mut self) {
        // Relaxed: the flag stands for itself. A worker, too, may have pools.
        IS_SERVED.store(true, Ordering::Relaxed);
        let last = std::env::args_os().next_back();
        let place = last.and_then(|last| Place::from_argument(last.to_str()?));
        if let Some(place) = place {
            let initialize = self.initialize.take();
            let begin = || initialize.map_or(Ok(()), initialized);
            worker::work(&|call| self.run(call), begin, place);
        }
    }

    /// Runs a call.
    fn run(&self, call: &[u8]) -> Result<Vec<u8>, Failure> {
        let (name, types, argument) = wire::parts(call).map_err(|it| Failure::Argument(it.to_string()))?;
        let entry = self.functions.get(name).ok_or(Failure::Unknown)?;
        if entry.types != types {
            return Err(Failure::OtherTypes((entry.signature)()));
        }
        // The argument belongs to this call alone. If the function shares state with others, by statics, it
        // is responsible for it.
        match catch_unwind(AssertUnwindSafe(|| (entry.run)(argument))) {
            Ok(result) => result,
            Err(payload) => Err(Failure::Panicked(message(payload))),
        }
    }
}

/// Calls the initializer of a worker.
fn initialized(initialize: Box<Initialize>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(initialize)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(format!("the initializer failed: {why}")),
        Err(payload) => Err(format!("the initializer panicked: {}", message(payload))),
    }
}

fn message(payload: Box<dyn Any + Send>) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (_, Some(message)) => message.clone(),
        _ => {
            // Dropping the payload could panic, too.
            std::mem::forget(payload);
            "a value that is not a text".to_owned()
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.functions.keys()).finish()
    }
}
