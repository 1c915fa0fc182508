//! The top bar of every page: navigation and tools.

use leptos::prelude::*;

use super::{Icon, IconName, LanguageToggle, Logo, ThemeToggle};
use crate::{preferences::Theme, texts::texts};

/// A page with a link in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Logs,
    Overview,
    System,
    Connect,
}

/// Name, navigation and tools. `help` opens the page's help, if it has one.
#[component]
pub(crate) fn TopBar(
    page: Page,
    theme: RwSignal<Theme>,
    #[prop(optional)] help: Option<RwSignal<bool>>,
) -> impl IntoView {
    let t = texts();
    let link = |to: Page, url: &'static str, text: &'static str| {
        view! { <a href=url aria-current=(to == page).then_some("page")>{text}</a> }
    };
    let help = help.map(|help| {
        view! {
            <button
                type="button"
                class="tool"
                title=format!("{} (?)", t.help)
                aria-label=t.help
                data-testid="help-open"
                on:click=move |_| help.set(true)
            >
                <Icon name=IconName::Question />
            </button>
        }
    });
    view! {
        <header class="top">
            <a class="home" href="/" aria-label=t.home>
                <Logo />
                <span class="wordmark">"logboom"</span>
            </a>
            <nav class="places" aria-label=t.navigation>
                {link(Page::Logs, "/", t.place_logs)}
                {link(Page::Overview, "/overview", t.place_overview)}
                {link(Page::System, "/system", t.place_system)}
                {link(Page::Connect, "/connect", t.place_connect)}
            </nav>
            <div class="tools">
                <LanguageToggle />
                <ThemeToggle theme />
                {help}
            </div>
        </header>
    }
    .into_any()
}
