//! The extension's fork handlers.

#![expect(clippy::disallowed_methods, reason = "I13: the one place that registers")]

use std::io;

use super::{held, thread};

/// Registers the handlers of every later fork. The C library calls the child's in the order in which they are registered:
/// the engine's come first.
pub(super) fn register() -> io::Result<()> {
    interlock_wait::fork::watch();
    interlock_os::fork::on_child(child)
}

extern "C" fn child() {
    thread::become_main();
    held::close_all();
}
