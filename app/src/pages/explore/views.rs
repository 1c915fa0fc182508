//! The menu of saved views, shared by all users of this server.

use leptos::{
    ev::SubmitEvent,
    html::{Details, Input},
    prelude::*,
    task::spawn_local,
};
use model::api::SavedView;

use crate::{
    access_note::access_note,
    components::{Icon, IconName, copy_text, notice},
    server_functions,
    state::{explorer::Explorer, shown::shown, view::encode},
    texts::texts,
};

/// The menu. Its entries are loaded when it opens.
#[component]
pub(super) fn Views() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let may_edit = access_note().may_edit;
    let menu = NodeRef::<Details>::new();
    let name = NodeRef::<Input>::new();
    let views = RwSignal::new(Ok(Vec::new()));
    let load = move || {
        spawn_local(async move {
            let _ = views.try_set(server_functions::views(()).await);
        });
    };
    // Sends a change, then reloads the list.
    let change = move |change: server_functions::Call<()>| {
        spawn_local(async move {
            let _ = match change.await {
                Ok(()) => views.try_set(server_functions::views(()).await),
                Err(error) => views.try_set(Err(error)),
            };
        });
    };
    let save = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(input) = name.get_untracked() else { return };
        let view = SavedView { name: input.value(), address: explorer.view.get_untracked().url(), read_only: false };
        input.set_value("");
        change(server_functions::save_view(view));
    };
    let entry = move |view: SavedView| {
        let SavedView { name, address, read_only } = view;
        let text = shown(&name);
        let (remove, copy) = ((t.view_remove)(&text), (t.view_copy)(&text));
        let (removed, shared) = (name.clone(), name);
        let last = if read_only {
            view! { <span class="read-only" title=t.view_from_file data-testid="read-only-view">{t.view_read_only}</span> }
                .into_any()
        } else if !may_edit {
            ().into_any()
        } else {
            view! {
                <button
                    type="button"
                    class="act"
                    title=remove.clone()
                    aria-label=remove
                    data-testid="remove-view"
                    on:click=move |_| change(server_functions::remove_view(removed.clone()))
                >
                    <Icon name=IconName::Close />
                </button>
            }
            .into_any()
        };
        view! {
            <li>
                <a href=address data-testid="saved-view" on:click=move |_| close(menu)>{text}</a>
                <button
                    type="button"
                    class="act"
                    title=copy.clone()
                    aria-label=copy
                    on:click=move |_| copy_text(&link(&shared))
                >
                    <Icon name=IconName::Copy />
                </button>
                {last}
            </li>
        }
    };
    let list = move || match views.get() {
        Ok(views) if views.is_empty() => notice("", "no-views", t.views_none.to_owned()),
        Ok(views) => view! { <ul>{views.into_iter().map(entry).collect_view()}</ul> }.into_any(),
        Err(error) => notice("", "views-error", error.message),
    };
    view! {
        <details class="menu" node_ref=menu data-testid="views" on:toggle=move |_| load()>
            <summary class="button">
                <Icon name=IconName::Bookmark />
                <span>{t.views}</span>
            </summary>
            <div class="menu-content">
                {move || list()}
                {may_edit.then(|| view! {
                    <form on:submit=save>
                        <input
                            node_ref=name
                            type="text"
                            required=true
                            maxlength="200"
                            placeholder=t.view_name
                            aria-label=t.view_name
                            data-testid="view-name"
                        />
                        <button type="submit" class="button" data-testid="save-view">{t.view_save}</button>
                    </form>
                })}
            </div>
        </details>
    }
    .into_any()
}

fn close(menu: NodeRef<Details>) {
    if let Some(menu) = menu.get_untracked() {
        menu.set_open(false);
    }
}

/// The permanent link to a view; it follows later changes of the view.
fn link(name: &str) -> String {
    let mut url = format!("{}/view/", location().origin().unwrap_or_default());
    let mut path = String::new();
    encode(&mut path, name);
    // In a path, a plus sign is literal.
    url.push_str(&path.replace('+', "%20").replace('/', "%2F"));
    url
}
