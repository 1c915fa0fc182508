//! Copies text, also on pages without HTTPS.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

/// Copies `text` to the clipboard. Browsers offer the clipboard API only to secure pages; elsewhere a temporary text
/// field is used.
pub(crate) fn copy_text(text: &str) {
    if window().is_secure_context() {
        // The promise fails if the user refuses.
        let _ = window().navigator().clipboard().write_text(text);
        return;
    }
    let page = document();
    let (Ok(element), Some(body)) = (page.create_element("textarea"), page.body()) else { return };
    let Ok(field) = element.dyn_into::<web_sys::HtmlTextAreaElement>() else { return };
    field.set_value(text);
    if body.append_child(&field).is_ok() {
        field.select();
        if let Ok(page) = page.dyn_into::<web_sys::HtmlDocument>() {
            let _ = page.exec_command("copy");
        }
        field.remove();
    }
}
