//! Texts of the deletions on the page System. Only the server renders them, so they are not in the WebAssembly bundle.

use super::{Language, grouped};

/// The texts of one language.
pub(crate) struct DeletionTexts {
    pub(crate) deletions: &'static str,
    pub(crate) deletions_text: &'static str,
    pub(crate) query: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) all: &'static str,
    pub(crate) preview: &'static str,

    // The page with the preview.
    pub(crate) title: &'static str,
    /// Takes the number of records that would be deleted.
    pub(crate) found: fn(u64) -> String,
    pub(crate) none: &'static str,
    pub(crate) audit: &'static str,
    /// Takes the number of records that are shown.
    pub(crate) newest: fn(u64) -> String,
    pub(crate) for_good: &'static str,
    pub(crate) archives: &'static str,
    /// Follows `archives`.
    pub(crate) archives_counted: &'static str,
    pub(crate) reason: &'static str,
    /// Takes the number to write.
    pub(crate) write: fn(u64) -> String,
    /// Takes the number of records.
    pub(crate) delete: fn(u64) -> String,
    pub(crate) back: &'static str,

    // The list.
    pub(crate) records: &'static str,
    pub(crate) state: &'static str,
    pub(crate) deleted: &'static str,
    /// Takes the number of all records. It follows the number of deleted records.
    pub(crate) of: fn(u64) -> String,
    /// Takes the number of records deleted from the archive.
    pub(crate) archived: fn(u64) -> String,
    pub(crate) with_archive: &'static str,
    pub(crate) everything: &'static str,
    pub(crate) started: &'static str,
    /// Takes who started it.
    pub(crate) by: fn(&str) -> String,
    pub(crate) actions: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) counting: &'static str,
    pub(crate) running: &'static str,
    pub(crate) retrying: &'static str,
    pub(crate) cancelling: &'static str,
    pub(crate) done: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) cancelled: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static DeletionTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

fn records(count: u64) -> String {
    match count {
        1 => "1 record".to_owned(),
        _ => format!("{} records", grouped(count)),
    }
}

const ENGLISH: DeletionTexts = DeletionTexts {
    deletions: "Deletions",
    deletions_text: "Deletes the records that match a query for good, such as those of a customer who asked for it. The \
                     preview shows them first.",
    query: "Query",
    from: "From (optional)",
    to: "To (optional)",
    all: "every record",
    preview: "Preview",
    title: "Delete records",
    found: |count| format!("{} would be deleted.", records(count)),
    none: "No record matches. Nothing would be deleted.",
    audit: "Records of the audit are never deleted by a query, and are not counted. Records that arrive from now on stay.",
    newest: |count| format!("The newest {}:", grouped(count)),
    for_good: "Deleted records cannot be brought back. Dead letters, backups and what sinks have received stay.",
    archives: "also delete them from the archive",
    archives_counted: "The preview counts the store only; records in the archive are counted while the deletion runs.",
    reason: "Reason (optional)",
    write: |count| format!("Write {} to confirm", grouped(count)),
    delete: |count| format!("Delete {} for good", records(count)),
    back: "Back to System",
    records: "Records",
    state: "State",
    deleted: "Deleted",
    of: |count| format!(" of {}", grouped(count)),
    archived: |count| format!("{} from the archive", grouped(count)),
    with_archive: "with the archive",
    everything: "every record",
    started: "Started",
    by: |name| format!("by {name}"),
    actions: "Actions",
    cancel: "Cancel",
    counting: "Counting",
    running: "Deleting",
    retrying: "Interrupted; retrying",
    cancelling: "Cancelling",
    done: "Done",
    failed: "Failed",
    cancelled: "Cancelled",
};

const KOREAN: DeletionTexts = DeletionTexts {
    deletions: "로그 삭제",
    deletions_text: "검색어와 일치하는 로그를 영구히 삭제합니다. 예: 삭제를 요청한 고객의 로그. 먼저 미리 보기로 확인합니다.",
    query: "검색어",
    from: "시작 (선택)",
    to: "끝 (선택)",
    all: "모든 로그",
    preview: "미리 보기",
    title: "로그 삭제",
    found: |count| format!("로그 {}건이 삭제됩니다.", grouped(count)),
    none: "일치하는 로그가 없어 삭제할 것이 없습니다.",
    audit: "감사 로그는 검색어로 삭제되지 않으며 건수에 포함되지 않습니다. 지금부터 도착하는 로그는 남습니다.",
    newest: |count| format!("최신 로그 {}건:", grouped(count)),
    for_good: "삭제한 로그는 복구할 수 없습니다. 데드 레터, 백업, 싱크가 이미 받은 로그는 남습니다.",
    archives: "아카이브에서도 삭제",
    archives_counted: "미리 보기의 건수는 저장소만 센 것이며, 아카이브의 로그는 삭제가 진행되는 동안 집계됩니다.",
    reason: "사유 (선택)",
    write: |count| format!("확인하려면 {}을(를) 입력하세요", grouped(count)),
    delete: |count| format!("로그 {}건을 영구히 삭제", grouped(count)),
    back: "시스템으로 돌아가기",
    records: "로그",
    state: "상태",
    deleted: "삭제됨",
    of: |count| format!(" / {}", grouped(count)),
    archived: |count| format!("아카이브에서 {}건", grouped(count)),
    with_archive: "아카이브 포함",
    everything: "모든 로그",
    started: "시작 시각",
    by: |name| format!("실행: {name}"),
    actions: "작업",
    cancel: "취소",
    counting: "집계 중",
    running: "삭제 중",
    retrying: "중단되어 다시 시도하는 중",
    cancelling: "취소하는 중",
    done: "완료",
    failed: "실패",
    cancelled: "취소됨",
};
