//! The id of a store, by which a forwarded record is recognised when it comes back.

use crate::{Documents, Expected, Json, Kind, Result, documents::unchecked};

/// The id of the store: one document. All nodes of a store share it.
const STORE: Kind =
    Kind { name: "store", format: 1, plural: "ids of the store", most_bytes: 64, most_documents: 1, check: unchecked };
const NAME: &str = "id";

/// The id of the store: 8 hexadecimal digits, chosen at the first call.
pub async fn store_id(documents: &dyn Documents) -> Result<String> {
    if let Some(document) = documents.get(&STORE, NAME).await? {
        return document.body.read();
    }
    let id = format!("{:08x}", rand::random::<u32>());
    match documents.put(&STORE, NAME, &Json::from_value(&id)?, Expected::Absent, None).await {
        Ok(_) => Ok(id),
        // Another node was first.
        Err(error) => documents.get(&STORE, NAME).await?.ok_or(error)?.body.read(),
    }
}
