//! The listeners of a task: callbacks and watches, which learn of its end.

use interlock_queue::{Fifo, Queue};
use interlock_wait::primitive::Arc;

/// A queue that learns of the end of outcomes: each outcome puts in the number under which the watch was
/// registered.
pub type Watch = Queue<Fifo<usize>>;

/// A callback or a watch that learns of the end.
pub(crate) enum Listener<C> {
    Callback(C),
    Watch(Arc<Watch>, usize),
}

/// The listeners of an outcome, in the order in which they came. Most outcomes have at most one, which needs no
/// allocation: `more` contains listeners only if `first` is set.
pub(crate) struct Listeners<C> {
    first: Option<Listener<C>>,
    #[expect(
        clippy::box_collection,
        reason = "there are millions of outcomes, and nearly all do without"
    )]
    more: Option<Box<Vec<Listener<C>>>>,
}

impl<C> Default for Listeners<C> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<C> Listeners<C> {
    pub(crate) const NONE: Self = Listeners {
        first: None,
        more: None,
    };

    #[inline]
    pub(crate) fn push(&mut self, listener: Listener<C>) {
        if self.first.is_none() {
            self.first = Some(listener);
        } else {
            self.more.get_or_insert_default().push(listener);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Listener<C>> {
        self.first
            .iter()
            .chain(self.more.iter().flat_map(|more| more.iter()))
    }

    #[inline]
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Listener<C>> {
        let more = self.more.into_iter().flat_map(|more| more.into_iter());
        self.first.into_iter().chain(more)
    }

    /// Takes out the listeners for which `fits` is true; the others stay.
    #[inline]
    pub(crate) fn take(&mut self, fits: impl Fn(&Listener<C>) -> bool) -> Self {
        if self.more.is_none() && self.first.as_ref().is_some_and(&fits) {
            return std::mem::take(self);
        }
        let mut taken = Self::NONE;
        for listener in std::mem::take(self).into_iter() {
            let side = if fits(&listener) { &mut taken } else { &mut *self };
            side.push(listener);
        }
        taken
    }
}
