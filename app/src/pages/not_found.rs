use leptos::prelude::*;
#[component]
pub(super) fn NotFound() -> impl IntoView { view!{ <main></main> } }
