//! Texts about keys on the page Connect. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;

/// The texts of one language.
pub(crate) struct ConnectTexts {
    pub(crate) for_admins: &'static str,
    pub(crate) for_others: &'static str,
    pub(crate) name: &'static str,
    pub(crate) create: &'static str,
    /// About a client that cannot send a key.
    pub(crate) without_key: &'static str,
    /// About a door without TLS, beside a page with TLS.
    pub(crate) in_clear: &'static str,
    pub(crate) created: &'static str,
    pub(crate) created_text: &'static str,
    pub(crate) not_created: &'static str,
    pub(crate) back: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static ConnectTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: ConnectTexts = ConnectTexts {
    for_admins: "This server takes records with a key. Create one that may send, and the snippets are shown with it.",
    for_others: "This server takes records with a key. Ask an admin for one, and write it in place of lb_….",
    name: "Name of the program",
    create: "Create a key and fill it in",
    without_key: "This client sends no key. It may send from the server's own machine, and from networks that an admin \
                  lets in at System, under Access.",
    in_clear: "The key is not filled in: this door has no TLS, so everybody on the way could read it. Start the server \
               with --tls-cert and --tls-key, or put a proxy with TLS in front of this port, too.",
    created: "The key is ready",
    created_text: "Copy it now: it is stored as a hash and cannot be shown again. The snippets below have it.",
    not_created: "The key was not created",
    back: "Back to Connect, where your first line appears",
};

const KOREAN: ConnectTexts = ConnectTexts {
    for_admins: "이 서버에 로그를 보내려면 키가 필요합니다. 보낼 수 있는 키를 만들면 코드에 채워서 보여 줍니다.",
    for_others: "이 서버에 로그를 보내려면 키가 필요합니다. 관리자에게 요청해 lb_… 자리에 넣으세요.",
    name: "프로그램 이름",
    create: "키를 만들어 채우기",
    without_key: "이 클라이언트는 키를 보내지 않습니다. 서버와 같은 컴퓨터, 그리고 관리자가 시스템 페이지의 접근 권한에서 허용한 \
                  네트워크에서 보낼 수 있습니다.",
    in_clear: "키를 채우지 않았습니다. 이 포트에는 TLS가 없어 중간에서 누구나 키를 읽을 수 있습니다. 서버를 --tls-cert와 --tls-key로 \
               시작하거나, 이 포트 앞에도 TLS 프록시를 두세요.",
    created: "키가 준비되었습니다",
    created_text: "지금 복사하세요. 해시로 저장되므로 다시 표시할 수 없습니다. 아래 코드에 채워져 있습니다.",
    not_created: "키를 만들지 못했습니다",
    back: "연결 페이지로 돌아가기 (첫 로그가 여기에 나타납니다)",
};
