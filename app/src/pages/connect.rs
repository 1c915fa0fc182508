//! Connect: a first log is one paste away, and the page shows it come.

use leptos::prelude::*;

use crate::{
    components::{Icon, IconName, Place, TopBar, copy_text, origin},
    effect::effect,
    live::{self, First},
    preferences::Preferences,
    texts::texts,
};

/// The page at `/connect`.
#[component]
pub(super) fn Connect() -> impl IntoView {
    let t = texts();
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    let origin = origin();
    let first = First { record: RwSignal::new(None) };
    effect(move |begins| {
        if begins {
            live::wait_for_first(first);
        }
    });
    let arrived = move || {
        match first.record.get() {
        Some(record) => {
            let url = format!("/?at={}", record.id);
            view! {
                <p class="came" data-testid="first-line">
                    <b>{t.connect_came}</b>
                    <code class=format!("level-{}", record.class())>
                        <span class="shape" aria-hidden="true"></span>
                        {record.service.clone()}" "{record.message.clone()}
                    </code>
                    <a class="link" href=url>{t.connect_look}</a>
                </p>
            }
            .into_any()
        }
        None => view! {
            <p class="waiting" data-testid="waiting-line"><span class="dot" aria-hidden="true"></span>{t.connect_waiting}</p>
        }
        .into_any(),
    }
    };
    view! {
        <div class="page">
            <TopBar place=Place::Connect theme />
            <main class="sheet">
                <h1>{t.connect_title}</h1>
                <p class="quiet">{t.connect_text}</p>
                <div role="status">{move || arrived()}</div>
                {snippets(&origin).into_iter().map(section).collect_view()}
            </main>
        </div>
    }
    .into_any()
}

/// What to paste.
struct Snippet {
    title: &'static str,
    /// For tests and links.
    name: &'static str,
    text: String,
}

fn section(snippet: Snippet) -> impl IntoView {
    let t = texts();
    let Snippet { title, name, text } = snippet;
    let copied = text.clone();
    let copy = (t.copy)(title);
    view! {
        <section class="snippet" id=name>
            <h2>
                {title}
                <button type="button" class="act" title=copy.clone() aria-label=copy on:click=move |_| copy_text(&copied)>
                    <Icon name=IconName::Copy />
                </button>
            </h2>
            <pre tabindex="0" data-testid=format!("snippet-{name}")>{text}</pre>
        </section>
    }
}

/// The same first log in each language, sent to this server.
fn snippets(origin: &str) -> Vec<Snippet> {
    let address = origin.split_once("://").map_or(origin, |parts| parts.1);
    let url = format!("{origin}/api/v1/push");
    vec![
        Snippet {
            title: "curl",
            name: "curl",
            text: format!(
                "curl {url} -H 'content-type: application/json' \\\n  -d '{{\"service\":\"shop\",\"level\":\"info\",\"message\":\"hello from curl\"}}'"
            ),
        },
        Snippet {
            title: texts().connect_lines,
            name: "lines",
            text: format!("my-program | curl {url} -H 'content-type: application/x-ndjson' --data-binary @-"),
        },
        Snippet {
            title: "Node.js",
            name: "node",
            text: format!(
                "await fetch(\"{url}\", {{\n  method: \"POST\",\n  headers: {{ \"content-type\": \"application/json\" }},\n  body: JSON.stringify({{ service: \"shop\", level: \"info\", message: \"hello from node\" }}),\n}});"
            ),
        },
        Snippet {
            title: "Python",
            name: "python",
            text: format!(
                "import json, urllib.request\n\nlog = {{\"service\": \"shop\", \"level\": \"info\", \"message\": \"hello from python\"}}\nrequest = urllib.request.Request(\n    \"{url}\", json.dumps(log).encode(), {{\"content-type\": \"application/json\"}})\nurllib.request.urlopen(request)"
            ),
        },
        Snippet {
            title: "Go",
            name: "go",
            text: format!(
                "body := strings.NewReader(`{{\"service\":\"shop\",\"level\":\"info\",\"message\":\"hello from go\"}}`)\nresponse, err := http.Post(\"{url}\", \"application/json\", body)"
            ),
        },
        Snippet {
            title: "gRPC",
            name: "grpc",
            text: format!(
                "grpcurl -plaintext -d '{{\"node\":\"shop\",\"level\":\"info\",\"message\":\"hello from grpc\"}}' \\\n  {address} LoggerService.Logger/SendLog"
            ),
        },
    ]
}
