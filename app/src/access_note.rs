//! Who looks at the page, and what the page offers to that user.
//!
//! The server reads it from its backend and writes it into the document; the browser reads it there.

#[cfg(feature = "ssr")]
use std::sync::Arc;

use leptos::prelude::*;

use crate::backend::AccessNote;
#[cfg(feature = "ssr")]
use crate::backend::Backend;

impl AccessNote {
    #[cfg(feature = "ssr")]
    pub(crate) fn from_request() -> Self {
        use_context::<Arc<dyn Backend>>().map(|backend| backend.access()).unwrap_or_default()
    }

    #[cfg(not(feature = "ssr"))]
    pub(crate) fn from_request() -> Self {
        let root = document().document_element();
        let attribute = |name| root.as_ref().and_then(|root| root.get_attribute(name));
        Self::read(attribute("data-user"), &attribute("data-may").unwrap_or_default())
    }

    /// The rights as an attribute of the document.
    #[cfg(any(feature = "ssr", test))]
    pub(crate) fn rights(&self) -> String {
        let rights = [("edit", self.may_edit), ("admin", self.may_admin), ("open", self.is_open)];
        let rights: Vec<&str> = rights.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
        rights.join(" ")
    }

    #[cfg(any(not(feature = "ssr"), test))]
    fn read(user: Option<String>, rights: &str) -> Self {
        let has = |name: &str| rights.split(' ').any(|right| right == name);
        Self { user, may_edit: has("edit"), may_admin: has("admin"), is_open: has("open") }
    }
}

/// The note of the context. Without one, the page offers no action.
pub(crate) fn access_note() -> AccessNote {
    use_context().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_reads_what_the_server_has_written() {
        for number in 0..8 {
            let note = AccessNote {
                user: (number & 1 == 0).then(|| "kim".to_owned()),
                may_edit: number & 1 != 0,
                may_admin: number & 2 != 0,
                is_open: number & 4 != 0,
            };
            assert_eq!(AccessNote::read(note.user.clone(), &note.rights()), note);
        }
        assert_eq!(access_note(), AccessNote::default());
    }
}
