//! Redaction: the rules on the page System, and the page with the preview of a rule. Both are plain HTML.

use leptos::prelude::*;
use model::api::{RedactionExampleView, RedactionPreviewView, RedactionRuleView};

use super::{
    fields::text_field,
    quiet::{QuietPage, Visit, document},
};
use crate::{
    state::{clock, histogram::grouped},
    texts::redaction::{RedactionTexts, of},
};

/// A rule that was tried out.
#[derive(Debug, Clone)]
pub struct RedactionTrial {
    pub rule: String,
    pub query: String,
    /// The preview, or why there is none.
    pub outcome: Result<RedactionPreviewView, String>,
}

/// Renders the section. Without a rule only an admin sees it, who can try one out.
pub(super) fn redaction(t: &'static RedactionTexts, rules: &[RedactionRuleView], may_admin: bool) -> Option<AnyView> {
    if rules.is_empty() && !may_admin {
        return None;
    }
    let text = if rules.is_empty() { t.none } else { t.redaction_text };
    let table = (!rules.is_empty()).then(|| table(t, rules));
    let form = may_admin.then(|| form(t, "", ""));
    let view = view! {
        <h2 id="redaction">{t.redaction}</h2>
        <p class="quiet">{text}</p>
        {table}
        {form}
    };
    Some(view.into_any())
}

fn table(t: &'static RedactionTexts, rules: &[RedactionRuleView]) -> AnyView {
    let row = |rule: &RedactionRuleView| {
        let pattern = match rule.pattern.as_str() {
            "regex" => t.regex.to_owned(),
            "any" => t.any.to_owned(),
            preset => preset.to_owned(),
        };
        let action = match rule.action.as_str() {
            "hash" => t.hash,
            "drop" => t.drop,
            _ => t.mask,
        };
        let fields = if rule.fields.is_empty() { t.all_fields.to_owned() } else { rule.fields.join(", ") };
        view! {
            <tr data-testid="redaction-rule">
                <td>{rule.name.clone()}</td>
                <td data-label=t.looks_for>{pattern}</td>
                <td data-label=t.fields class="long">{fields}</td>
                <td data-label=t.action>{action}</td>
                <td data-label=t.matches>{grouped(rule.count)}</td>
            </tr>
        }
    };
    let rows = rules.iter().map(row).collect_view();
    view! {
        <table class="table stacked texts" data-testid="redaction">
            <thead>
                <tr>
                    <th scope="col">{t.rule}</th>
                    <th scope="col">{t.looks_for}</th>
                    <th scope="col">{t.fields}</th>
                    <th scope="col">{t.action}</th>
                    <th scope="col">{t.matches}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn form(t: &'static RedactionTexts, rule: &str, query: &str) -> AnyView {
    view! {
        <form class="acts" method="post" action="/system/redaction" data-testid="redaction-form">
            {text_field("rule", t.try_rule, "card · email hash · pin=/pin=(\\d{4})/", rule)}
            {text_field("query", t.query, "service:shop", query)}
            <button class="button">{t.preview}</button>
        </form>
    }
    .into_any()
}

/// Renders the page with the preview of a rule, or with the reason why there is none.
pub fn redaction_page(visit: &Visit<'_>, trial: &RedactionTrial) -> QuietPage {
    let t = of(visit.preferences().language);
    let outcome = match &trial.outcome {
        Ok(preview) => {
            let examples = preview.examples.iter().map(|example| example_view(t, example)).collect_view();
            view! {
                <p class="quiet">{t.preview_text}</p>
                <p role="status" data-testid="redaction-found">
                    {(t.found)(preview.matches, preview.changed, preview.examined)}
                </p>
                {examples}
            }
            .into_any()
        }
        Err(reason) => {
            view! { <p class="banner" role="alert" data-testid="redaction-error">{reason.clone()}</p> }.into_any()
        }
    };
    let content = view! {
        <h1>{t.try_rule}</h1>
        {form(t, &trial.rule, &trial.query)}
        {outcome}
        <p><a class="button" href="/system#redaction">{t.back}</a></p>
    };
    document(visit, t.try_rule, None, false, content.into_any())
}

fn example_view(t: &'static RedactionTexts, example: &RedactionExampleView) -> AnyView {
    let after = example.after.clone().unwrap_or_else(|| t.goes.to_owned());
    view! {
        <section data-testid="redaction-example">
            <p class="quiet">{clock::full(&example.time, false)}" · "{example.field.clone()}</p>
            <pre class="secret" tabindex="0" aria-label=t.before>{example.before.clone()}</pre>
            <pre class="secret" tabindex="0" aria-label=t.after>{after}</pre>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::{SitePath, texts::Language};

    #[test]
    fn rules_are_listed_and_an_admin_can_try_one_out() {
        let rule = RedactionRuleView {
            name: "pin".to_owned(),
            pattern: "regex".to_owned(),
            fields: vec!["message".to_owned(), "<b>".to_owned()],
            action: "drop".to_owned(),
            count: 1_234,
        };
        for language in [Language::English, Language::Korean] {
            let t = of(language);
            let html = redaction(t, std::slice::from_ref(&rule), false).unwrap().to_html();
            for part in ["pin", t.regex, t.drop, "1,234"] {
                assert!(html.contains(part), "{part} in {html}");
            }
            assert!(!html.contains("<b>") && !html.contains("<form"), "{html}");
            assert!(redaction(t, &[], true).unwrap().to_html().contains("<form"));
            assert!(redaction(t, &[], false).is_none());
        }
    }

    #[test]
    fn a_preview_shows_texts_before_and_after_and_escapes_them() {
        let (headers, site) = (HeaderMap::new(), SitePath::default());
        let visit = Visit { headers: &headers, query: "", site: &site };
        let example = RedactionExampleView {
            id: "1".to_owned(),
            time: "2026-01-02T03:04:05.678000000Z".to_owned(),
            field: "message".to_owned(),
            before: "<script>bob@example.com".to_owned(),
            after: None,
        };
        let preview = RedactionPreviewView { examined: 1_000, changed: 2, matches: 3, examples: vec![example] };
        let trial = RedactionTrial { rule: "\"><i>".to_owned(), query: String::new(), outcome: Ok(preview) };
        let page = redaction_page(&visit, &trial);
        let html = page.html();
        assert!(html.contains("bob@example.com") && html.contains("2 of 1,000"), "{html}");
        assert!(html.contains(of(Language::English).goes), "{html}");
        assert!(!html.contains("<script>bob") && !html.contains("<i>"), "{html}");
        let refused = RedactionTrial { outcome: Err("no such <b> preset".to_owned()), ..trial };
        let html = redaction_page(&visit, &refused);
        assert!(html.html().contains("redaction-error") && !html.html().contains("<b>"), "{}", html.html());
    }
}
