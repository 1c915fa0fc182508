//! What is shown as soon as it has come.

use std::sync::Arc;

use leptos::prelude::*;

use crate::texts::texts;

/// Shows `content`, and while what that reads comes for the first time, `meanwhile`.
///
/// One type for all: each pair of closures would be code of its own in the browser.
pub(crate) fn awaited(
    meanwhile: impl Fn() -> AnyView + Send + Sync + 'static,
    content: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    boxed(Arc::new(meanwhile), Arc::new(content))
}

/// Says that something is on its way.
pub(crate) fn loading() -> AnyView {
    view! { <p class="loading" role="status">{texts().loading}</p> }.into_any()
}

type Part = Arc<dyn Fn() -> AnyView + Send + Sync>;

fn boxed(meanwhile: Part, content: Part) -> AnyView {
    view! {
        <Transition fallback=move || meanwhile()>
            {
                let content = content.clone();
                move || content()
            }
        </Transition>
    }
    .into_any()
}
