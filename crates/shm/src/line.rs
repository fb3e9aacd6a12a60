//! A line of threads of all processes, first come, first notified. (FORMAT.md, "Condition".)

use interlock_wait::primitive::Ordering;
use interlock_wait::wake_shared;

use crate::arena::{Arena, Held};
use crate::cells::Line;
use crate::error::Error;
use crate::id::Id;
use crate::layout::{NODES, Node};
use crate::name::Name;
use crate::roster::{State, is_held};
use crate::step;

/// The word of a node whose thread waits, and of a notified node.
pub(crate) const WAITING: u32 = 0;
const NOTIFIED: u32 = 1;

/// A node is named by its slot and index. Neither is a node 0, nor a slot.
type NodeRef = u32;

impl Line {
    fn open<'a>(&'a self, arena: &'a Arena) -> Held<'a> {
        arena.hold(&self.lock, || self.repair(arena))
    }

    /// Repairs what a dead process left half done under the lock.
    fn repair(&self, arena: &Arena) {
        self.finish_passing(arena);
        // Relaxed: the lock orders them.
        let mut last = 0;
        let mut at = self.head.load(Ordering::Relaxed);
        while at != 0 {
            let node = arena.node(at);
            let next = node.next.load(Ordering::Relaxed);
            match node.word.load(Ordering::Relaxed) {
                WAITING => last = at,
                _ => {
                    self.unlink(arena, last, at);
                    wake_shared(&node.word, 1);
                }
            }
            at = next;
        }
        // Relaxed: as above.
        self.tail.store(last, Ordering::Relaxed);
    }

    /// Puts the calling thread's `node` at the end of the line of `id`.
    pub(crate) fn join(&self, arena: &Arena, id: Id, at: NodeRef) {
        let _line = self.open(arena);
        let node = arena.node(at);
        // Relaxed: the link publishes them, and the lock orders them.
        node.word.store(WAITING, Ordering::Relaxed);
        node.next.store(0, Ordering::Relaxed);
        // Release: the sweep that sees the line sees that the thread was not notified.
        node.line.store(id.number() + 1, Ordering::Release);
        step::at("line.readied");
        let link = match self.tail.load(Ordering::Relaxed) {
            0 => &self.head,
            tail => &arena.node(tail).next,
        };
        // Release pairs with the Acquire of the next owner of the lock, which sees the steps in this order, should this one die.
        link.store(at, Ordering::Release);
        step::at("line.linked");
        self.tail.store(at, Ordering::Release);
        step::at("line.joined");
    }

    /// Takes the calling thread's node out of the line, and frees it. Returns whether it was notified.
    pub(crate) fn leave(&self, arena: &Arena, at: NodeRef) -> bool {
        let _line = self.open(arena);
        let node = arena.node(at);
        // Relaxed: the lock orders it.
        let is_notified = node.word.load(Ordering::Relaxed) == NOTIFIED;
        if !is_notified {
            self.take_out(arena, at);
            step::at("line.left");
        }
        // Release pairs with the Acquire of the next owner of the lock: see `join`.
        node.line.store(0, Ordering::Release);
        step::at("line.freed");
        node.taken.store(0, Ordering::Release);
        is_notified
    }

    /// Returns whether the line is empty.
    pub(crate) fn is_empty(&self) -> bool {
        // Acquire pairs with the Release in `join`.
        self.head.load(Ordering::Acquire) == 0
    }

    /// Returns how many threads stand in the line, some of which may be dead.
    pub(crate) fn length(&self, arena: &Arena) -> usize {
        let _line = self.open(arena);
        // Relaxed: the lock orders them.
        let first = Some(self.head.load(Ordering::Relaxed));
        let behind = |&at: &NodeRef| Some(arena.node(at).next.load(Ordering::Relaxed));
        std::iter::successors(first, behind)
            .take_while(|&at| at != 0)
            .count()
    }

    /// Notifies the first `most` living threads of the line. Returns how many it notified.
    pub(crate) fn notify(&self, arena: &Arena, most: usize) -> usize {
        let mut notified = 0;
        // A process whose main thread has exited, but which goes on.
        let mut goes_on = Name::NONE;
        while notified < most {
            let line = self.open(arena);
            // Relaxed: the lock orders it.
            let at = self.head.load(Ordering::Relaxed);
            if at == 0 {
                break;
            }
            match arena.standing_of(at) {
                Standing::Dead => self.take_out(arena, at),
                Standing::Unsure(name) if name != goes_on => {
                    drop(line);
                    if !arena.confirm_death(name) {
                        goes_on = name;
                    }
                }
                _ => {
                    self.hand_to_first(arena, at);
                    drop(line);
                    step::at("line.waking");
                    wake_shared(&arena.node(at).word, 1);
                    notified += 1;
                }
            }
        }
        notified
    }

    /// Notifies the first in line. The caller holds the lock, and wakes the thread.
    fn hand_to_first(&self, arena: &Arena, first: NodeRef) {
        // Release: see `join`; and it pairs with the Acquire of the thread that waits.
        arena.node(first).word.store(NOTIFIED, Ordering::Release);
        step::at("line.notified");
        self.unlink(arena, 0, first);
    }

    /// Takes `at` out of the line, if it is there. The caller holds the lock.
    fn take_out(&self, arena: &Arena, at: NodeRef) {
        // Relaxed: the lock orders them.
        let (mut before, mut there) = (0, self.head.load(Ordering::Relaxed));
        while there != 0 && there != at {
            before = there;
            there = arena.node(there).next.load(Ordering::Relaxed);
        }
        if there == at {
            self.unlink(arena, before, at);
        }
    }

    /// Takes out `at`, which is behind `before`, or the first if that is 0. The caller holds the lock.
    fn unlink(&self, arena: &Arena, before: NodeRef, at: NodeRef) {
        // Relaxed: the lock orders it.
        let next = arena.node(at).next.load(Ordering::Relaxed);
        let link = match before {
            0 => &self.head,
            before => &arena.node(before).next,
        };
        // Release pairs with the Acquire of the next owner of the lock: see `join`.
        link.store(next, Ordering::Release);
        step::at("line.unlinked");
        if next == 0 {
            self.tail.store(before, Ordering::Release);
        }
    }

    /// Takes out the node of a dead process. If it was notified, and its thread had not come yet, passes the
    /// notification to the first living node.
    pub(crate) fn take_out_dead(&self, arena: &Arena, at: NodeRef) {
        let line = self.open(arena);
        let node = arena.node(at);
        self.take_out(arena, at);
        // Relaxed: the lock orders them.
        let is_owed = node.line.load(Ordering::Relaxed) != 0 && node.word.load(Ordering::Relaxed) == NOTIFIED;
        let to = if is_owed { self.first_living(arena) } else { 0 };
        if to == 0 {
            // Release pairs with the Acquire of the next owner of the lock: see `join`.
            node.line.store(0, Ordering::Release);
            return;
        }
        // Relaxed: `to` publishes it.
        self.from.store(at, Ordering::Relaxed);
        // Release pairs with the Acquire of the next owner of the lock: see `join`.
        self.to.store(to, Ordering::Release);
        step::at("line.passing");
        self.finish_passing(arena);
        self.take_out(arena, to);
        drop(line);
        step::at("line.passed");
        wake_shared(&arena.node(to).word, 1);
    }

    /// Returns the first node of a process that is not known to be dead. If that process is dead after all, its own
    /// sweep passes the notification on.
    fn first_living(&self, arena: &Arena) -> NodeRef {
        // Relaxed: the lock orders them.
        let mut at = self.head.load(Ordering::Relaxed);
        while at != 0 && matches!(arena.standing_of(at), Standing::Dead) {
            at = arena.node(at).next.load(Ordering::Relaxed);
        }
        at
    }

    /// Completes a decided passing of a notification, if there is one. May be repeated. The caller holds the lock,
    /// without which neither of the two nodes can be freed.
    fn finish_passing(&self, arena: &Arena) {
        // Acquire pairs with the Release in `take_out_dead`.
        let to = self.to.load(Ordering::Acquire);
        if to == 0 {
            return;
        }
        // Release pairs with the Acquire of the next owner of the lock, and of the thread that waits.
        arena.node(to).word.store(NOTIFIED, Ordering::Release);
        step::at("line.handed");
        // Relaxed: written before `to`.
        let from = arena.node(self.from.load(Ordering::Relaxed));
        // If this was done before, the node may belong to another process by now, in another line. Relaxed: in this
        // line a node is under the lock.
        if from.line.load(Ordering::Relaxed) == arena.node(to).line.load(Ordering::Relaxed) {
            from.line.store(0, Ordering::Release);
        }
        step::at("line.settled");
        self.to.store(0, Ordering::Release);
    }
}

/// The state of a node's process.
enum Standing {
    Alive,
    /// No thread holds its life word.
    Unsure(Name),
    Dead,
}

impl Arena {
    pub(crate) fn node(&self, at: NodeRef) -> &Node {
        &self.slot(at / NODES as u32).nodes[at as usize % NODES]
    }

    /// Takes a node of this process, for one thread.
    ///
    /// # Errors
    /// All nodes are in use.
    pub(crate) fn take_node(&self) -> Result<NodeRef, Error> {
        let me = self.me().slot();
        let slot = self.slot(me);
        for (number, node) in (1..).zip(&slot.nodes) {
            // Relaxed: a hint, which only grows.
            if slot.nodes_used.load(Ordering::Relaxed) < number {
                // Release pairs with the Acquire in `leave_lines`: a sweep looks at the node if it was taken.
                slot.nodes_used.fetch_max(number, Ordering::Release);
            }
            // Relaxed: a look.
            let is_free = node.taken.load(Ordering::Relaxed) == 0;
            // Acquire pairs with the Release of the thread that freed it. Relaxed: another thread has it.
            let take = || (node.taken).compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
            if is_free && take().is_ok() {
                return Ok(me * NODES as u32 + number - 1);
            }
        }
        Err(Error::TooManyWaiters)
    }

    /// Returns the state of the node's process. A node in a line keeps its process's slot from being freed, so the
    /// slot's generation is that of the process.
    fn standing_of(&self, at: NodeRef) -> Standing {
        let index = at / NODES as u32;
        let slot = self.slot(index);
        match slot.now() {
            (_, State::Live) if is_held(slot.life.word()) => Standing::Alive,
            (generation, State::Live) => Standing::Unsure(Name::new(index, generation)),
            _ => Standing::Dead,
        }
    }
}
