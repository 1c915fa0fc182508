//! The next batch is prepared while one is delivered.

use pipeline::follow::Prepare;

use super::*;

type Prepared = Arc<Mutex<Vec<Outgoing>>>;

/// A sink that remembers what was prepared.
struct Preparing {
    inner: Box<dyn Sink>,
    prepared: Prepared,
}

struct Remembering(Prepared);

impl Prepare for Remembering {
    fn prepare(&self, batch: &Outgoing) {
        self.0.lock().push(batch.clone());
    }
}

#[async_trait]
impl Sink for Preparing {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        self.inner.open(mark).await
    }

    fn preparer(&self) -> Option<Arc<dyn Prepare>> {
        Some(Arc::new(Remembering(Arc::clone(&self.prepared))))
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        self.inner.send(batch).await
    }
}

fn preparing(receiver: &Receiver, prepared: &Prepared) -> Definition {
    let (receiver, prepared) = (receiver.clone(), Arc::clone(prepared));
    let build = move || {
        let sink = Preparing { inner: receiver.sink(), prepared: Arc::clone(&prepared) };
        Ok(Box::new(sink) as Box<dyn Sink>)
    };
    Definition { build: Arc::new(build), ..definition("a", &Receiver::new()) }
}

/// About 8 MiB per batch of a sink, so these are several.
async fn large_store() -> Arc<MemoryStore> {
    store_of(&(1..=12).map(|number| records::long_messages(number, 3, 1 << 20)).collect::<Vec<_>>()).await
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_is_repeated_before_the_batch_prepared_meanwhile() {
    let store = large_store().await;
    let (receiver, prepared) = (Receiver::new(), Prepared::default());
    let seen = Arc::clone(&prepared);
    // The first batch fails until the second one is prepared, and twice more.
    let mut more = 2;
    receiver.answers(move |_| {
        if more > 0 {
            more -= usize::from(!seen.lock().is_empty());
            return Answer::Fails(away());
        }
        Answer::Stored
    });
    let node =
        Node::start_with(&store, vec![preparing(&receiver, &prepared)], LiveOptions::default(), |options| options);
    node.is_idle("a").await;
    let attempts: Vec<_> = receiver.attempts().into_iter().map(|(_, batch)| batch).collect();
    let first = attempts.iter().take_while(|batch| batch.id == attempts[0].id).count();
    assert!(first >= 3 && attempts[..first].iter().all(|batch| *batch == attempts[0]), "{first} attempts");
    assert_eq!(places(&receiver.received()), places(&store.all()));
    // Each batch but the first was prepared once, as it was sent.
    assert!(*prepared.lock() == receiver.batches()[1..]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_halves_of_a_refused_batch_go_before_the_batch_prepared_meanwhile() {
    let store = large_store().await;
    let (receiver, prepared) = (Receiver::new(), Prepared::default());
    let mut is_first = true;
    receiver.answers(move |_| {
        if std::mem::take(&mut is_first) { Answer::Fails(Error::invalid("too large")) } else { Answer::Stored }
    });
    let node =
        Node::start_with(&store, vec![preparing(&receiver, &prepared)], LiveOptions::default(), |options| options);
    node.is_idle("a").await;
    assert_eq!(places(&receiver.received()), places(&store.all()));
    assert!(*prepared.lock() == receiver.batches()[2..]);
    node.stop().await;
}
