//! Texts of the replays on the page System. Only the server renders them, so they are not in the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct ReplayTexts {
    pub(crate) replays: &'static str,
    pub(crate) replays_text: &'static str,
    pub(crate) day: &'static str,
    pub(crate) source: &'static str,
    pub(crate) source_fuller: &'static str,
    pub(crate) source_store: &'static str,
    pub(crate) source_archive: &'static str,
    pub(crate) destination: &'static str,
    /// The store as a destination.
    pub(crate) store: &'static str,
    pub(crate) query: &'static str,
    pub(crate) start: &'static str,
    pub(crate) records: &'static str,
    pub(crate) state: &'static str,
    pub(crate) sent: &'static str,
    /// Takes the estimate of the number of records. It follows the number of sent records.
    pub(crate) of_about: fn(u64) -> String,
    /// Takes the number of records that the store had.
    pub(crate) skipped: fn(u64) -> String,
    /// Takes the number of refused records.
    pub(crate) refused: fn(u64) -> String,
    pub(crate) started: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) running: &'static str,
    pub(crate) retrying: &'static str,
    pub(crate) done: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) cancelled: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static ReplayTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: ReplayTexts = ReplayTexts {
    replays: "Replays",
    replays_text: "Sends the records of a day to a sink once more, after its destination lost them. With an archive, also \
                   stores records again that the store lost. New records are not delayed.",
    day: "Day (UTC)",
    source: "Source",
    source_fuller: "whichever has more",
    source_store: "store",
    source_archive: "archive",
    destination: "Destination",
    store: "the store",
    query: "Query",
    start: "Send again",
    records: "Records",
    state: "State",
    sent: "Sent",
    of_about: |records| format!(" of about {}", grouped(records)),
    skipped: |records| format!("{} were there", grouped(records)),
    refused: |records| format!("{} refused, see dead letters", grouped(records)),
    started: "Started",
    actions: "Actions",
    cancel: "Cancel",
    running: "Sending",
    retrying: "Not reachable; retrying",
    done: "Done",
    failed: "Failed",
    cancelled: "Cancelled",
};

const KOREAN: ReplayTexts = ReplayTexts {
    replays: "재전송",
    replays_text: "대상이 잃어버린 하루의 로그를 다시 전송합니다. 아카이브가 있으면 저장소가 잃어버린 로그도 다시 저장합니다. \
                   새 로그는 지연되지 않습니다.",
    day: "날짜 (UTC)",
    source: "원본",
    source_fuller: "로그가 더 많은 쪽",
    source_store: "저장소",
    source_archive: "아카이브",
    destination: "대상",
    store: "저장소",
    query: "검색어",
    start: "다시 전송",
    records: "로그",
    state: "상태",
    sent: "전송됨",
    of_about: |records| format!(" / 약 {}", grouped(records)),
    skipped: |records| format!("{}건은 이미 있음", grouped(records)),
    refused: |records| format!("{}건 거부됨, 데드 레터 참고", grouped(records)),
    started: "시작 시각",
    actions: "작업",
    cancel: "취소",
    running: "전송 중",
    retrying: "연결할 수 없어 다시 시도하는 중",
    done: "완료",
    failed: "실패",
    cancelled: "취소됨",
};
