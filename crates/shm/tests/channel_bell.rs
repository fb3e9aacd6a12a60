//! The descriptor of a channel's reader.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::Arc;

use common::{Child, alone, arena, within_a_minute};
use interlock_os::doorbell::Doorbell;
use interlock_shm::{Arena, ChannelReader, ChannelWriter, Error, channel, step};
use interlock_wait::{Deadline, WaitContext};

/// Creates a pipe: its reader, its writer, the reader's descriptor, and the other end of that descriptor, which
/// rings it.
fn pipe(arena: &Arc<Arena>) -> (ChannelReader, ChannelWriter, Arc<Doorbell>, Arc<Doorbell>) {
    let (hears, rings) = Doorbell::pipe().unwrap();
    let (hears, rings) = (Arc::new(hears), Arc::new(rings));
    let (reader, writer) = channel(arena).unwrap();
    let (reader, writer) = (
        reader.with_doorbell(hears.clone()),
        writer.with_doorbell(rings.clone()),
    );
    (reader, writer, hears, rings)
}

fn send(writer: &ChannelWriter, length: usize) -> bool {
    writer.send(&[&vec![7; length]], &mut within_a_minute()).is_ok()
}

fn receive(reader: &ChannelReader) -> Result<Vec<u8>, Error> {
    reader.receive(&mut within_a_minute())
}

fn has_message(reader: &ChannelReader) -> bool {
    reader.poll(&mut WaitContext::until(Deadline::PASSED)).is_ok()
}

fn ask(reader: &ChannelReader) {
    reader.ask_for_descriptor(&mut within_a_minute()).unwrap();
}

#[test]
fn it_is_readable_as_long_as_there_is_a_message_c190() {
    let _alone = alone();
    let arena = arena();
    for there_before in [0, 1, 3] {
        let (reader, writer, descriptor, _) = pipe(&arena);
        assert!((0..there_before).all(|_| send(&writer, 10)));
        ask(&reader);
        ask(&reader);
        for left in (0..there_before).rev() {
            assert!(descriptor.is_readable());
            receive(&reader).unwrap();
            assert_eq!(descriptor.is_readable(), left > 0);
        }
        for round in [1, 2, 5] {
            assert!(!descriptor.is_readable() && !has_message(&reader));
            // Another process sends: it has the end, and the descriptor, for which no program has asked there.
            assert!(Child::run(|| (0..round).all(|i| send(&writer, 10 + 20_000 * i))).succeeded());
            for left in (0..round).rev() {
                assert!(descriptor.is_readable() && has_message(&reader));
                receive(&reader).unwrap();
                assert_eq!(descriptor.is_readable(), left > 0);
            }
        }
        let child = Child::run(|| {
            receive(&reader).unwrap();
            !descriptor.is_readable() && send(&writer, 5)
        });
        assert!(send(&writer, 1) && child.succeeded() && descriptor.is_readable());
        drop(writer);
        assert_eq!(receive(&reader).unwrap().len(), 5);
        assert!(descriptor.is_readable());
        assert!(matches!(receive(&reader), Err(Error::EndOfFile)));
        assert!(descriptor.is_readable());
    }
}

#[test]
fn it_is_right_when_all_send_and_receive_at_once_c190() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer, descriptor, _) = pipe(&arena);
    let senders: Vec<_> = (0..2)
        .map(|_| Child::run(|| (0..5_000).all(|_| send(&writer, 10))))
        .collect();
    ask(&reader);
    let other = Child::run(|| (0..5_000).all(|_| receive(&reader).is_ok()));
    for _ in 0..5_000 {
        receive(&reader).unwrap();
    }
    assert!(other.succeeded() && senders.into_iter().all(Child::succeeded));
    assert!(!has_message(&reader) && !descriptor.is_readable());
    assert!(send(&writer, 1) && descriptor.is_readable());
}

#[test]
fn a_death_at_any_step_leaves_it_readable_if_there_is_a_message_c191() {
    let _alone = alone();
    let arena = arena();
    for name in [
        "channel.ringing",
        "channel.rung",
        "channel.hushing",
        "channel.hushed",
    ] {
        for sends_after in [false, true] {
            let (reader, writer, descriptor, _) = pipe(&arena);
            ask(&reader);
            let child = Child::run(|| {
                step::arm(name, 3);
                (0..9).all(|_| send(&writer, 10) && receive(&reader).is_ok())
            });
            assert_eq!(child.status(), libc::SIGKILL, "{name}");
            if sends_after {
                assert!(send(&writer, 10) && descriptor.is_readable(), "{name}");
                receive(&reader).unwrap();
            }
            assert!(!has_message(&reader) && !descriptor.is_readable(), "{name}");
            assert!(send(&writer, 10) && send(&writer, 10));
            for left in [true, false] {
                assert!(descriptor.is_readable(), "{name}");
                receive(&reader).unwrap();
                assert_eq!(descriptor.is_readable(), left, "{name}");
            }
        }
    }
}

fn moves(reader: &ChannelReader, hears: &Doorbell) -> bool {
    reader.move_to_descriptor(hears, &mut within_a_minute()).unwrap()
}

#[test]
fn messages_go_through_the_descriptor_if_it_was_looked_at_before_them_c277() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer, descriptor, rings) = pipe(&arena);
    let waits = Child::run(|| matches!(receive(&reader), Err(Error::Moved)));
    assert!(moves(&reader, &descriptor) && moves(&reader, &descriptor));
    assert!(!descriptor.is_readable() && waits.succeeded());
    let sends = |length| writer.send(&[&vec![7; length]], &mut within_a_minute());
    assert!(matches!(sends(10), Err(Error::Moved)) && matches!(sends(100_000), Err(Error::Moved)));
    assert!(matches!(receive(&reader), Err(Error::Moved)));
    assert!(matches!(reader.poll(&mut within_a_minute()), Err(Error::Moved)));
    assert!(!descriptor.is_readable());
    // Bytes that a program writes stay.
    rings.ring();
    assert!(matches!(receive(&reader), Err(Error::Moved)));
    assert!(descriptor.is_readable());
}

#[test]
fn the_one_that_sends_may_look_at_the_descriptor_too_c277() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer, descriptor, _) = pipe(&arena);
    assert!(
        writer
            .move_to_descriptor(&descriptor, &mut within_a_minute())
            .unwrap()
    );
    assert!(matches!(receive(&reader), Err(Error::Moved)) && !descriptor.is_readable());
}

/// A process may have only duplicates of the descriptor. The channel does not know of it, but the kernel does.
#[test]
fn a_channel_that_has_moved_outlives_its_reader_c366() {
    let _alone = alone();
    let arena = arena();
    let (reader, writer, descriptor, _) = pipe(&arena);
    assert!(moves(&reader, &descriptor));
    drop(reader);
    let sends = |length| writer.send(&[&vec![7; length]], &mut within_a_minute());
    assert!(matches!(sends(10), Err(Error::Moved)) && matches!(sends(100_000), Err(Error::Moved)));
    let (reader, writer, descriptor, _) = pipe(&arena);
    assert!(moves(&reader, &descriptor));
    drop(writer);
    assert!(matches!(receive(&reader), Err(Error::Moved)));
    assert!(matches!(reader.poll(&mut within_a_minute()), Err(Error::Moved)));
    // In a channel that has not moved, a closed reader is the end.
    let (reader, writer, ..) = pipe(&arena);
    drop(reader);
    assert!(matches!(
        writer.send(&[b"x"], &mut within_a_minute()),
        Err(Error::BrokenPipe)
    ));
}

#[test]
fn what_is_in_use_does_not_move_to_the_descriptor_c277() {
    let _alone = alone();
    let arena = arena();
    for is_asked in [false, true] {
        let (reader, writer, descriptor, _) = pipe(&arena);
        if is_asked {
            ask(&reader);
        } else {
            assert!(send(&writer, 10));
        }
        assert!(!moves(&reader, &descriptor) && send(&writer, 10));
        assert!(receive(&reader).is_ok());
    }
}

#[test]
fn a_death_while_it_moves_leaves_a_channel_with_a_bell_or_a_clean_descriptor_c277() {
    let _alone = alone();
    let arena = arena();
    for name in ["channel.leaving", "channel.left", "channel.moved"] {
        let (reader, writer, descriptor, _) = pipe(&arena);
        let child = Child::run(|| {
            step::arm(name, 1);
            moves(&reader, &descriptor)
        });
        assert_eq!(child.status(), libc::SIGKILL, "{name}");
        if name == "channel.moved" {
            assert!(moves(&reader, &descriptor) && !descriptor.is_readable());
            continue;
        }
        assert!(!moves(&reader, &descriptor), "{name}");
        ask(&reader);
        assert!(!has_message(&reader) && !descriptor.is_readable(), "{name}");
        assert!(send(&writer, 10) && descriptor.is_readable(), "{name}");
        assert!(receive(&reader).is_ok() && !descriptor.is_readable(), "{name}");
    }
}
