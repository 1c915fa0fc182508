//! Texts of the pages for log-in and set-up. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;
use crate::external::ExternalFailure;

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
    /// Takes the name of the identity provider.
    pub(crate) log_in_by: fn(&str) -> String,
    pub(crate) or_password: &'static str,
    pub(crate) external_failed: fn(ExternalFailure) -> &'static str,

    // Set-up.
    pub(crate) set_up: &'static str,
    pub(crate) set_up_text: &'static str,
    pub(crate) admin_name: &'static str,
    pub(crate) repeat: &'static str,
    pub(crate) token: &'static str,
    pub(crate) token_hint: &'static str,
    pub(crate) senders: &'static str,
    pub(crate) without_key: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) from_networks: &'static str,
    pub(crate) networks: &'static str,
    pub(crate) networks_hint: &'static str,
    pub(crate) no_networks: &'static str,
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
    log_in_by: |provider| format!("Log in with {provider}"),
    or_password: "Or with a name and a password:",
    external_failed: |failure| match failure {
        ExternalFailure::Unreachable => {
            "The identity provider does not answer. Try again later, or log in with a password. An admin finds the reason \
             in the log of the server."
        }
        ExternalFailure::Denied => "The log-in was cancelled at the identity provider. Try again.",
        ExternalFailure::Refused => {
            "The identity provider refused the log-in. Try again; if it happens again, ask an admin to check the client \
             and its secret there."
        }
        ExternalFailure::Stale => {
            "This log-in took more than ten minutes, is over, or began in another browser or under another address of \
             this server. Try again."
        }
        ExternalFailure::Issuer => {
            "The identity provider names another issuer than the one in the settings. Ask an admin to check --oidc-issuer, \
             down to the slash at its end."
        }
        ExternalFailure::Clock => {
            "The clocks of the identity provider and of this server differ by more than a minute. Ask an admin to set them."
        }
        ExternalFailure::Token => {
            "The token of the identity provider is not valid for this log-in. Try again; an admin finds the reason in the \
             log of the server."
        }
        ExternalFailure::NoRole => {
            "The identity provider knows you, but none of your groups may use this server. Ask an admin for access."
        }
        ExternalFailure::NoAdmin => {
            "This server has no admin yet, and your groups do not make you one. An admin has to log in first."
        }
        ExternalFailure::LastAdmin => {
            "Your groups no longer make you an admin, and you are the last one here. Add another admin first, with \
             `logboom user add NAME --role admin`."
        }
        ExternalFailure::Unavailable => "The server cannot begin a session now. Try again.",
    },

    set_up: "Set up Logboom",
    set_up_text: "This server can be reached from the network, and nobody may use it yet. The first admin decides who may.",
    admin_name: "Your name",
    repeat: "Password again",
    token: "Token",
    token_hint: "At its start the program printed an address that ends in #token=. Paste what follows. A token is valid \
                 for an hour.",
    senders: "Programs send with keys, which you make on the page System, under Access.",
    without_key: "What may be sent without a key?",
    nothing: "Nothing (recommended)",
    from_networks: "Logs from these networks",
    networks: "Networks",
    networks_hint: "Such as 10.0.0.0/8, separated by commas. Everybody in them may write logs, and do nothing else. You \
                    can change this later on the page System, under Access.",
    no_networks: "Write at least one network, or choose “Nothing”.",
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
    log_in_by: |provider| format!("{provider}(으)로 로그인"),
    or_password: "또는 이름과 비밀번호로:",
    external_failed: |failure| match failure {
        ExternalFailure::Unreachable => {
            "인증 서버가 응답하지 않습니다. 나중에 다시 시도하거나 비밀번호로 로그인하세요. 관리자는 서버 로그에서 이유를 확인할 수 있습니다."
        }
        ExternalFailure::Denied => "인증 서버에서 로그인이 취소되었습니다. 다시 시도하세요.",
        ExternalFailure::Refused => {
            "인증 서버가 로그인을 거부했습니다. 다시 시도하고, 반복되면 관리자에게 클라이언트와 비밀 값을 확인해 달라고 하세요."
        }
        ExternalFailure::Stale => {
            "로그인이 10분을 넘었거나, 이미 끝났거나, 다른 브라우저 또는 이 서버의 다른 주소에서 시작되었습니다. 다시 시도하세요."
        }
        ExternalFailure::Issuer => {
            "인증 서버의 발급자가 설정과 다릅니다. 관리자에게 --oidc-issuer를 끝의 슬래시까지 확인해 달라고 하세요."
        }
        ExternalFailure::Clock => {
            "인증 서버와 이 서버의 시계가 1분 넘게 다릅니다. 관리자에게 시계를 맞춰 달라고 하세요."
        }
        ExternalFailure::Token => {
            "인증 서버의 토큰이 이 로그인에 유효하지 않습니다. 다시 시도하세요. 관리자는 서버 로그에서 이유를 확인할 수 있습니다."
        }
        ExternalFailure::NoRole => {
            "인증은 되었지만, 속한 그룹 중 이 서버를 사용할 수 있는 그룹이 없습니다. 관리자에게 접근 권한을 요청하세요."
        }
        ExternalFailure::NoAdmin => {
            "이 서버에는 아직 관리자가 없고, 속한 그룹은 관리자가 아닙니다. 관리자가 먼저 로그인해야 합니다."
        }
        ExternalFailure::LastAdmin => {
            "속한 그룹이 더 이상 관리자가 아니지만, 이 서버의 마지막 관리자입니다. 먼저 다른 관리자를 추가하세요: \
             `logboom user add NAME --role admin`"
        }
        ExternalFailure::Unavailable => "지금은 서버가 세션을 시작할 수 없습니다. 다시 시도하세요.",
    },

    set_up: "Logboom 설정",
    set_up_text: "이 서버는 네트워크에서 접속할 수 있지만 아직 아무도 사용할 수 없습니다. 첫 관리자가 사용 권한을 정합니다.",
    admin_name: "내 이름",
    repeat: "비밀번호 확인",
    token: "토큰",
    token_hint: "프로그램이 시작할 때 #token=으로 끝나는 주소를 출력했습니다. 그 뒤의 글자를 붙여 넣으세요. 토큰은 한 시간 동안 \
                 유효합니다.",
    senders: "프로그램은 키로 로그를 보냅니다. 키는 시스템 페이지의 접근 권한에서 만듭니다.",
    without_key: "키 없이 무엇을 보낼 수 있나요?",
    nothing: "없음 (권장)",
    from_networks: "다음 네트워크의 로그",
    networks: "네트워크",
    networks_hint: "10.0.0.0/8과 같이 쓰고 쉼표로 구분합니다. 이 네트워크의 누구나 로그를 쓸 수 있고, 다른 작업은 할 수 없습니다. \
                    나중에 시스템 페이지의 접근 권한에서 바꿀 수 있습니다.",
    no_networks: "네트워크를 하나 이상 쓰거나 ‘없음’을 선택하세요.",
    finish: "완료",
    not_repeated: "두 비밀번호가 다릅니다.",
};
