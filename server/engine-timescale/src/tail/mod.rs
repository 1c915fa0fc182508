//! What is stored, in order of position, as it becomes final.

mod follow;
mod horizon;
mod recent;

pub(crate) use follow::follow;
pub(crate) use horizon::Horizon;
pub(crate) use recent::Recent;
