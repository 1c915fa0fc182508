//! The page at `/setup`: the name and the password of the first admin, and what may be sent without a key.
//!
//! The token of the printed address is in its fragment, which browsers do not send. A small script of the site copies
//! it into the form; without JavaScript it is pasted.

use leptos::prelude::*;

use super::{
    login::{LoginFailure, alert, by_provider, failure_text},
    quiet::{QuietPage, Visit, document},
};
use crate::texts::entrance::of;

/// The networks that the form offers: those of private addresses.
const PRIVATE: &str = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fd00::/8";

/// The content of the set-up page.
#[derive(Debug, Clone, Default)]
pub struct SetupPage {
    /// Why the last attempt failed.
    pub failure: Option<SetupFailure>,
    /// The name of the identity provider, if an admin can log in by one.
    pub provider: Option<String>,
    /// The name of the last attempt.
    pub name: String,
    /// The networks of the last attempt, if they were chosen; they may be empty.
    pub networks: Option<String>,
}

/// Why the set-up failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupFailure {
    /// The two passwords differ.
    NotRepeated,
    /// Networks were chosen, and none was named.
    NoNetworks,
    Unavailable,
    /// The server's reason: the token, the name, the password or a network.
    Refused(String),
}

/// Renders the set-up page.
pub fn setup_page(visit: &Visit<'_>, page: &SetupPage) -> QuietPage {
    let t = of(visit.preferences().language);
    let failure = page.failure.as_ref().map(|failure| {
        alert(match failure {
            SetupFailure::NotRepeated => t.not_repeated.to_owned(),
            SetupFailure::NoNetworks => t.no_networks.to_owned(),
            SetupFailure::Unavailable => failure_text(t, LoginFailure::Unavailable),
            SetupFailure::Refused(reason) => reason.clone(),
        })
    });
    let are_chosen = page.networks.is_some();
    let choice = |value: &'static str, text: &'static str, is_chosen: bool| {
        view! {
            <label class="choice">
                <input type="radio" name="without-key" value=value checked=is_chosen />
                <span>{text}</span>
            </label>
        }
    };
    let networks = page.networks.clone().unwrap_or_else(|| PRIVATE.to_owned());
    let provider = page.provider.as_deref().map(|provider| by_provider(t, provider, "/"));
    let content = view! {
        <h1>{t.set_up}</h1>
        <p class="quiet">{t.set_up_text}</p>
        {failure}
        {provider}
        <form method="post" action="/setup" data-testid="setup">
            <label id="token">
                <span>{t.token}</span>
                <input name="token" autocomplete="off" spellcheck="false" required=true aria-describedby="token-hint" />
                <span class="quiet" id="token-hint">{t.token_hint}</span>
            </label>
            <label>
                <span>{t.admin_name}</span>
                <input
                    name="name"
                    value=page.name.clone()
                    autocomplete="username"
                    autocapitalize="none"
                    spellcheck="false"
                    required=true
                />
            </label>
            <label>
                <span>{t.password}</span>
                <input type="password" name="password" autocomplete="new-password" required=true />
            </label>
            <label>
                <span>{t.repeat}</span>
                <input type="password" name="repeat" autocomplete="new-password" required=true />
            </label>
            <fieldset>
                <legend>{t.without_key}</legend>
                <p class="quiet">{t.senders}</p>
                {choice("nothing", t.nothing, !are_chosen)}
                {choice("networks", t.from_networks, are_chosen)}
                <label>
                    <span>{t.networks}</span>
                    <input
                        name="write"
                        value=networks
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="networks-hint"
                    />
                    <span class="quiet" id="networks-hint">{t.networks_hint}</span>
                </label>
            </fieldset>
            <button class="button main">{t.finish}</button>
        </form>
    };
    document(visit, t.set_up, Some("setup.js"), true, content.into_any())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;
    use crate::SitePath;

    fn render(language: &'static str, page: &SetupPage) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        let site = SitePath("/v/1".to_owned());
        setup_page(&Visit { headers: &headers, query: "", site: &site }, page).html().to_owned()
    }

    #[test]
    fn the_page_asks_for_the_token_a_name_and_a_password_twice() {
        for language in ["en", "ko"] {
            let html = render(language, &SetupPage::default());
            for part in
                ["name=\"token\"", "name=\"name\"", "name=\"password\"", "name=\"repeat\"", "src=\"/v/1/setup.js\""]
            {
                assert!(html.contains(part), "{part} in {html}");
            }
            assert!(!html.contains("role=\"alert\""), "{html}");
            // Private networks are offered, and not chosen.
            assert!(html.contains(PRIVATE) && chosen(&html) == "nothing", "{html}");
        }
    }

    /// The value of the radio button that is checked.
    fn chosen(html: &str) -> String {
        let buttons = html.split("type=\"radio\"").skip(1).map(|button| button.split('>').next().unwrap());
        let checked: Vec<&str> = buttons.filter(|button| button.contains("checked")).collect();
        let [one] = &checked[..] else { panic!("{checked:?}") };
        one.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    #[test]
    fn a_failure_keeps_what_was_written_and_is_escaped() {
        let page = SetupPage {
            provider: Some("Acme".to_owned()),
            failure: Some(SetupFailure::Refused("<b>".to_owned())),
            name: "kim\"><i>".to_owned(),
            networks: Some("10.0.0.0/8, <u>".to_owned()),
        };
        let html = render("en", &page);
        assert!(html.contains("role=\"alert\""), "{html}");
        assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("<u>"), "{html}");
        assert!(html.contains("10.0.0.0/8, ") && chosen(&html) == "networks", "{html}");
        let not_repeated = SetupPage { failure: Some(SetupFailure::NotRepeated), ..SetupPage::default() };
        assert!(render("ko", &not_repeated).contains("두 비밀번호가 다릅니다."));
    }
}
