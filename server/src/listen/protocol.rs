//! The beginning of a connection: TLS, the first bytes, and the settings of HTTP/1.1 and HTTP/2.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpStream;

use crate::tls::{Opened, Tls};

/// The timeout of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// HTTP/2: the limit of concurrent calls per connection.
const STREAMS: u32 = 1024;
/// HTTP/2: the flow-control windows per call and per connection. Batches are large, and a smaller window costs a round
/// trip each.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// HTTP/2: the total of the windows of all connections. Bytes sent ahead stay in memory, so the more connections are
/// open, the smaller is the window of a new one.
const WINDOWS: u32 = 64 << 20;
/// The minimum window of a connection. h2 closes a connection whose unread small frames cost more than half its window,
/// at 256 bytes each: this has room for one per call.
const LEAST_WINDOW: u32 = 2 * 256 * STREAMS;
/// HTTP/2: a peer that does not answer a ping within the timeout is disconnected.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Waits for the first bytes of a request, with TLS after the handshake; `None` if they do not come.
pub(super) async fn open(stream: TcpStream, tls: Option<&Tls>) -> Option<Opened> {
    match tls {
        Some(tls) => tls.open_http(stream, HEADER_TIMEOUT).await,
        None => protocol_begins(&stream).await.then(|| Opened::plain(stream)),
    }
}

/// Waits until the first bytes show HTTP/1 or HTTP/2; `false` on a timeout or a disconnect. hyper would wait forever.
async fn protocol_begins(stream: &TcpStream) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let first_bytes = async {
        let mut begin = [0; PREFACE.len()];
        loop {
            match stream.peek(&mut begin).await {
                Ok(0) | Err(_) => return false,
                Ok(length) if length < begin.len() && PREFACE.starts_with(&begin[..length]) => {
                    // Peeking does not signal further bytes, so this polls.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(_) => return true,
            }
        }
    };
    tokio::time::timeout(HEADER_TIMEOUT, first_bytes).await.unwrap_or(false)
}

/// The window of a connection when `open` connections are open.
fn window(open: usize) -> u32 {
    (WINDOWS / u32::try_from(open).unwrap_or(u32::MAX).max(1)).clamp(LEAST_WINDOW, CONNECTION_WINDOW)
}

/// The HTTP settings of a connection when `open` connections are open.
pub(super) fn builder(open: usize) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size((window(open) / 4).min(STREAM_WINDOW))
        .initial_connection_window_size(window(open))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_the_windows() {
        for (open, bytes) in [(1, 8 << 20), (8, 8 << 20), (16, 4 << 20), (100, 671_088), (4096, 512 << 10)] {
            assert_eq!(window(open), bytes, "{open}");
        }
    }
}
