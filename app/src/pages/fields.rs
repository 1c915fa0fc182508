//! Fields of plain forms.

use leptos::prelude::*;

/// An input with its label.
pub(super) fn field(label: impl IntoView + 'static, input: impl IntoView + 'static) -> AnyView {
    view! { <label><span class="quiet">{label}</span>" "{input}</label> }.into_any()
}

/// A broad input of text with its label. `hint` is an example.
pub(super) fn text_field(name: &'static str, label: &'static str, hint: &'static str, value: &str) -> AnyView {
    field(label, view! { <input class="broad" name=name placeholder=hint value=value.to_owned() /> })
}
