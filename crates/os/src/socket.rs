//! Receives and sends bytes on the program's sockets, without blocking.

use std::io;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::poll::borrowed;

/// Receives the bytes that have arrived, as many as fit into `room`. Never blocks.
///
/// # Errors
/// No bytes have arrived (`WouldBlock`), or the connection is broken.
pub fn receive(descriptor: i32, room: &mut [u8]) -> io::Result<usize> {
    let given = borrowed(descriptor)?;
    loop {
        match rustix::net::recv(given, &mut *room, RecvFlags::DONTWAIT) {
            Err(Errno::INTR) => {}
            done => return Ok(done?.1),
        }
    }
}

/// Sends as much of `bytes` as a socket takes. Never blocks, and raises no signal.
///
/// # Errors
/// The socket takes no bytes now (`WouldBlock`), or the connection is broken.
pub fn send(descriptor: i32, bytes: &[u8]) -> io::Result<usize> {
    let given = borrowed(descriptor)?;
    loop {
        match rustix::net::send(given, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Whether a descriptor is one of a socket. Never blocks.
///
/// # Errors
/// It is not, or is not open.
pub fn check_is_socket(descriptor: i32) -> io::Result<()> {
    Ok(rustix::net::sockopt::socket_type(borrowed(descriptor)?).map(drop)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn bytes_go_from_one_socket_to_the_other() {
        let (one, other) = UnixStream::pair().unwrap();
        let (from, to) = (one.as_raw_fd(), other.as_raw_fd());
        let mut room = [0; 8];
        let refused = receive(to, &mut room).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        check_is_socket(from).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(check_is_socket(file.as_raw_fd()).is_err());
        assert_eq!(send(from, b"bytes").unwrap(), 5);
        assert_eq!(receive(to, &mut room).unwrap(), 5);
        assert_eq!(&room[..5], b"bytes");
        drop(one);
        assert_eq!(receive(to, &mut room).unwrap(), 0);
        assert!(send(to, b"x").is_err());
    }
}
