//! Chains of continuations: the end of one task is the beginning of the next.
//!
//! A callback that ends another task does not call that one's callbacks: it returns them. So the callbacks of a chain are
//! called in a loop, on no deeper stack than one of them needs. They come in the order in which nested calls would come.

use std::sync::Arc;

use crate::outcome::Due;
use crate::packet::{End, Packet};
use crate::panics::Panics;

/// Called at the end of a task, by the thread that ended it. Returns what became due by that.
pub(crate) type Callback<T> = Box<dyn FnOnce(&End<T>) -> Option<Box<dyn Link>> + Send>;

/// The callbacks of a task that are due. There is at least one when it is made.
pub(crate) trait Link {
    /// Calls the next one.
    fn call_next(&mut self) -> Option<Box<dyn Link>>;

    /// Whether all were called.
    fn is_over(&self) -> bool;
}

struct Callbacks<F, T, I> {
    packet: Arc<Packet<F, T>>,
    next: Option<Callback<T>>,
    others: I,
}

impl<F, T, I: Iterator<Item = Callback<T>>> Link for Callbacks<F, T, I> {
    fn call_next(&mut self) -> Option<Box<dyn Link>> {
        let next = std::mem::replace(&mut self.next, self.others.next());
        next.and_then(|callback| callback(self.packet.end()))
    }

    fn is_over(&self) -> bool {
        self.next.is_none()
    }
}

/// The callbacks that are due for the task of `packet`. `None` if there are none.
pub(crate) fn link<F: 'static, T: 'static>(
    packet: Arc<Packet<F, T>>,
    due: Due<Callback<T>>,
) -> Option<Box<dyn Link>> {
    let mut others = due.callbacks();
    let next = Some(others.next()?);
    Some(Box::new(Callbacks { packet, next, others }))
}

/// Calls the callbacks of a task that are due, and all that become due by that.
pub(crate) fn call_all<T>(end: &End<T>, due: Due<Callback<T>>, panics: &mut Panics) {
    for callback in due.callbacks() {
        call(end, callback, panics);
    }
}

/// Calls a callback, and all that become due by that.
pub(crate) fn call<T>(end: &End<T>, callback: Callback<T>, panics: &mut Panics) {
    let mut open: Vec<_> = panics.catch(|| callback(end)).flatten().into_iter().collect();
    while let Some(mut link) = open.pop() {
        let next = panics.catch(|| link.call_next()).flatten();
        if link.is_over() {
            // A result that no caller took may go with it.
            panics.catch(|| drop(link));
        } else {
            open.push(link);
        }
        open.extend(next);
    }
}
