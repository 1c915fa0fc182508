//! A connection that coalesces small writes.
//!
//! When a batch is durable, all calls with a record in it can be answered, each by its own task. The runtime runs a
//! woken task next, so the connection would write each response separately: 57 writes for 100 calls. Therefore a
//! flush first yields to all other ready tasks, and their output is written together.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};

/// The maximum number of buffered bytes.
const HELD_BYTES: usize = 8 << 10;

/// A stream that yields once before it flushes.
pub struct Gathered<S> {
    stream: BufWriter<S>,
    /// Whether it has yielded since the last flush.
    waited: bool,
}

impl<S: AsyncWrite> Gathered<S> {
    pub fn new(stream: S) -> Self {
        Self { stream: BufWriter::with_capacity(HELD_BYTES, stream), waited: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waited && !self.stream.buffer().is_empty() {
            self.waited = true;
            // A task that wakes itself goes to the end of the queue.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.waited = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::{mpsc, oneshot},
    };

    use super::*;

    /// Counts the writes that reach it.
    #[derive(Default)]
    struct Writes(Vec<usize>);

    impl AsyncWrite for Writes {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Writes responses, and flushes when there are no more, like a connection.
    async fn connection(mut answers: mpsc::UnboundedReceiver<&'static [u8]>) -> Vec<usize> {
        let mut stream = Gathered::new(Writes::default());
        loop {
            tokio::select! {
                biased;
                answer = answers.recv() => match answer {
                    Some(answer) => stream.write_all(answer).await.unwrap(),
                    None => break,
                },
                flushed = stream.flush(), if !stream.stream.buffer().is_empty() => flushed.unwrap(),
            }
        }
        stream.shutdown().await.unwrap();
        std::mem::take(&mut stream.stream.get_mut().0)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn answers_that_are_ready_together_are_written_together() {
        let writes = tokio::spawn(async {
            let (send, answers) = mpsc::unbounded_channel();
            let connection = tokio::spawn(connection(answers));
            let (callers, durable): (Vec<_>, Vec<_>) = (0..100)
                .map(|_| {
                    let (durable, wait) = oneshot::channel::<()>();
                    let send = send.clone();
                    let caller = async move {
                        wait.await.unwrap();
                        send.send(b"answer".as_slice()).unwrap();
                    };
                    (tokio::spawn(caller), durable)
                })
                .unzip();
            drop(send);
            tokio::task::yield_now().await;
            durable.into_iter().for_each(|durable| durable.send(()).unwrap());
            join_all(callers).await;
            connection.await.unwrap()
        });
        let writes = writes.await.unwrap();
        assert_eq!(writes.iter().sum::<usize>(), 600);
        assert!(writes.len() <= 3, "{writes:?}");
    }

    #[tokio::test]
    async fn what_is_written_arrives_as_it_was() {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let sent: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let expected = sent.clone();
        let sender = tokio::spawn(async move {
            let mut stream = Gathered::new(near);
            for piece in sent.chunks(777) {
                stream.write_all(piece).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        sender.await.unwrap();
        assert_eq!(received, expected);
    }
}
