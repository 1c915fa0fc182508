//! `/api/v1/deletions`: removes the records that match a query for good. `/system/deletions`: the same for the forms of
//! the page System.
//!
//! | file | content |
//! |---|---|
//! | `act` | the actions, with the rights that they need |
//! | `calls` | the API |
//! | `forms` | the targets of the forms |

mod act;
mod calls;
mod forms;

pub(crate) use self::act::{deletion_view, noted};
pub(super) use self::{
    calls::{Calls, routes},
    forms::forms,
};
