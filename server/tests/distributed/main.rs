//! The program itself on a real RabbitMQ and a real PostgreSQL, under load, while one of
//! them, or one of several nodes, comes to harm.
//!
//! What must hold each time: what was acknowledged is found once; what was not is sent
//! again by its client and taken as soon as the harm is over; no node is started anew for
//! that; and a fresh record gets through. `callers`, `documents` and `repetitions` are about
//! calls of any node.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod bodies;
mod broker;
mod callers;
#[path = "../tasks/covered.rs"]
#[allow(dead_code, reason = "the tests of the table are looked up by the test program `tasks`")]
mod covered;
mod damage;
mod database;
mod dead_letters;
mod documents;
mod ledger;
mod load;
mod node;
mod nodes;
mod proxy;
mod repetitions;
mod tail;
mod tasks;
mod tls;
mod upgrade;
