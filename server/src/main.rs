//! The program `logboom`: configuration, transports, composition.
//!
//! The one place where the engines, the pipeline, the doors and the dashboard meet.

mod config;
mod dashboard;
mod engines;
mod fallback;
mod grpc;
mod http;
mod json;
mod listen;
mod reading;
mod serve;
mod shutdown;
mod site;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

/// The bytes of a worker's stack, of which only what is used takes memory. A page is one
/// deep type: rendering one with a record opened takes between 0.5 and 1 MiB in a release
/// build and more than the usual 2 MiB in a debug build.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let options = config::Cli::parse().into_serve();
    if let Err(error) = telemetry::log(&options.log, options.log_format) {
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
    match runtime.block_on(serve::run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
