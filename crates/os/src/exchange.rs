//! Moves bytes through several files at once, each as soon as it is ready.

use std::io;
use std::mem::MaybeUninit;

use crate::files::{self, Awaited, FileWait};

/// Where bytes from a file go.
pub trait Sink: Send {
    /// Returns room for more bytes. If it is empty, the file waits until the host has made room.
    fn room(&mut self) -> &mut [MaybeUninit<u8>];

    /// Called when `count` bytes have been written to the room.
    fn received(&mut self, count: usize);

    /// Returns whether to wake the host as soon as bytes have come.
    fn is_eager(&self) -> bool;
}

/// Where bytes for a file come from.
pub trait Source: Send {
    /// Returns the bytes that are left.
    fn rest(&self) -> &[u8];

    /// Called when `count` of these bytes have been written to the file.
    fn sent(&mut self, count: usize);
}

/// What is done with a file.
#[derive(Debug)]
pub enum Flow<R, W> {
    /// Its bytes are read until it ends.
    In(R),
    /// Bytes are written to it, until there are no more or its reader is gone.
    Out(W),
    /// It is not read: it ends when it becomes readable.
    Watch,
}

/// What has happened to a file since the last report to the host.
#[derive(Debug)]
pub enum Event {
    /// The file has ended: everything was read or written, its reader is gone, or a watched file is readable.
    Ended,
    /// There are new bytes, or there is no room for more.
    Changed,
    /// The kernel returned this error.
    Failed(io::Error),
}

/// Files, and what is done with them. A file is identified by its place, which does not change.
#[derive(Debug)]
pub struct Exchange<R, W> {
    waits: Vec<FileWait>,
    flows: Vec<Option<Flow<R, W>>>,
    events: Vec<(usize, Event)>,
}

impl<R, W> Default for Exchange<R, W> {
    fn default() -> Self {
        Exchange {
            waits: Vec::new(),
            flows: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl<R: Sink, W: Source> Exchange<R, W> {
    /// Adds a file. Returns its place. Places of removed files are used again.
    pub fn add(&mut self, descriptor: i32, flow: Flow<R, W>) -> usize {
        let awaited = match flow {
            Flow::In(_) | Flow::Watch => Awaited::Readable,
            Flow::Out(_) => Awaited::Writable,
        };
        let wait = FileWait::new(descriptor, awaited);
        match self.flows.iter().position(Option::is_none) {
            Some(place) => {
                self.waits[place] = wait;
                self.flows[place] = Some(flow);
                place
            }
            None => {
                self.waits.push(wait);
                self.flows.push(Some(flow));
                self.flows.len() - 1
            }
        }
    }

    /// Removes a file, and returns what was done with it.
    pub fn remove(&mut self, place: usize) -> Option<Flow<R, W>> {
        self.events.retain(|(found, _)| *found != place);
        self.waits.get_mut(place)?.forget();
        self.flows.get_mut(place)?.take()
    }

    /// What is done with a file.
    pub fn flow(&mut self, place: usize) -> Option<&mut Flow<R, W>> {
        self.flows.get_mut(place)?.as_mut()
    }

    /// Returns the descriptors of all files, and what is done with them. The descriptor of a file that has
    /// ended is negative.
    pub fn files(&mut self) -> impl Iterator<Item = (i32, &mut Flow<R, W>)> {
        let files = self.waits.iter().zip(&mut self.flows);
        files.filter_map(|(wait, flow)| Some((wait.descriptor(), flow.as_mut()?)))
    }

    /// Takes the events since the last call, with the places of their files.
    pub fn take_events(&mut self) -> Vec<(usize, Event)> {
        std::mem::take(&mut self.events)
    }
}

/// Something that a thread does with files, as soon as one is ready, while it is detached from its host.
pub trait FileWork: Send {
    /// Returns the files to wait for.
    fn waits(&mut self) -> &mut [FileWait];

    /// Does the work that the ready files allow, without waiting. Returns whether the host is needed.
    fn advance(&mut self) -> bool;
}

impl<R: Sink, W: Source> FileWork for Exchange<R, W> {
    fn waits(&mut self) -> &mut [FileWait] {
        &mut self.waits
    }

    fn advance(&mut self) -> bool {
        for (place, (wait, flow)) in self.waits.iter_mut().zip(&mut self.flows).enumerate() {
            let Some(flow) = flow.as_mut().filter(|_| wait.is_awaited() && wait.is_ready()) else {
                continue;
            };
            let event = match flow {
                Flow::In(sink) => read(wait.descriptor(), sink),
                Flow::Out(source) => write(wait.descriptor(), source),
                Flow::Watch => Some(Event::Ended),
            };
            if matches!(event, Some(Event::Ended | Event::Failed(_))) {
                wait.forget();
            }
            self.events.extend(event.map(|event| (place, event)));
        }
        !self.events.is_empty()
    }
}

fn read(descriptor: i32, sink: &mut impl Sink) -> Option<Event> {
    let room = sink.room();
    if room.is_empty() {
        return Some(Event::Changed);
    }
    let length = room.len();
    match files::read(descriptor, room) {
        Ok(0) => Some(Event::Ended),
        Ok(count) => {
            sink.received(count);
            (count == length || sink.is_eager()).then_some(Event::Changed)
        }
        Err(error) => refused(error),
    }
}

fn write(descriptor: i32, source: &mut impl Source) -> Option<Event> {
    match files::write(descriptor, source.rest()) {
        Ok(count) => {
            source.sent(count);
            source.rest().is_empty().then_some(Event::Ended)
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Some(Event::Ended),
        Err(error) => refused(error),
    }
}

/// Returns the event for a failed operation; `None` if the operation can be tried again.
fn refused(error: io::Error) -> Option<Event> {
    let again = matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    );
    (!again).then_some(Event::Failed(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::futex::Returned;
    use std::os::fd::AsRawFd;

    /// Bytes, and how many of them have been moved.
    struct Bytes(Box<[MaybeUninit<u8>]>, Vec<u8>, usize);

    impl Sink for Bytes {
        fn room(&mut self) -> &mut [MaybeUninit<u8>] {
            &mut self.0[self.2..]
        }

        fn received(&mut self, count: usize) {
            self.2 += count;
        }

        fn is_eager(&self) -> bool {
            false
        }
    }

    impl Source for Bytes {
        fn rest(&self) -> &[u8] {
            &self.1[self.2..]
        }

        fn sent(&mut self, count: usize) {
            self.2 += count;
        }
    }

    #[test]
    fn bytes_go_in_and_out_at_once() {
        const SIZE: usize = 1_000_000;
        let (reader, writer) = io::pipe().unwrap();
        let mut exchange = Exchange::default();
        let sent = Bytes(Box::default(), vec![7; SIZE], 0);
        let out = exchange.add(writer.as_raw_fd(), Flow::Out(sent));
        let received = Bytes(vec![MaybeUninit::uninit(); SIZE + 1].into(), Vec::new(), 0);
        let into = exchange.add(reader.as_raw_fd(), Flow::In(received));
        let mut writer = Some(writer);
        let mut ended = Vec::new();
        while ended.len() < 2 {
            assert_eq!(files::wait(exchange.waits(), None), Returned::Woken);
            exchange.advance();
            for (place, event) in exchange.take_events() {
                assert!(matches!(event, Event::Ended), "{event:?}");
                let (Some(Flow::In(bytes)) | Some(Flow::Out(bytes))) = exchange.remove(place) else {
                    unreachable!("only these were added");
                };
                assert_eq!(bytes.2, SIZE);
                ended.push(place);
                drop(writer.take());
            }
        }
        assert_eq!(ended, [out, into]);
    }
}
