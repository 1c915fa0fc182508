use tracing_subscriber::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, guard) = logboom_tracing::builder("http://127.0.0.1:4317").service("shop").build()?;
    tracing_subscriber::registry().with(layer).init();
    tracing::info!(order = 17, "hello from tracing");
    drop(guard);
    Ok(())
}
