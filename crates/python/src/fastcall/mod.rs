//! Fast functions for methods that programs call millions of times a second, without the general machinery of a method
//! call.
//!
//! Each class has its methods from PyO3, which handle every argument and every error. For the few methods in
//! [`locks`] and [`queues`], this module puts a fast function before the PyO3 method: a plain C function for the common case
//! (nothing to wait for; no argument, or a plain one). It passes every other case on to the method, with all arguments.
//! Both call the same engine, and a fast function never decides anything differently from the method.

mod call;
pub(crate) mod forwarded;
pub(crate) mod install;
pub(crate) mod instances;
mod locks;
mod materialized;
mod method;
mod queues;
mod shared;
#[cfg(not(any(Py_3_14, Py_GIL_DISABLED)))]
mod with_methods;

pub(crate) use call::call_one;
pub(crate) use instances::new_instance;
