//! Help dialog: keys and query language.

use leptos::{html::Dialog, prelude::*};

use crate::{
    effect::effect,
    {state::explorer::Explorer, texts::texts},
};

/// A native dialog: it traps the focus and closes on Escape.
#[component]
pub(super) fn Help() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let dialog = NodeRef::<Dialog>::new();
    effect(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if explorer.help.get() {
            // Fails only if it is already open.
            let _ = dialog.show_modal();
        } else {
            dialog.close();
        }
    });
    let list = |entries: &'static [(&'static str, &'static str)]| {
        entries
            .iter()
            .map(|(name, text)| view! { <div><dt><kbd>{*name}</kbd></dt><dd>{*text}</dd></div> })
            .collect_view()
    };
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
                <section>
                    <h2>{t.help_language}</h2>
                    <dl>{list(t.language)}</dl>
                </section>
                <section>
                    <h2>{t.help_keys}</h2>
                    <dl>{list(t.keys)}</dl>
                </section>
                <button type="button" class="button" on:click=move |_| explorer.help.set(false)>{t.close}</button>
            </div>
        </dialog>
    }
    .into_any()
}
