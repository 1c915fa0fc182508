//! `loadgen demo`: a sample shop of three services that generates logs.

mod stories;

use std::{
    io::{IsTerminal as _, stderr},
    time::Duration,
};

use anyhow::{Result, bail};
use clap::Args;
use reqwest::Url;
use tokio::{signal, time::sleep};
use tonic::{Code, Status, transport::Channel};
use wire::v1::{PushRequest, Record, log_service_client::LogServiceClient};

use crate::{
    door::channel,
    key,
    random::{self, SplitMix},
};
use stories::Line;

/// The server, and the rate.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// The server.
    #[arg(long, env = "LOGBOOM_URL", default_value = "http://127.0.0.1:3000")]
    pub url: Url,
    /// Log lines per second, on average.
    #[arg(long, default_value_t = 8.0)]
    pub rate: f64,
}

/// Logs until Ctrl-C.
pub(crate) async fn demo(options: &DemoOptions) -> Result<()> {
    if !(options.rate > 0.0 && options.rate <= 1000.0) {
        bail!("--rate must be above 0 and at most 1000 lines per second; for more use `loadgen run`");
    }
    let mut shop = Shop {
        client: LogServiceClient::new(channel(options.url.as_str())?),
        random: SplitMix::of(random::fresh(), 0),
        pause: 1.0 / options.rate,
        sent: 0,
        away: false,
    };
    if let Err(status) = shop.first().await {
        bail!("no Logboom server at {}; start one with `make serve` and retry ({})", options.url, describe(&status));
    }
    eprintln!("three services (gateway, orders, payments) log to {}; Ctrl-C stops them", options.url);
    tokio::select! {
        () = shop.trade() => {}
        stopped = signal::ctrl_c() => stopped?,
    }
    Ok(())
}

struct Shop {
    client: LogServiceClient<Channel>,
    random: SplitMix,
    /// Average seconds between two lines.
    pause: f64,
    sent: u64,
    /// Whether the last line could not be sent.
    away: bool,
}

impl Shop {
    async fn first(&mut self) -> Result<(), Status> {
        let line = Line::new("gateway", "info", "the shop opens: routes loaded, accepting requests");
        self.send(&line, None).await
    }

    async fn trade(&mut self) {
        loop {
            let story = stories::random_story(&mut self.random);
            let trace = u128::from(self.random.next()) << 64 | u128::from(self.random.next()) | 1;
            for line in story {
                // Random pauses; their mean gives the requested rate.
                let share = f64::from(self.random.below(2000)) / 1000.0;
                sleep(Duration::from_secs_f64(self.pause * share)).await;
                let outcome = self.send(&line, Some(trace)).await;
                self.report_outcome(outcome);
            }
        }
    }

    async fn send(&mut self, line: &Line, trace: Option<u128>) -> Result<(), Status> {
        let span = self.random.next() | 1;
        let node = format!("{}-{}", line.service, 1 + self.random.below(2));
        let record = Record {
            level: line.level.to_owned(),
            service: line.service.to_owned(),
            node,
            message: line.message.clone(),
            attributes: line.attributes.clone(),
            trace_id: trace.map(|trace| trace.to_be_bytes().to_vec()).unwrap_or_default(),
            span_id: trace.map(|_| span.to_be_bytes().to_vec()).unwrap_or_default(),
            // The server sets the time of receipt.
            ..Record::default()
        };
        self.client.push(key::request(PushRequest { records: vec![record], ..PushRequest::default() })).await?;
        self.sent += 1;
        Ok(())
    }

    fn report_outcome(&mut self, outcome: Result<(), Status>) {
        let failed = outcome.is_err();
        match outcome {
            Err(status) if !self.away => eprintln!("\nno connection to the server ({}); retrying", describe(&status)),
            Ok(()) if self.away => eprintln!("reconnected to the server"),
            Ok(()) if self.sent.is_multiple_of(10) && stderr().is_terminal() => eprint!("\r{} lines sent", self.sent),
            _ => {}
        }
        self.away = failed;
    }
}

/// A short description of a status.
fn describe(status: &Status) -> String {
    match status.code() {
        Code::Unavailable => "cannot connect".to_owned(),
        code => format!("{code:?}: {}", status.message()),
    }
}
