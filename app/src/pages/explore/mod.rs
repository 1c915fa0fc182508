use leptos::prelude::*;
#[component]
pub(super) fn Explore() -> impl IntoView { view!{ <main></main> } }
