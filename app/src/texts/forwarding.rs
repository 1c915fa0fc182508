//! Texts of the sinks on the page System. Only the server renders them, so they are not in the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct ForwardingTexts {
    pub(crate) forwarding: &'static str,
    pub(crate) forwarding_text: &'static str,
    pub(crate) sink: &'static str,
    pub(crate) state: &'static str,
    pub(crate) delivered: &'static str,
    pub(crate) behind: &'static str,
    pub(crate) actions: &'static str,
    /// Takes the number of refused records.
    pub(crate) refused: fn(u64) -> String,
    pub(crate) nothing: &'static str,
    /// Takes the time of the oldest waiting record.
    pub(crate) waiting_since: fn(&str) -> String,
    /// Takes the time at which retention deletes it.
    pub(crate) deleted_at: fn(&str) -> String,
    pub(crate) pause: &'static str,
    pub(crate) resume: &'static str,
    pub(crate) starting: &'static str,
    pub(crate) following: &'static str,
    pub(crate) failing: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) elsewhere: &'static str,
    pub(crate) wrong: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static ForwardingTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: ForwardingTexts = ForwardingTexts {
    forwarding: "Forwarding",
    forwarding_text: "Sinks that receive the stored records. What a sink has not acknowledged stays in the store and is \
                      sent when the sink is back.",
    sink: "Sink",
    state: "State",
    delivered: "Delivered",
    behind: "Behind",
    actions: "Actions",
    refused: |records| format!("{} refused, see dead letters", grouped(records)),
    nothing: "Nothing",
    waiting_since: |time| format!("waiting since {time}"),
    deleted_at: |time| format!("Retention deletes undelivered records from {time} on."),
    pause: "Pause",
    resume: "Resume",
    starting: "Starting",
    following: "Delivering",
    failing: "Not reachable; retrying",
    paused: "Paused",
    elsewhere: "Runs on another node",
    wrong: "Stopped; change its definition",
};

const KOREAN: ForwardingTexts = ForwardingTexts {
    forwarding: "전달",
    forwarding_text: "저장된 로그를 받는 대상입니다. 대상이 수신을 확인하지 않은 로그는 저장소에 남아 있다가 대상이 복구되면 \
                      전송됩니다.",
    sink: "대상",
    state: "상태",
    delivered: "전달됨",
    behind: "남은 로그",
    actions: "작업",
    refused: |records| format!("{}건 거부됨, 데드 레터 참고", grouped(records)),
    nothing: "없음",
    waiting_since: |time| format!("{time}부터 대기 중"),
    deleted_at: |time| format!("전달되지 않은 로그는 {time}부터 보존 기간에 따라 삭제됩니다."),
    pause: "일시 중지",
    resume: "재개",
    starting: "시작하는 중",
    following: "전달 중",
    failing: "연결할 수 없어 다시 시도하는 중",
    paused: "일시 중지됨",
    elsewhere: "다른 노드에서 실행 중",
    wrong: "중지됨, 설정을 변경하세요",
};
