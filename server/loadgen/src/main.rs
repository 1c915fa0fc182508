//! Loads a running Logboom from outside and verifies the result.
//!
//! A black box: it knows the wire format, the reading API and the model, but nothing of the server's code. Every
//! record derives from a seed and a number, so that stored records can be compared with the sent ones, field by
//! field.
//!
//! * `run` sends records, and measures acknowledgements and, with `--live`, the live tail;
//! * `verify` reads a run back and counts lost, duplicate, altered and invented records;
//! * `demo` simulates three small services.
//!
//! Each except `demo` prints one line of JSON. With `LOGBOOM_KEY`, each call over HTTP and gRPC carries that key.

// The results are printed to standard output.
#![allow(clippy::print_stdout)]

mod corpus;
mod demo;
mod door;
mod key;
mod manifest;
mod random;
mod reading;
mod run;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// The allocator of the server: with glibc's, allocation took a fifth of the loader's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "loadgen", version, about, max_term_width = 100)]
enum Command {
    /// Send records and measure their acknowledgement.
    Run(Box<run::RunOptions>),
    /// Read a run back; count lost, duplicate, altered and invented records.
    Verify(verify::VerifyOptions),
    /// Three sample services that log until Ctrl-C.
    Demo(demo::DemoOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Built together with the server, the HTTP client needs an explicit TLS provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match work(Command::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the command. The exit code is a failure if the server failed.
async fn work(command: Command) -> anyhow::Result<ExitCode> {
    key::check()?;
    match command {
        Command::Run(options) => {
            let report = run::run(*options).await?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Verify(options) => {
            let verdict = verify::verify(&options).await?;
            println!("{}", serde_json::to_string(&verdict)?);
            Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Demo(options) => demo::demo(&options).await.map(|()| ExitCode::SUCCESS),
    }
}
