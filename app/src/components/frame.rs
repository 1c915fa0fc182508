//! The top bar of every page: navigation and tools.

use leptos::prelude::*;

use leptos_router::hooks::use_location;

use super::{Icon, IconName, LanguageToggle, Logo, ThemeToggle};
use crate::{
    access_note::access_note,
    live::LoggedOut,
    preferences::Theme,
    state::{shown::shown, url::append},
    texts::texts,
};

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
            {person()}
            <div class="tools">
                <LanguageToggle />
                <ThemeToggle theme />
                {help}
            </div>
        </header>
        {access_note().is_open.then(|| view! { <p class="note" data-testid="open-to-all">{t.open_to_all}</p> })}
        <LoggedOutBanner />
    }
    .into_any()
}

/// The user's name with a button to log out, or a link to log in if that could show more.
fn person() -> Option<AnyView> {
    let t = texts();
    let note = access_note();
    let view = match note.user.as_deref().map(shown) {
        Some(user) => view! {
            <form class="person" method="post" action="/logout" data-testid="person">
                <span class="person-name" title=user>{user.clone()}</span>
                <button class="tool" title=t.log_out aria-label=t.log_out data-testid="log-out">
                    <Icon name=IconName::Leave />
                </button>
            </form>
        }
        .into_any(),
        None if note.may_edit => return None,
        None => view! { <a class="link" href="/login" rel="external" data-testid="log-in">{t.log_in}</a> }.into_any(),
    };
    Some(view)
}

/// Reports that the session has ended while the page was open.
#[component]
fn LoggedOutBanner() -> impl IntoView {
    let t = texts();
    let location = use_location();
    let logged_out = use_context::<LoggedOut>();
    let banner = move || {
        logged_out.filter(|LoggedOut(signal)| signal.get()).map(|_| {
            let mut login = String::new();
            let search = location.search.get();
            let next = format!("{}{}{search}", location.pathname.get(), if search.is_empty() { "" } else { "?" });
            append(&mut login, "next", &next);
            view! {
                <p class="note" role="alert" data-testid="logged-out">
                    {t.logged_out}" "<a class="link" href=format!("/login{login}") rel="external">{t.log_in}</a>
                </p>
            }
            .into_any()
        })
    };
    view! { {move || banner()} }.into_any()
}
