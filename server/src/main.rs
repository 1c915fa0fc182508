//! The program `logboom`: configuration, transports, composition.
//!
//! The one place where the engines, the pipeline, the doors and the dashboard meet.

mod admin_socket;
mod agent;
mod announce;
mod archiving;
mod audit;
mod callers;
mod canary;
mod commands;
mod config;
mod dashboard;
mod engines;
mod export;
mod fallback;
mod files;
mod forwarding;
mod gate;
mod grpc;
mod http;
mod listen;
mod listeners;
mod oidc;
mod serve;
mod shutdown;
mod site;
mod snippets;
mod sockets;
mod state;
mod streams;
mod systemd;
mod tasks;
mod telemetry;
#[cfg(test)]
mod testing;
mod tls;
mod workers;

use std::process::ExitCode;

use crate::config::{AgentCommand, Command};

/// Records are many small texts, allocated by one thread and freed by another: against
/// glibc's allocator this takes a tenth off the time of taking records in, and half off
/// the memory, which is given back afterwards.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The bytes of a worker's stack, of which only what is used takes memory. A page is one
/// deep type: rendering one with a record opened takes between 0.5 and 1 MiB in a release
/// build and more than the usual 2 MiB in a debug build.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let command = config::Cli::of_command_line().into_command();
    let log = match &command {
        Command::Serve(options) => Some((&options.log, options.workers.worker)),
        Command::Agent(options) if options.command.is_none() => Some((&options.log, None)),
        _ => None,
    };
    if let Some((options, worker)) = log
        && let Err(error) = telemetry::log(&options.log, options.log_format, worker)
    {
        eprintln!("logboom: {error:#}");
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("logboom: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match command {
        Command::Serve(options) if options.workers.is_supervising() => {
            runtime.block_on(workers::run(*options)).inspect_err(|error| tracing::error!("{error:#}"))
        }
        Command::Serve(options) => {
            runtime.block_on(serve::run(*options)).inspect_err(|error| tracing::error!("{error:#}"))
        }
        Command::Agent(options) => match &options.command {
            None => runtime.block_on(agent::run(*options)).inspect_err(|error| tracing::error!("{error:#}")),
            Some(AgentCommand::Check(options)) => runtime.block_on(agent::check::run(options)).inspect_err(print_error),
        },
        Command::Send(options) => runtime.block_on(commands::send::run(&options)).inspect_err(print_error),
        Command::Tail(options) => runtime.block_on(commands::tail::run(&options)).inspect_err(print_error),
        Command::Search(options) => runtime.block_on(commands::search::run(&options)).inspect_err(print_error),
        Command::Export(options) => runtime.block_on(commands::export::run(&options)).inspect_err(print_error),
        Command::Parts(options) => runtime.block_on(commands::parts::run(&options)).inspect_err(print_error),
        Command::DeadLetters(options) => {
            runtime.block_on(commands::dead_letters::run(&options)).inspect_err(print_error)
        }
        Command::Replay(options) => runtime.block_on(commands::replay::run(&options)).inspect_err(print_error),
        Command::Delete(options) => runtime.block_on(commands::delete::run(&options)).inspect_err(print_error),
        Command::Documents(options) => runtime.block_on(commands::documents::run(&options)).inspect_err(print_error),
        Command::Ledger(options) => runtime.block_on(commands::ledger::run(&options)).inspect_err(print_error),
        Command::Key(options) => runtime.block_on(commands::key::run(&options)).inspect_err(print_error),
        Command::User(options) => runtime.block_on(commands::user::run(&options)).inspect_err(print_error),
        Command::Session(options) => runtime.block_on(commands::session::run(&options)).inspect_err(print_error),
        Command::Anonymous(options) => runtime.block_on(commands::anonymous::run(&options)).inspect_err(print_error),
        Command::Redaction(command) => runtime.block_on(commands::redaction::run(&command)).inspect_err(print_error),
        Command::Archive(command) => runtime.block_on(commands::archive::run(&command)).inspect_err(print_error),
        Command::Check(options) => runtime.block_on(commands::check::run(&options)).inspect_err(print_error),
    };
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the error of a command to stderr. It may quote what a server has answered.
fn print_error(error: &anyhow::Error) {
    eprintln!("logboom: {}", commands::printable::message(&format!("{error:#}")));
}
