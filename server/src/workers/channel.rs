//! The channel between the supervising process and a worker: lines of JSON over a pair of Unix sockets. A socket is
//! passed together with the line that names it (`SCM_RIGHTS`).

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

use super::group::Figures;
use crate::sockets::Socket;

/// The longest line. The longest message is the text of a start, with all addresses.
pub(super) const LINE_BYTES: usize = 64 << 10;
/// How long a worker may take to drain and end; after it, the process is killed. The steps of its own drain have
/// shorter limits.
pub(super) const DRAIN: Duration = Duration::from_secs(25);
/// How often a worker reports that it is alive.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// From the supervising process to a worker. The end of file asks the worker to drain and end.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// A socket, which comes with this line.
    Socket { name: String },
    /// All sockets have been sent.
    Begin,
    /// The figures of all workers, after each change.
    Figures(Figures),
}

/// From a worker to the supervising process.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// Still running, also before it is ready.
    Alive,
    /// The engines are open and every listener accepts. The text is for the user who started the program.
    Ready { announcement: String },
}

/// Sends the sockets of a new worker. They wait in the channel until it reads them.
pub(super) fn send_sockets<'a>(channel: &UnixStream, sockets: impl IntoIterator<Item = &'a Socket>) -> io::Result<()> {
    for socket in sockets {
        send_line(channel, &Order::Socket { name: socket.name.clone() }, Some(socket.descriptor.as_fd()))?;
    }
    send_line(channel, &Order::Begin, None)
}

/// Sends a message without waiting.
///
/// # Errors
/// The other side has ended, or has not read for long and the channel is full.
pub(super) fn send_line(
    channel: &UnixStream,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let line = line(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.as_slice();
    if !descriptors.is_empty() && !attached.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("no room for a file descriptor"));
    }
    let sent = rustix::net::sendmsg(channel, &[IoSlice::new(&line)], &mut attached, SendFlags::DONTWAIT)?;
    if sent < line.len() {
        return Err(io::Error::new(io::ErrorKind::WriteZero, "the channel is full"));
    }
    Ok(())
}

/// A message as a line.
pub(super) fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > LINE_BYTES {
        return Err(io::Error::other(format!("a message of {} bytes; the limit is {LINE_BYTES}", line.len())));
    }
    Ok(line)
}

/// Receives the sockets of a new worker.
pub(super) fn receive_sockets(channel: &UnixStream) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    loop {
        let (line, descriptor) = receive_line(channel)?;
        match (serde_json::from_slice(&line)?, descriptor) {
            (Order::Socket { name }, Some(descriptor)) => sockets.push(Socket { name, descriptor }),
            (Order::Socket { name }, None) => {
                return Err(io::Error::other(format!("{name} came without its socket; are file descriptors short?")));
            }
            (Order::Begin, _) => return Ok(sockets),
            (Order::Figures(_), _) => {}
        }
    }
}

/// Reads up to the end of a line and not further: what follows may come with the next socket. There are a few hundred
/// such bytes in the life of a worker.
fn receive_line(channel: &UnixStream) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    #[cfg(target_os = "linux")]
    const FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;
    // A worker starts no process that could inherit the socket.
    #[cfg(not(target_os = "linux"))]
    const FLAGS: RecvFlags = RecvFlags::empty();

    let (mut line, mut descriptor) = (Vec::new(), None);
    loop {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(channel, &mut [IoSliceMut::new(&mut byte)], &mut attached, FLAGS)?;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                descriptor = descriptors.next_back().or(descriptor);
            }
        }
        match byte {
            _ if received.bytes == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            [b'\n'] => return Ok((line, descriptor)),
            _ if line.len() == LINE_BYTES => return Err(io::Error::other("a line without an end")),
            [byte] => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn sockets_arrive_with_their_names_and_work() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut addresses = Vec::new();
        let mut sockets = Vec::new();
        for name in ["HTTP", "gRPC"] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            addresses.push(listener.local_addr().unwrap());
            sockets.push(Socket { name: name.to_owned(), descriptor: listener.into() });
        }
        send_sockets(&here, &sockets).unwrap();
        send_line(&here, &Order::Figures(Figures { ready: 2, ..Figures::default() }), None).unwrap();
        // The sockets outlive those of the sender.
        drop(sockets);
        let received = receive_sockets(&there).unwrap();
        assert_eq!(received.iter().map(|socket| socket.name.as_str()).collect::<Vec<_>>(), ["HTTP", "gRPC"]);
        for (socket, address) in received.into_iter().zip(addresses) {
            let listener = TcpListener::from(socket.descriptor);
            assert_eq!(listener.local_addr().unwrap(), address);
            let client = TcpStream::connect(address).unwrap();
            assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
        }
        // Nothing of the next message was taken.
        let (next, descriptor) = receive_line(&there).unwrap();
        assert!(descriptor.is_none());
        let next: Order = serde_json::from_slice(&next).unwrap();
        assert_eq!(next, Order::Figures(Figures { ready: 2, ..Figures::default() }));
        drop(here);
        assert_eq!(receive_line(&there).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_channel_that_nobody_reads_makes_nobody_wait() {
        let (here, _there) = UnixStream::pair().unwrap();
        let report = Report::Ready { announcement: "x".repeat(LINE_BYTES / 2) };
        assert!((0..1000).any(|_| send_line(&here, &report, None).is_err()));
        let long = Report::Ready { announcement: "x".repeat(LINE_BYTES) };
        assert!(line(&long).is_err_and(|error| error.to_string().contains("limit")));
    }
}
