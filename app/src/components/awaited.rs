//! Content that is shown when it is loaded.

use std::sync::Arc;

use leptos::prelude::*;

use crate::texts::texts;

/// Shows `content`, and `meanwhile` while its data loads for the first time.
///
/// The closures are boxed: each pair of types would add code to the WebAssembly bundle.
pub(crate) fn awaited(
    meanwhile: impl Fn() -> AnyView + Send + Sync + 'static,
    content: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    boxed(Arc::new(meanwhile), Arc::new(content))
}

/// A loading indicator.
pub(crate) fn loading() -> AnyView {
    notice("loading", "loading", texts().loading.to_owned())
}

/// A line of text instead of content, with the name that tests find it by.
///
/// One type for all of them: each further type would add code to the WebAssembly bundle.
pub(crate) fn notice(class: &'static str, name: &'static str, text: String) -> AnyView {
    view! { <p class=class role="status" data-testid=name>{text}</p> }.into_any()
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
