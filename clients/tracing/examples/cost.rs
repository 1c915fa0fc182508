//! Measures the cost of an event for its caller, and the rate of acknowledged events.
//!
//! `cargo run --release -p logboom-tracing --example cost -- http://127.0.0.1:4317`

use std::{
    env,
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use logboom_tracing::{Builder, Guard};
use tracing::{Dispatch, dispatcher::with_default, info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

/// Less than half of the default buffer, and small enough for one batch.
const BURST: u32 = 4_000;
const BURSTS: usize = 40;

const EVENTS: u32 = 200_000;
const ROUNDS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4317".to_owned());
    let builder = logboom_tracing::builder(endpoint).service("cost").flush_timeout(Duration::from_secs(60));
    of_callers(builder.clone())?;
    end_to_end(builder)
}

/// Bursts that end before the sender starts to send them.
fn of_callers(builder: Builder) -> Result<(), Box<dyn Error>> {
    let builder = builder.batch_delay(Duration::from_secs(1)).batch_records(BURST as usize);
    let (subscriber, guard) = subscriber(builder)?;
    with_default(&subscriber, || {
        bursts(&guard, "an event of a message", || info!("order placed"));
        bursts(&guard, "and two fields", || order(7));
        let _span = info_span!("request", id = 7, path = "/cart").entered();
        let _inner = info_span!("pay", amount = 12.5).entered();
        bursts(&guard, "and in two spans", || order(7));
    });
    Ok(())
}

/// All events at once, while sender and server work.
fn end_to_end(builder: Builder) -> Result<(), Box<dyn Error>> {
    let builder = builder.max_buffered_records(EVENTS as usize).max_buffered_bytes(1 << 30);
    let (subscriber, guard) = subscriber(builder)?;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        with_default(&subscriber, || (0..EVENTS).for_each(order));
        let logged = started.elapsed();
        let complete = guard.flush();
        let rate = f64::from(EVENTS) / started.elapsed().as_secs_f64();
        eprintln!("{rate:.0} events/s acknowledged, {} ns an event for the caller", nanos(logged, EVENTS));
        if !complete {
            return Err(format!("not everything was acknowledged: {:?}", guard.stats()).into());
        }
    }
    Ok(())
}

fn subscriber(builder: Builder) -> Result<(Dispatch, Guard), Box<dyn Error>> {
    let (layer, guard) = builder.build()?;
    Ok((Dispatch::new(tracing_subscriber::registry().with(layer)), guard))
}

fn order(number: u32) {
    info!(number = black_box(number), user = "u-17", "order {} placed", number);
}

/// Times bursts with pauses in which they are sent. Reports median and minimum, because other processes use the
/// machine as well.
fn bursts(guard: &Guard, name: &str, event: impl Fn()) {
    let mut times: Vec<_> = (0..BURSTS)
        .map(|_| {
            let started = Instant::now();
            (0..BURST).for_each(|_| event());
            let time = started.elapsed();
            guard.flush();
            time
        })
        .collect();
    times.sort_unstable();
    let (best, median) = (nanos(times[0], BURST), nanos(times[times.len() / 2], BURST));
    eprintln!("{name}: {median} ns, at best {best} ns");
}

fn nanos(time: Duration, events: u32) -> u128 {
    time.as_nanos() / u128::from(events)
}
