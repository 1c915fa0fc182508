//! Texts of the loss ledger on the page System. Only the server renders them, so they are not in the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct LedgerTexts {
    pub(crate) title: &'static str,
    pub(crate) unreadable: &'static str,
    pub(crate) not_counted: &'static str,
    /// The number of missing records, and the age of the oldest counted hour.
    pub(crate) lost: fn(u64, &str) -> String,
    pub(crate) hours: fn(u64) -> String,
    pub(crate) days: fn(u64) -> String,
    /// The number of counted hours, and the time of the newest count.
    pub(crate) computed: fn(u64, &str) -> String,
    /// The number of hours that were not compared with what was received.
    pub(crate) uncertain: fn(u64) -> String,
    pub(crate) received: &'static str,
    pub(crate) stored: &'static str,
    pub(crate) deduplicated: &'static str,
    pub(crate) rejected: &'static str,
    pub(crate) dead: &'static str,
    pub(crate) deleted: &'static str,
    pub(crate) in_flight: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) surplus: &'static str,
    pub(crate) rows: &'static str,
    pub(crate) hour: &'static str,
    pub(crate) services: &'static str,

    // The canary.
    pub(crate) canary: &'static str,
    pub(crate) canary_text: &'static str,
    pub(crate) door: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) arrived: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) doubled: &'static str,
    pub(crate) late: &'static str,
    pub(crate) took: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static LedgerTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

fn several(count: u64, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {more}", grouped(count)),
    }
}

const ENGLISH: LedgerTexts = LedgerTexts {
    title: "Loss ledger",
    unreadable: "The store cannot be read now.",
    not_counted: "No hour has been counted yet.",
    lost: |missing, age| format!("{} lost in {age}", several(missing, "record", "records")),
    hours: |hours| several(hours, "hour", "hours"),
    days: |days| several(days, "day", "days"),
    computed: |hours, counted| {
        format!(
            "Computed from {}, last counted at {counted}: received = stored + deduplicated + rejected + dead + deleted + \
             in flight. What else was received is missing.",
            several(hours, "hour with records", "hours with records")
        )
    },
    uncertain: |hours| {
        format!(
            "{} could not be compared with what was received, because a process was killed; compared with earlier \
             counts instead.",
            several(hours, "hour", "hours")
        )
    },
    received: "Received",
    stored: "Stored",
    deduplicated: "Deduplicated",
    rejected: "Rejected",
    dead: "Dead",
    deleted: "Deleted",
    in_flight: "In flight",
    missing: "Missing",
    surplus: "Surplus",
    rows: "Last 24 hours by service (JSON)",
    hour: "Hour",
    services: "Services (JSON)",
    canary: "Canary",
    canary_text: "Marked records of the service logboom-canary, sent through each door and looked for in a search and in \
                  a tail. Missing: not there after 30 s. Late: tailed after 5 s.",
    door: "Door",
    sent: "Sent",
    arrived: "Arrived",
    failed: "Not taken",
    doubled: "Doubled",
    late: "Late",
    took: "Newest took",
};

const KOREAN: LedgerTexts = LedgerTexts {
    title: "유실 장부",
    unreadable: "지금은 저장소를 읽을 수 없습니다.",
    not_counted: "아직 집계된 시간이 없습니다.",
    lost: |missing, age| format!("최근 {age} 동안 로그 {}건 유실", grouped(missing)),
    hours: |hours| format!("{}시간", grouped(hours)),
    days: |days| format!("{}일", grouped(days)),
    computed: |hours, counted| {
        format!(
            "로그가 있는 {}시간을 집계했습니다 (마지막 집계: {counted}). 수신 = 저장 + 중복 제거 + 거부 + 데드 레터 + \
             삭제 + 처리 중이며, 나머지가 유실입니다.",
            grouped(hours)
        )
    },
    uncertain: |hours| {
        format!(
            "프로세스가 강제 종료되어 {}시간은 수신 건수와 비교하지 못했고, 이전 집계와 비교했습니다.",
            grouped(hours)
        )
    },
    received: "수신",
    stored: "저장",
    deduplicated: "중복 제거",
    rejected: "거부",
    dead: "데드 레터",
    deleted: "삭제",
    in_flight: "처리 중",
    missing: "유실",
    surplus: "초과",
    rows: "최근 24시간, 서비스별 (JSON)",
    hour: "시간",
    services: "서비스별 (JSON)",
    canary: "카나리아",
    canary_text: "서비스 logboom-canary의 표시된 로그를 각 입구로 보내고, 검색과 실시간 보기에서 찾습니다. 유실: 30초가 \
                  지나도 없음. 지연: 5초 초과.",
    door: "입구",
    sent: "보냄",
    arrived: "도착",
    failed: "받지 않음",
    doubled: "중복",
    late: "지연",
    took: "최근 소요 시간",
};
