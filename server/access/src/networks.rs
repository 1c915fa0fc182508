//! The networks that may write without a key, as admins set them. They are let in beside those of `--anonymous`.

use std::sync::Arc;

use ipnet::IpNet;
use model::access_views::AnonymousView;
use pipeline::{Expected, Json, Result};

use crate::{
    anonymous_document::{ANONYMOUS, AnonymousDocument, NETWORKS, parse_networks},
    shared::Shared,
};

/// The networks. They apply in [`State::Guarded`](crate::State::Guarded), as `--anonymous` does.
#[derive(Clone)]
pub struct Networks {
    shared: Arc<Shared>,
}

impl Networks {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The networks, and the rules that this process was started with.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn get(&self) -> Result<AnonymousView> {
        let document = self.shared.documents()?.get(&ANONYMOUS, NETWORKS).await?;
        let stored = document.as_ref().map(AnonymousDocument::read).transpose();
        // One that does not read lets nobody in, and can be replaced.
        let stored = stored.inspect_err(|error| tracing::warn!("{error}")).ok().flatten().unwrap_or_default();
        Ok(AnonymousView { write: stored.write, options: self.shared.rules.iter().map(ToString::to_string).collect() })
    }

    /// Replaces the networks on all nodes, and returns them as they are stored. Open calls of callers without
    /// credentials end; those who are still let in may call again. At most 100 networks; an empty list lets nobody in.
    ///
    /// # Errors
    /// `Invalid`, naming the field `write`.
    pub async fn set(&self, write: &[String]) -> Result<AnonymousView> {
        self.shared.put_networks(&parse_networks(write)?).await?;
        self.get().await
    }
}

impl Shared {
    /// Stores the networks, and takes them into the picture.
    pub(crate) async fn put_networks(&self, networks: &[IpNet]) -> Result<()> {
        let documents = self.documents()?;
        if networks.is_empty() {
            documents.delete(&ANONYMOUS, NETWORKS, Expected::Any, None).await?;
        } else {
            let stored = AnonymousDocument { write: networks.iter().map(IpNet::to_string).collect() };
            documents.put(&ANONYMOUS, NETWORKS, &Json::from_value(&stored)?, Expected::Any, None).await?;
        }
        self.refresh_after_change(&ANONYMOUS).await;
        Ok(())
    }
}
