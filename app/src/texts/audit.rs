//! Texts of the page of the audit. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;

/// The texts of one language.
pub(crate) struct AuditTexts {
    pub(crate) audit: &'static str,
    pub(crate) audit_text: &'static str,
    pub(crate) none: &'static str,
    pub(crate) time: &'static str,
    pub(crate) who: &'static str,
    pub(crate) who_hint: &'static str,
    pub(crate) action: &'static str,
    pub(crate) target: &'static str,
    pub(crate) from: &'static str,
    /// The client that a proxy has named.
    pub(crate) for_client: fn(&str) -> String,
    pub(crate) outcome: &'static str,
    pub(crate) done: &'static str,
    pub(crate) refused: &'static str,
    /// How often, for more than once.
    pub(crate) times: fn(u64) -> String,
    pub(crate) any: &'static str,
    pub(crate) show: &'static str,
    pub(crate) newest: &'static str,
    pub(crate) older: &'static str,
    pub(crate) explore: &'static str,
    /// The search has ended early, at this time.
    pub(crate) searched_back_to: &'static str,
    pub(crate) back: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static AuditTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: AuditTexts = AuditTexts {
    audit: "Audit",
    audit_text: "Who did what to this server. The audit consists of records of the service logboom, which admins alone \
                 see and nobody can send. Refusals of one caller for one reason are counted together for a minute.",
    none: "Nothing was noted that matches.",
    time: "Time",
    who: "Who",
    who_hint: "kim, lb_ab12cd34",
    action: "Action",
    target: "Target",
    from: "From",
    for_client: |client| format!("for {client}"),
    outcome: "Outcome",
    done: "Done",
    refused: "Refused",
    times: |count| format!("{count} times"),
    any: "Any",
    show: "Show",
    newest: "Newest",
    older: "Older",
    explore: "Open in Explore",
    searched_back_to: "The search took too long. It has come back to:",
    back: "Back to System",
};

const KOREAN: AuditTexts = AuditTexts {
    audit: "감사 기록",
    audit_text: "누가 이 서버에 무엇을 했는지 보여 줍니다. 감사 기록은 logboom 서비스의 레코드이며, 관리자만 볼 수 있고 아무도 \
                 보낼 수 없습니다. 같은 호출자가 같은 이유로 거부된 것은 1분 동안 묶어서 셉니다.",
    none: "일치하는 기록이 없습니다.",
    time: "시각",
    who: "누가",
    who_hint: "kim, lb_ab12cd34",
    action: "동작",
    target: "대상",
    from: "위치",
    for_client: |client| format!("{client} 대신"),
    outcome: "결과",
    done: "완료",
    refused: "거부",
    times: |count| format!("{count}회"),
    any: "전체",
    show: "보기",
    newest: "최신",
    older: "이전",
    explore: "탐색에서 열기",
    searched_back_to: "검색이 너무 오래 걸려 여기까지 찾았습니다:",
    back: "시스템으로 돌아가기",
};
