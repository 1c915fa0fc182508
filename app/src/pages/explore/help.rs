//! Help dialog: keys and query language. The server renders the content, which the dialog asks for when it is opened.

use leptos::{html::Dialog, prelude::*, task::spawn_local};

use crate::{effect::effect, server_functions, state::explorer::Explorer, texts::texts};

/// A native dialog: it traps the focus and closes on Escape.
#[component]
pub(super) fn Help() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let dialog = NodeRef::<Dialog>::new();
    let content = RwSignal::new(String::new());
    effect(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if explorer.help.get() {
            // Fails only if it is already open.
            let _ = dialog.show_modal();
            load(content);
        } else {
            dialog.close();
        }
    });
    view! {
        <dialog
            class="help"
            node_ref=dialog
            aria-label=t.help
            data-testid="help"
            on:close=move |_| explorer.help.set(false)
            on:click=move |event| {
                // A click on the backdrop targets the dialog itself.
                if event.target() == event.current_target() {
                    explorer.help.set(false);
                }
            }
        >
            <div class="help-content">
                <div class="help-lists" inner_html=move || content.get()></div>
                <button type="button" class="button" on:click=move |_| explorer.help.set(false)>{t.close}</button>
            </div>
        </dialog>
    }
    .into_any()
}

/// Asks for the content, unless it is there.
fn load(content: RwSignal<String>) {
    if content.with_untracked(String::is_empty) {
        spawn_local(async move {
            let html = match server_functions::help(()).await {
                Ok(html) => html,
                Err(error) => error.message.replace('<', "&lt;"),
            };
            let _ = content.try_set(html);
        });
    }
}
