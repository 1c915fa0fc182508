//! Texts of redaction on the page System. Only the server renders them, so they are not in the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct RedactionTexts {
    pub(crate) redaction: &'static str,
    pub(crate) redaction_text: &'static str,
    pub(crate) none: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) looks_for: &'static str,
    pub(crate) regex: &'static str,
    pub(crate) any: &'static str,
    pub(crate) fields: &'static str,
    pub(crate) all_fields: &'static str,
    pub(crate) action: &'static str,
    pub(crate) mask: &'static str,
    pub(crate) hash: &'static str,
    pub(crate) drop: &'static str,
    pub(crate) matches: &'static str,
    pub(crate) try_rule: &'static str,
    pub(crate) query: &'static str,
    pub(crate) preview: &'static str,
    pub(crate) preview_text: &'static str,
    /// Takes the numbers of matches, of changed and of examined records.
    pub(crate) found: fn(u64, u64, u64) -> String,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) goes: &'static str,
    pub(crate) back: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static RedactionTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: RedactionTexts = RedactionTexts {
    redaction: "Redaction",
    redaction_text: "Secrets that these rules match are taken out of records before anything of them is written. The \
                     numbers count from the start of the server.",
    none: "No rule is set. Rules are options of the server: --redact card",
    rule: "Rule",
    looks_for: "Looks for",
    regex: "An expression",
    any: "The whole value",
    fields: "Fields",
    all_fields: "All",
    action: "Action",
    mask: "Mask",
    hash: "Hash",
    drop: "Drop",
    matches: "Matches",
    try_rule: "Try out a rule",
    query: "Only records that match (optional)",
    preview: "Preview",
    preview_text: "This is what the rule would have changed in the newest records. Nothing was changed.",
    found: |matches, changed, examined| {
        format!("Matches: {}. Records: {} of {}.", grouped(matches), grouped(changed), grouped(examined))
    },
    before: "Before",
    after: "After",
    goes: "The field is removed.",
    back: "Back to System",
};

const KOREAN: RedactionTexts = RedactionTexts {
    redaction: "민감 정보 제거",
    redaction_text: "이 규칙에 맞는 민감 정보는 레코드가 기록되기 전에 제거됩니다. 숫자는 서버가 시작된 뒤의 \
                     횟수입니다.",
    none: "규칙이 없습니다. 규칙은 서버 옵션으로 지정합니다: --redact card",
    rule: "규칙",
    looks_for: "찾는 대상",
    regex: "정규식",
    any: "값 전체",
    fields: "필드",
    all_fields: "전체",
    action: "동작",
    mask: "가리기",
    hash: "해시",
    drop: "삭제",
    matches: "일치",
    try_rule: "규칙 시험",
    query: "일치하는 레코드만 (선택)",
    preview: "미리 보기",
    preview_text: "이 규칙이 최신 레코드에서 바꾸었을 내용입니다. 실제로 바뀐 것은 없습니다.",
    found: |matches, changed, examined| {
        format!("일치 {}건, 레코드 {}/{}건", grouped(matches), grouped(changed), grouped(examined))
    },
    before: "전",
    after: "후",
    goes: "필드가 제거됩니다.",
    back: "시스템으로 돌아가기",
};
