//! The contents of an arena, for the report of a failed test.

use std::fmt::Write as _;

use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::claims::Claim;
use crate::field::Field64;
use crate::id::Id;
use crate::layout::CELL;
use crate::roster::State;

/// Returns the locks of the arena, its slots that are not free, and the first objects' words.
pub fn words(arena: &Arena) -> String {
    let header = arena.header();
    let mut text = format!(
        "roster {:?} blocks {:?}\n",
        header.roster.owner(),
        header.blocks.owner()
    );
    for index in 1..header.slots_used.get() {
        let slot = arena.slot(index);
        let (now, sweeper) = (slot.now(), slot.sweeper.owner());
        if now.1 == State::Free && sweeper.is_none() {
            continue;
        }
        // Relaxed: a report.
        let pid = slot.pid.load(Ordering::Relaxed);
        // Relaxed: as above.
        let life = slot.life.word().load(Ordering::Relaxed);
        let _ = write!(
            text,
            "slot {index} {now:?} pid {pid} life {life:#x} sweeper {sweeper:?}"
        );
        // Relaxed: as above.
        let claims = slot.claims.iter().map(|claim| claim.load(Ordering::Relaxed));
        for claim in claims.filter(|&claim| claim != 0).map(Claim::of_word) {
            let _ = write!(text, " {claim:?}");
        }
        text.push('\n');
    }
    for id in (0..header.objects_used.get().min(8)).filter_map(Id::from_number) {
        let word = |at| arena.fixed::<Field64>(Arena::cell_at(id) + at).get();
        let words: Vec<_> = (0..CELL).step_by(8).map(word).collect();
        let _ = writeln!(text, "object {} {words:x?}", id.number());
    }
    text
}
