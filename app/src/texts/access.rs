//! Texts of the page Access. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;
use crate::backend::AccessAction;

/// The texts of one language.
pub(crate) struct AccessTexts {
    // Common.
    pub(crate) name: &'static str,
    pub(crate) created: &'static str,
    pub(crate) last_used: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) sure: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) hidden: &'static str,
    pub(crate) hidden_hint: &'static str,
    /// The outcome of an action on this name.
    pub(crate) done: fn(AccessAction, &str) -> String,

    // People.
    pub(crate) people: &'static str,
    pub(crate) people_text: &'static str,
    pub(crate) people_none: &'static str,
    pub(crate) role: &'static str,
    pub(crate) viewer: &'static str,
    pub(crate) editor: &'static str,
    pub(crate) admin: &'static str,
    pub(crate) you: &'static str,
    /// Takes the issuer of a person who logs in by an identity provider.
    pub(crate) external: fn(&str) -> String,
    pub(crate) password: &'static str,
    pub(crate) add_person: &'static str,
    pub(crate) change: &'static str,
    pub(crate) save: &'static str,
    pub(crate) set_password: &'static str,
    pub(crate) remove: &'static str,

    // Keys.
    pub(crate) keys: &'static str,
    pub(crate) keys_text: &'static str,
    pub(crate) keys_none: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) scope_write: &'static str,
    pub(crate) scope_read: &'static str,
    pub(crate) scope_admin: &'static str,
    pub(crate) terms: &'static str,
    pub(crate) write_terms: &'static str,
    pub(crate) read_terms: &'static str,
    pub(crate) service: &'static str,
    pub(crate) fields: &'static str,
    pub(crate) doors: &'static str,
    pub(crate) doors_hint: &'static str,
    pub(crate) records_per_second: &'static str,
    pub(crate) bytes_per_day: &'static str,
    pub(crate) expires: &'static str,
    pub(crate) create_key: &'static str,
    pub(crate) revoke: &'static str,
    /// Takes the name of the user who has made a key.
    pub(crate) created_by: fn(&str) -> String,
    /// A key that was not used yet.
    pub(crate) never: &'static str,
    /// Takes the address from which a key was last used.
    pub(crate) used_from: fn(&str) -> String,

    // A new key.
    pub(crate) key_created: &'static str,
    pub(crate) key_created_text: &'static str,
    pub(crate) key_use: &'static str,
    pub(crate) back: &'static str,

    // Networks that need no key.
    pub(crate) networks: &'static str,
    pub(crate) networks_text: &'static str,
    pub(crate) networks_label: &'static str,
    pub(crate) networks_hint: &'static str,
    pub(crate) networks_options: &'static str,

    // Sessions.
    pub(crate) sessions: &'static str,
    pub(crate) sessions_text: &'static str,
    pub(crate) sessions_none: &'static str,
    pub(crate) address: &'static str,
    pub(crate) browser: &'static str,
    pub(crate) current: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static AccessTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: AccessTexts = AccessTexts {
    name: "Name",
    created: "Created",
    last_used: "Last use",
    actions: "Actions",
    sure: "Yes, for good",
    filter: "Filter",
    hidden: "Hidden fields",
    hidden_hint: "password, user",
    done: |action, name| match action {
        AccessAction::PersonAdded => format!("{name} was added."),
        AccessAction::PersonChanged => format!("{name} was changed."),
        AccessAction::PasswordSet => format!("The password of {name} was set. The sessions of {name} have ended."),
        AccessAction::PersonRemoved => format!("{name} was removed."),
        AccessAction::KeyRevoked => format!("The key {name} was revoked."),
        AccessAction::SessionRevoked => format!("The session of {name} has ended."),
        AccessAction::NetworksSet if name.is_empty() => "Every program needs a key now.".to_owned(),
        AccessAction::NetworksSet => format!("These networks may write without a key: {name}."),
    },

    people: "People",
    people_text: "Viewers read. Editors also save views, replay dead letters and pause sinks. Admins may do everything. A \
                  filter in the query language shows only matching records, and hidden fields show no value.",
    people_none: "Nobody yet: everybody who reaches this server may do everything. The first person must be an admin; \
                  from then on everybody has to log in.",
    role: "Role",
    viewer: "Viewer",
    editor: "Editor",
    admin: "Admin",
    you: "you",
    external: |issuer| format!("by OpenID Connect; role and filter follow from the groups at {issuer}"),
    password: "Password",
    add_person: "Add",
    change: "Change",
    save: "Save",
    set_password: "Set password",
    remove: "Remove",

    keys: "Keys",
    keys_text: "For programs that send or read records. The secret is shown once, when a key is created.",
    keys_none: "There are no keys.",
    scopes: "May",
    scope_write: "write",
    scope_read: "read",
    scope_admin: "everything",
    terms: "Limits",
    write_terms: "Limits for writing",
    read_terms: "Limits for reading",
    service: "Fixed service",
    fields: "Fields to add, one per line",
    doors: "Allowed doors",
    doors_hint: "None selected: all of them.",
    records_per_second: "Records per second",
    bytes_per_day: "Bytes per day",
    expires: "Valid until (UTC)",
    create_key: "Create a key",
    revoke: "Revoke",
    created_by: |name| format!("by {name}"),
    never: "never",
    used_from: |address| format!("from {address}"),

    key_created: "The key is ready",
    key_created_text: "Copy it now: it is stored as a hash and cannot be shown again.",
    key_use: "Send it as a header, for example:",
    back: "Back to Access",

    networks: "Without a key",
    networks_text: "Programs in these networks may write logs without a key, and do nothing else. Clients of syslog, GELF \
                    and TCP cannot send a key. A call through a proxy always needs one.",
    networks_label: "Networks",
    networks_hint: "Such as 10.0.0.0/8, separated by commas. Empty: none.",
    networks_options: "Also, by --anonymous at the start of this server:",

    sessions: "Sessions",
    sessions_text: "Browsers in which somebody has logged in. A session ends 30 days after its last use.",
    sessions_none: "Nobody has logged in.",
    address: "Address",
    browser: "Browser",
    current: "this one",
};

const KOREAN: AccessTexts = AccessTexts {
    name: "이름",
    created: "생성 시각",
    last_used: "최근 사용",
    actions: "작업",
    sure: "네, 완전히",
    filter: "필터",
    hidden: "숨길 필드",
    hidden_hint: "password, user",
    done: |action, name| match action {
        AccessAction::PersonAdded => format!("{name} 사용자를 추가했습니다."),
        AccessAction::PersonChanged => format!("{name} 사용자를 변경했습니다."),
        AccessAction::PasswordSet => format!("{name} 사용자의 비밀번호를 설정하고 세션을 종료했습니다."),
        AccessAction::PersonRemoved => format!("{name} 사용자를 삭제했습니다."),
        AccessAction::KeyRevoked => format!("키 {name}을(를) 폐기했습니다."),
        AccessAction::SessionRevoked => format!("{name} 사용자의 세션을 종료했습니다."),
        AccessAction::NetworksSet if name.is_empty() => "이제 모든 프로그램에 키가 필요합니다.".to_owned(),
        AccessAction::NetworksSet => format!("다음 네트워크는 키 없이 쓸 수 있습니다: {name}"),
    },

    people: "사용자",
    people_text: "뷰어는 읽을 수 있습니다. 편집자는 보기 저장, 데드 레터 재처리, 싱크 일시 중지도 할 수 있습니다. 관리자는 \
                  모든 작업을 할 수 있습니다. 필터(검색어)를 지정하면 일치하는 로그만 보이고, 숨긴 필드의 값은 보이지 \
                  않습니다.",
    people_none: "아직 사용자가 없어 이 서버에 접속하는 누구나 모든 작업을 할 수 있습니다. 첫 사용자는 관리자여야 하며, \
                  그 뒤로는 모두 로그인해야 합니다.",
    role: "역할",
    viewer: "뷰어",
    editor: "편집자",
    admin: "관리자",
    you: "나",
    external: |issuer| format!("OpenID Connect 로그인. 역할과 필터는 {issuer}의 그룹을 따릅니다"),
    password: "비밀번호",
    add_person: "추가",
    change: "변경",
    save: "저장",
    set_password: "비밀번호 설정",
    remove: "삭제",

    keys: "키",
    keys_text: "로그를 보내거나 읽는 프로그램에 사용합니다. 비밀 값은 키를 만들 때 한 번만 표시됩니다.",
    keys_none: "키가 없습니다.",
    scopes: "권한",
    scope_write: "쓰기",
    scope_read: "읽기",
    scope_admin: "모든 작업",
    terms: "제한",
    write_terms: "쓰기 제한",
    read_terms: "읽기 제한",
    service: "고정 서비스",
    fields: "추가할 필드, 한 줄에 하나씩",
    doors: "허용할 입구",
    doors_hint: "선택하지 않으면 모두 허용합니다.",
    records_per_second: "초당 로그 수",
    bytes_per_day: "하루 바이트 수",
    expires: "만료일 (UTC)",
    create_key: "키 만들기",
    revoke: "폐기",
    created_by: |name| format!("생성: {name}"),
    never: "없음",
    used_from: |address| format!("주소: {address}"),

    key_created: "키가 준비되었습니다",
    key_created_text: "지금 복사하세요. 해시로 저장되므로 다시 표시할 수 없습니다.",
    key_use: "다음 예와 같이 헤더로 보냅니다.",
    back: "접근 권한으로 돌아가기",

    networks: "키 없이 쓰기",
    networks_text: "이 네트워크의 프로그램은 키 없이 로그를 쓸 수 있고, 다른 작업은 할 수 없습니다. syslog, GELF, TCP \
                    클라이언트는 키를 보낼 수 없습니다. 프록시를 거친 호출에는 항상 키가 필요합니다.",
    networks_label: "네트워크",
    networks_hint: "10.0.0.0/8과 같이 쓰고 쉼표로 구분합니다. 비워 두면 없습니다.",
    networks_options: "이 서버를 시작할 때 --anonymous로 지정한 규칙:",

    sessions: "세션",
    sessions_text: "로그인한 브라우저입니다. 마지막 사용 후 30일이 지나면 종료됩니다.",
    sessions_none: "로그인한 사용자가 없습니다.",
    address: "주소",
    browser: "브라우저",
    current: "현재 세션",
};
