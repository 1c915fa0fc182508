//! Texts of damaged files, dead letters and server tasks. Only the server renders these pages, so the texts are not in
//! the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct LossTexts {
    // Damaged files.
    pub(crate) aside: &'static str,
    /// Takes the number of missing records.
    pub(crate) aside_text: fn(u64) -> String,
    pub(crate) file: &'static str,
    pub(crate) times: &'static str,
    pub(crate) give_up: &'static str,
    /// Takes the number of records to lose.
    pub(crate) give_up_sure: fn(u64) -> String,

    // Dead letters.
    pub(crate) letters: &'static str,
    pub(crate) letters_text: &'static str,
    pub(crate) letters_none: &'static str,
    pub(crate) letters_none_match: &'static str,
    /// Number of letters, their size, and the limits: size and age.
    pub(crate) letters_kept: fn(u64, &str, &str, &str) -> String,
    /// Letters and records deleted because of the limits.
    pub(crate) letters_dropped: fn(u64, u64) -> String,
    pub(crate) time: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) sender: &'static str,
    pub(crate) service: &'static str,
    pub(crate) records: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) filter_off: &'static str,
    pub(crate) newer: &'static str,
    pub(crate) older: &'static str,
    pub(crate) download: &'static str,
    pub(crate) download_all: &'static str,
    pub(crate) replay: &'static str,
    pub(crate) replay_all: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) delete_all: &'static str,
    pub(crate) sure: &'static str,

    // Outcomes of actions.
    /// Letters and records queued again, and letters that remain.
    pub(crate) replayed: fn(u64, u64, u64) -> String,
    pub(crate) deleted: fn(u64) -> String,
    pub(crate) given_up: &'static str,
    pub(crate) nothing: &'static str,

    // The server's tasks.
    pub(crate) tasks: &'static str,
    /// Number of tasks, and whether all of them run.
    pub(crate) tasks_text: fn(usize, bool) -> String,
    pub(crate) task: &'static str,
    pub(crate) state: &'static str,
    pub(crate) since: &'static str,
    pub(crate) restarts: &'static str,
    pub(crate) last_error: &'static str,
    pub(crate) running: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) broken: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static LossTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

/// A number with its noun in English.
fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

const ENGLISH: LossTexts = LossTexts {
    aside: "Damaged files",
    aside_text: |records| {
        format!(
            "Missing from all results, because files are missing or damaged: {}. To restore them, copy \
             each file back from a backup and restart the server. Give up a file only if no backup has it.",
            counted(records, "record")
        )
    },
    file: "File",
    times: "From – to (UTC)",
    give_up: "Give up",
    give_up_sure: |records| format!("Lose {} permanently", counted(records, "record")),
    letters: "Dead letters",
    letters_text: "Batches that could not be stored, with the reason. After you fix the cause, retry them.",
    letters_none: "No dead letters.",
    letters_none_match: "No matches.",
    letters_kept: |letters, bytes, most, age| {
        format!("{}, {bytes}. Limits: {most} and {age}; the oldest are deleted first.", counted(letters, "letter"))
    },
    letters_dropped: |letters, records| {
        let (letters, records) = (counted(letters, "letter"), counted(records, "record"));
        format!("Deleted because of these limits: {letters} with {records}.")
    },
    time: "Time (UTC)",
    reason: "Reason",
    sender: "Sender",
    service: "Service",
    records: "Records",
    actions: "Actions",
    from: "From (-1d, 2026-01-02T03:04:05Z)",
    to: "To",
    filter: "Filter",
    filter_off: "Show all",
    newer: "Newest",
    older: "Older",
    download: "Download",
    download_all: "Download all matches",
    replay: "Retry",
    replay_all: "Retry all matches",
    delete: "Delete",
    delete_all: "Delete all matches",
    sure: "Delete permanently",
    replayed: |letters, records, failed| {
        let stay = if failed > 0 {
            format!("; not retried, and still here: {}", counted(failed, "letter"))
        } else {
            String::new()
        };
        format!("Queued again: {} of {}{stay}.", counted(records, "record"), counted(letters, "letter"))
    },
    deleted: |letters| format!("Deleted: {}.", counted(letters, "letter")),
    given_up: "The file was given up.",
    nothing: "It no longer exists.",
    tasks: "Tasks",
    tasks_text: |count, well| {
        if well { format!("All {count} tasks are running.") } else { format!("Not all of {count} tasks are running.") }
    },
    task: "Task",
    state: "State",
    since: "Since (UTC)",
    restarts: "Restarts",
    last_error: "Last error",
    running: "Running",
    waiting: "Waiting for restart",
    ended: "Ended",
    broken: "Failed; restart the server",
};

const KOREAN: LossTexts = LossTexts {
    aside: "손상된 파일",
    aside_text: |records| {
        format!(
            "파일이 없거나 손상되어 로그 {}건이 모든 결과에서 빠져 있습니다. 백업에서 각 파일을 원래 위치로 복사하고 \
             서버를 다시 시작하면 복구됩니다. 백업이 없는 파일만 복구를 포기하세요.",
            grouped(records)
        )
    },
    file: "파일",
    times: "기간 (UTC)",
    give_up: "복구 포기",
    give_up_sure: |records| format!("로그 {}건을 영구히 포기", grouped(records)),
    letters: "데드 레터",
    letters_text: "저장하지 못한 배치와 그 이유입니다. 원인을 해결한 뒤 재시도하세요.",
    letters_none: "데드 레터가 없습니다.",
    letters_none_match: "일치하는 항목이 없습니다.",
    letters_kept: |letters, bytes, most, age| {
        format!("{}건, {bytes}. 최대 {most}, {age} 동안 보관하며 오래된 것부터 삭제합니다.", grouped(letters))
    },
    letters_dropped: |letters, records| {
        format!("이 한도 때문에 배치 {}건(로그 {}건)을 삭제했습니다.", grouped(letters), grouped(records))
    },
    time: "시각 (UTC)",
    reason: "이유",
    sender: "송신자",
    service: "서비스",
    records: "로그",
    actions: "동작",
    from: "시작 (-1d, 2026-01-02T03:04:05Z)",
    to: "끝",
    filter: "필터",
    filter_off: "모두 보기",
    newer: "최신",
    older: "이전",
    download: "다운로드",
    download_all: "일치하는 항목 모두 다운로드",
    replay: "재시도",
    replay_all: "일치하는 항목 모두 재시도",
    delete: "삭제",
    delete_all: "일치하는 항목 모두 삭제",
    sure: "영구히 삭제",
    replayed: |letters, records, failed| {
        let stay = if failed > 0 {
            format!(" {}건은 재시도하지 못해 남아 있습니다.", grouped(failed))
        } else {
            String::new()
        };
        format!("배치 {}건의 로그 {}건을 큐에 다시 넣었습니다.{stay}", grouped(letters), grouped(records))
    },
    deleted: |letters| format!("배치 {}건을 삭제했습니다.", grouped(letters)),
    given_up: "파일 복구를 포기했습니다.",
    nothing: "이미 삭제되었습니다.",
    tasks: "백그라운드 작업",
    tasks_text: |count, well| {
        if well {
            format!("작업 {count}개가 모두 실행 중입니다.")
        } else {
            format!("작업 {count}개 중 일부가 실행되고 있지 않습니다.")
        }
    },
    task: "작업",
    state: "상태",
    since: "상태 변경 시각 (UTC)",
    restarts: "재시작",
    last_error: "마지막 오류",
    running: "실행 중",
    waiting: "재시작 대기 중",
    ended: "종료됨",
    broken: "실패. 서버를 다시 시작하세요",
};
