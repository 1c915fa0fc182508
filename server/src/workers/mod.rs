//! Worker processes: `--workers N`.
//!
//! One supervising process binds every socket and starts N processes of the same program, which inherit the
//! sockets. It never accepts a connection itself. A worker that ends is replaced at once; `SIGHUP` replaces all of them
//! in turn. As the sockets stay open in the supervising process, connections and datagrams that come meanwhile wait in
//! them and are not refused. All workers share the TCP sockets. Each has UDP sockets of its own, which its replacement
//! inherits, because the chunks of one message must reach one process.
//!
//! A worker's standard input is its end of a channel. Over it the worker gets the sockets, reports that it is ready and,
//! every second, that it is alive. Its end of file is the request to drain and end, so a worker also ends when the
//! supervising process is killed.
//!
//! The slot of each worker is a supervised task. A panic of it costs no worker: the restarted slot attends the same
//! process again.
//!
//! | file | content |
//! |---|---|
//! | `channel` | the messages, and how sockets are passed |
//! | `worker` | the worker's side |
//! | `process` | one worker process, as the supervising process sees it |
//! | `slot` | the life of one of the N workers: start, replacement, backoff |
//! | `group` | how many workers are ready, and how often one was replaced |
//! | `supervise` | the supervising process: sockets, signals, rolls, the end |

mod channel;
mod group;
mod process;
mod slot;
mod supervise;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use supervise::run;
pub(crate) use worker::Worker;
