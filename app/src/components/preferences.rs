//! Toggles for theme and language; plain links without JavaScript.

use leptos::prelude::*;

use super::{Icon, IconName};
use crate::{
    preferences::{Preferences, Theme, apply_language, apply_theme},
    texts::texts,
};

/// Cycles through system, light and dark.
#[component]
pub(crate) fn ThemeToggle(theme: RwSignal<Theme>) -> impl IntoView {
    let t = texts();
    let name = move || t.theme_names[theme.get() as usize];
    let title = move || format!("{}: {} (d)", t.theme_toggle, name());
    view! {
        <a
            class="tool"
            href=move || format!("?theme={}", theme.get().next().attribute())
            rel="external"
            role="button"
            data-testid="theme-toggle"
            data-theme-name=move || theme.get().attribute()
            title=move || title()
            aria-label=move || title()
            on:click=move |event| {
                event.prevent_default();
                next_theme(theme);
            }
        >
            <Icon name=IconName::Theme />
        </a>
    }
}

/// Switches to the next theme.
pub(crate) fn next_theme(theme: RwSignal<Theme>) {
    theme.update(|theme| *theme = theme.next());
    apply_theme(theme.get_untracked());
}

/// Switches to the other language.
#[component]
pub(crate) fn LanguageToggle() -> impl IntoView {
    let t = texts();
    let other = use_context::<Preferences>().unwrap_or_default().language.other();
    view! {
        <a
            class="tool"
            href=format!("?language={}", other.code())
            rel="external"
            hreflang=other.code()
            lang=other.code()
            data-testid="language-toggle"
            title=t.language_toggle
            aria-label=t.language_toggle
            on:click=move |event| {
                event.prevent_default();
                apply_language(other);
            }
        >
            {t.language_short}
        </a>
    }
}
