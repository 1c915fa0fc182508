//! The tail: stored records in position order, once final.

mod follow;
mod horizon;
mod recent;

pub(crate) use follow::follow;
pub(crate) use horizon::Horizon;
pub(crate) use recent::Recent;
