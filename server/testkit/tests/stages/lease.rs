//! Work under a lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use pipeline::{Error, ErrorClass, Lease, Leases, LogStore as _, Result, hold};
use testkit::memory::MemoryStore;
use tokio::time::{Instant, sleep};

const LASTS: Duration = Duration::from_secs(9);

/// Leases that can be out of reach.
struct Far {
    leases: Arc<dyn Leases>,
    is_away: AtomicBool,
}

impl Far {
    fn new() -> Self {
        Self { leases: MemoryStore::new().leases(), is_away: AtomicBool::new(false) }
    }

    fn reach(&self) -> Result<&dyn Leases> {
        if self.is_away.load(Ordering::SeqCst) { Err(Error::unavailable("away")) } else { Ok(&*self.leases) }
    }
}

#[async_trait]
impl Leases for Far {
    async fn acquire(&self, name: &str, holder: &str, duration: Duration) -> Result<Option<Lease>> {
        self.reach()?.acquire(name, holder, duration).await
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        self.reach()?.renew(lease, duration).await
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        self.reach()?.release(lease).await
    }
}

/// Whether somebody else can have the lease.
async fn is_free(leases: &Far) -> bool {
    let lease = leases.leases.acquire("a", "other", Duration::ZERO).await.unwrap();
    lease.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_lease_lasts_as_long_as_the_work_and_is_free_then() {
    let leases = Far::new();
    let done = hold(&leases, "a", "one", LASTS, async |_| {
        for _ in 0..20 {
            sleep(LASTS / 2).await;
            assert!(!is_free(&leases).await);
        }
        7
    });
    assert_eq!(done.await.unwrap(), Some(7));
    assert!(is_free(&leases).await);
}

#[tokio::test(start_paused = true)]
async fn work_does_not_begin_while_somebody_else_has_the_lease() {
    let leases = Far::new();
    let other = leases.acquire("a", "other", LASTS).await.unwrap().unwrap();
    let work = async |_| -> () { panic!("the work has begun") };
    assert_eq!(hold(&leases, "a", "one", LASTS, work).await.unwrap(), None);
    assert!(leases.release(&other).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn work_ends_when_its_lease_is_lost() {
    let leases = Far::new();
    let began = Instant::now();
    let work = async |lease| {
        sleep(LASTS * 3).await;
        // As if another node had taken over.
        assert!(leases.renew(&lease, Duration::ZERO).await.unwrap());
        sleep(LASTS * 100).await;
    };
    let error = hold(&leases, "a", "one", LASTS, work).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("lease a with token 1 is lost"), "{error}");
    assert!(began.elapsed() < LASTS * 4, "it ended at the next renewal");
}

#[tokio::test(start_paused = true)]
async fn a_store_out_of_reach_ends_the_work_once_the_lease_has_run_out() {
    let leases = Far::new();
    let began = Instant::now();
    let work = async |_| {
        // A short absence does no harm.
        leases.is_away.store(true, Ordering::SeqCst);
        sleep(LASTS / 2).await;
        leases.is_away.store(false, Ordering::SeqCst);
        sleep(LASTS).await;
        leases.is_away.store(true, Ordering::SeqCst);
        sleep(LASTS * 100).await;
    };
    let error = hold(&leases, "a", "one", LASTS, work).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    let took = began.elapsed();
    assert!(LASTS * 3 / 2 < took && took <= LASTS * 5 / 2, "{took:?}");
    assert!(is_free(&leases).await);
}
