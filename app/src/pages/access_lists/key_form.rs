//! The form of a new key, and the limits of a key as text.

use leptos::prelude::*;
use model::access_views::KeyView;

use super::{reading_fields, time};
use crate::{pages::fields::field, state::histogram::grouped, texts::access::AccessTexts};

pub(super) fn form(t: &'static AccessTexts, doors: &[&'static str]) -> AnyView {
    let scope = |name: &'static str, text: &'static str, checked: bool| {
        view! { <label><input type="checkbox" name="scope" value=name checked=checked /><span>{text}</span></label> }
    };
    let doors = doors.iter().map(|door| {
        view! { <label><input type="checkbox" name="door" value={*door} /><span>{*door}</span></label> }
    });
    view! {
        <form class="key-form" method="post" action="/system/access/keys" data-testid="add-key">
            <div class="acts">
                {field(t.name, view! { <input name="name" required=true autocomplete="off" placeholder="shop-1" /> })}
                <span class="quiet">{t.scopes}</span>
                {scope("write", t.scope_write, true)}
                {scope("read", t.scope_read, false)}
                {scope("admin", t.scope_admin, false)}
                {field(t.expires, view! { <input type="date" name="expires" /> })}
            </div>
            <details>
                <summary>{t.write_terms}</summary>
                <div class="acts">
                    {field(t.service, view! { <input name="service" autocomplete="off" /> })}
                    {field(t.records_per_second, view! { <input name="records" inputmode="numeric" /> })}
                    {field(t.bytes_per_day, view! { <input name="bytes" placeholder="500 MB" /> })}
                    {field(t.fields, view! { <textarea name="fields" rows="2" placeholder="team=payments"></textarea> })}
                </div>
                <div class="acts">
                    <span class="quiet">{t.doors}</span>
                    {doors.collect_view()}
                    <span class="quiet">{t.doors_hint}</span>
                </div>
            </details>
            <details>
                <summary>{t.read_terms}</summary>
                <div class="acts">{reading_fields(t, "", &[])}</div>
            </details>
            <div class="acts">
                <button class="button" name="action" value="create">{t.create_key}</button>
            </div>
        </form>
    }
    .into_any()
}

/// The limits of a key with their labels.
pub(super) fn terms(t: &'static AccessTexts, key: &KeyView) -> Vec<(&'static str, String)> {
    let fields: Vec<String> = key.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let listed = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
    [
        (t.service, key.service.clone()),
        (t.fields, listed(&fields)),
        (t.doors, listed(&key.doors)),
        (t.records_per_second, key.records_per_second.map(|records| grouped(records.into()))),
        (t.bytes_per_day, key.bytes_per_day.map(grouped)),
        (t.filter, key.filter.clone()),
        (t.hidden, listed(&key.hidden)),
        (t.expires, key.expires.as_deref().map(time)),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some((label, value?)))
    .collect()
}
