//! Texts of the pages for log-in and set-up. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;

/// The texts of one language.
pub(crate) struct EntranceTexts {
    // Log-in.
    pub(crate) log_in: &'static str,
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) wrong: &'static str,
    /// Takes the seconds to wait.
    pub(crate) slow: fn(u64) -> String,
    pub(crate) unavailable: &'static str,
    pub(crate) forgotten: &'static str,
    /// Takes the name of the user.
    pub(crate) logged_in: fn(&str) -> String,
    pub(crate) to_logs: &'static str,

    // Set-up.
    pub(crate) set_up: &'static str,
    pub(crate) set_up_text: &'static str,
    pub(crate) admin_name: &'static str,
    pub(crate) repeat: &'static str,
    pub(crate) token: &'static str,
    pub(crate) token_hint: &'static str,
    pub(crate) senders: &'static str,
    pub(crate) finish: &'static str,
    pub(crate) not_repeated: &'static str,
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static EntranceTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: EntranceTexts = EntranceTexts {
    log_in: "Log in",
    name: "Name",
    password: "Password",
    wrong: "The name or the password is wrong.",
    slow: |seconds| match seconds {
        0 | 1 => "There were too many attempts. Try again in a second.".to_owned(),
        _ => format!("There were too many attempts. Try again in {seconds} seconds."),
    },
    unavailable: "The server cannot check this now. Try again.",
    forgotten: "Forgotten? An admin can set a new password on the page System, under Access.",
    logged_in: |name| format!("You are logged in as {name}."),
    to_logs: "To the logs",

    set_up: "Set up Logboom",
    set_up_text: "This server can be reached from the network, and nobody may use it yet. The first admin decides who may.",
    admin_name: "Your name",
    repeat: "Password again",
    token: "Token",
    token_hint: "At its start the program printed an address that ends in #token=. Paste what follows. A token is valid \
                 for an hour.",
    senders: "Programs send with keys, which you make on the page System, under Access. Networks can be let in without \
              one at the start of the server: --anonymous write=10.0.0.0/8.",
    finish: "Finish",
    not_repeated: "The two passwords differ.",
};

const KOREAN: EntranceTexts = EntranceTexts {
    log_in: "로그인",
    name: "이름",
    password: "비밀번호",
    wrong: "이름 또는 비밀번호가 올바르지 않습니다.",
    slow: |seconds| format!("시도가 너무 많았습니다. {}초 후에 다시 시도하세요.", seconds.max(1)),
    unavailable: "지금은 서버가 확인할 수 없습니다. 다시 시도하세요.",
    forgotten: "비밀번호를 잊으셨나요? 관리자가 시스템 페이지의 접근 권한에서 새로 설정할 수 있습니다.",
    logged_in: |name| format!("{name}(으)로 로그인되어 있습니다."),
    to_logs: "로그로 이동",

    set_up: "Logboom 설정",
    set_up_text: "이 서버는 네트워크에서 접속할 수 있지만 아직 아무도 사용할 수 없습니다. 첫 관리자가 사용 권한을 정합니다.",
    admin_name: "내 이름",
    repeat: "비밀번호 확인",
    token: "토큰",
    token_hint: "프로그램이 시작할 때 #token=으로 끝나는 주소를 출력했습니다. 그 뒤의 글자를 붙여 넣으세요. 토큰은 한 시간 동안 \
                 유효합니다.",
    senders: "프로그램은 키로 로그를 보냅니다. 키는 시스템 페이지의 접근 권한에서 만듭니다. 서버를 시작할 때 \
              --anonymous write=10.0.0.0/8 옵션을 주면 그 네트워크는 키 없이 보낼 수 있습니다.",
    finish: "완료",
    not_repeated: "두 비밀번호가 다릅니다.",
};
