//! The descriptor of a channel's reader.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::sync::Arc;

use common::{Child, alone, arena, within_a_minute};
use interlock_os::doorbell::Doorbell;
use interlock_shm::{Arena, ChannelReader, ChannelWriter, Error, channel, step};
use interlock_wait::{Deadline, WaitContext};

struct Pipe {
    reader: ChannelReader,
    writer: ChannelWriter,
    descriptor: Arc<Doorbell>,
}

fn pipe(arena: &Arc<Arena>) -> Pipe {
    let (hears, rings) = Doorbell::pipe().unwrap();
    let (descriptor, rings) = (Arc::new(hears), Arc::new(rings));
    let (reader, writer) = channel(arena).unwrap();
    Pipe {
        reader: reader.with_doorbell(Arc::clone(&descriptor)),
        writer: writer.with_doorbell(rings),
        descriptor,
    }
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
        let Pipe {
            reader,
            writer,
            descriptor,
        } = pipe(&arena);
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
            // Another process sends: it has the end, and the descriptor, of which nobody asked there.
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
    let Pipe {
        reader,
        writer,
        descriptor,
    } = pipe(&arena);
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
            let Pipe {
                reader,
                writer,
                descriptor,
            } = pipe(&arena);
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
