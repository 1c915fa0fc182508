//! Keeps the cache up to date: lists the pods, then watches for changes from the version of the list on.
//!
//! | what happens | what follows |
//! |---|---|
//! | the server ends the watch, or the connection breaks | a watch from the last version on |
//! | the version is too old (410) | a new list |
//! | any other error | a new list after a wait, which grows |

use std::time::Duration;

use futures::StreamExt as _;
use pipeline::backoff::Backoff;
use tokio::time::{sleep, timeout};

use super::{
    FIRST_WAIT, LONGEST_WAIT, PODS,
    access::Access,
    answers::Event,
    api::{Api, WATCH},
    cache::Pods,
    error::ApiError,
};

/// The pods of one page of the list.
const PAGE: usize = 250;
/// How much longer than asked for a watch may last.
const GRACE: Duration = Duration::from_secs(30);

/// Never ends. Tries again after errors.
pub(super) async fn run(access: &Access, pods: &Pods) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        if let Err(error) = follow(access, pods, &mut backoff).await {
            pods.failed(&error);
        }
        sleep(backoff.next()).await;
    }
}

/// Lists and watches. Reads the certificates again each time.
///
/// # Errors
/// The first error that only a new list corrects.
async fn follow(access: &Access, pods: &Pods, backoff: &mut Backoff) -> Result<(), ApiError> {
    let api = Api::new(access).await?;
    let mut version = list(&api, pods).await?;
    loop {
        let watched = timeout(WATCH + GRACE, watch(&api, pods, &mut version, backoff)).await;
        watched.unwrap_or(Ok(()))?;
        // A server that ends each watch at once is not asked without a pause.
        sleep(backoff.next()).await;
    }
}

/// Returns the version of the list.
async fn list(api: &Api<'_>, pods: &Pods) -> Result<String, ApiError> {
    let mut listed = Vec::new();
    let (version, mut next, page) = api.list("", PAGE).await?.into_parts();
    listed.extend(page);
    while !next.is_empty() && listed.len() <= PODS {
        let (_, after, page) = api.list(&next, PAGE).await?.into_parts();
        listed.extend(page);
        next = after;
    }
    pods.replace(listed);
    Ok(version)
}

/// Ends without an error when the server ends the watch, or the connection breaks.
async fn watch(api: &Api<'_>, pods: &Pods, version: &mut String, backoff: &mut Backoff) -> Result<(), ApiError> {
    let mut events = std::pin::pin!(api.watch(version).await?);
    pods.is_up(api.node());
    while let Some(event) = events.next().await {
        *version = match event? {
            Event::Seen(pod, version) => {
                pods.seen(*pod);
                version
            }
            Event::Deleted(pod, version) => {
                pods.deleted(&pod);
                version
            }
            Event::Bookmark(version) => version,
        };
        // Not before: a server that has an answer for the list only would get one list after the other.
        backoff.reset();
    }
    Ok(())
}
