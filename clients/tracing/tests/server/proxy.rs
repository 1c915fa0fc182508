//! A proxy that can drop the server's responses.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A proxy between client and server that runs as long as the process.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Arc<Link>,
}

#[derive(Default)]
struct Link {
    /// Whether the server's responses are dropped.
    deaf: AtomicBool,
    /// The client sides of all connections so far.
    clients: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), link: Arc::default() };
        let link = Arc::clone(&proxy.link);
        thread::spawn(move || {
            for client in listener.incoming() {
                let _ = connect(client.unwrap(), server, &link);
            }
        });
        proxy
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drops all further responses.
    pub(crate) fn deafen(&self) {
        self.link.deaf.store(true, Ordering::SeqCst);
    }

    /// Closes all connections; new ones work.
    pub(crate) fn cut(&self) {
        for client in self.link.clients.lock().unwrap().drain(..) {
            // The peer may have closed it first.
            let _ = client.shutdown(Shutdown::Both);
        }
        self.link.deaf.store(false, Ordering::SeqCst);
    }
}

fn connect(client: TcpStream, server: SocketAddr, link: &Arc<Link>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    link.clients.lock().unwrap().push(client.try_clone()?);
    let (to_server, from_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || copy(from_client, to_server, || true));
    let link = Arc::clone(link);
    thread::spawn(move || copy(server, client, || !link.deaf.load(Ordering::SeqCst)));
    Ok(())
}

/// Forwards data while allowed; closes both sides with either.
fn copy(mut from: TcpStream, mut to: TcpStream, may_pass: impl Fn() -> bool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if may_pass() && to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}
