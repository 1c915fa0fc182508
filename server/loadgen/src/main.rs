//! Loads a running Logboom from outside and checks what it did with the load.
//!
//! A black box: it knows the wire, the reading API and the model, and nothing of the
//! server's inside. Every record it sends follows from a seed and a number, so what is
//! read back can be compared with what was sent, field by field.
//!
//! * `run` sends, and measures acknowledgement and, with `--live`, the live tail;
//! * `verify` reads a run back and counts lost, doubled, altered and invented records;
//! * `demo` is three small services that have something to say.
//!
//! Each prints one line of JSON, save `demo`.

// Results go to standard output; that is what this program is for.
#![allow(clippy::print_stdout)]

mod corpus;
mod demo;
mod door;
mod manifest;
mod random;
mod reading;
mod run;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// The server's, so that the two are alike: a fifth of the loader's time was glibc's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "loadgen", version, about, max_term_width = 100)]
enum Command {
    /// Send records and measure how they are acknowledged.
    Run(Box<run::RunOptions>),
    /// Read a run back; count what was lost, doubled, altered or invented.
    Verify(verify::VerifyOptions),
    /// Three sample services that log until Ctrl-C.
    Demo(demo::DemoOptions),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Built together with the server, the HTTP client has TLS and wants to be told whose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match work(Command::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does what was asked for; the code is a failure where the server did not do well.
async fn work(command: Command) -> anyhow::Result<ExitCode> {
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
