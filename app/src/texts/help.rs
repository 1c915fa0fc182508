//! Texts of the help. Only the server renders them, so they are not in the WebAssembly bundle.

use super::Language;

/// The texts of one language.
pub(crate) struct HelpTexts {
    pub(crate) keys_title: &'static str,
    pub(crate) language_title: &'static str,
    /// Pairs of key and effect.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// Pairs of example and meaning.
    pub(crate) language: &'static [(&'static str, &'static str)],
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static HelpTexts {
    match language {
        Language::English => &ENGLISH,
        Language::Korean => &KOREAN,
    }
}

const ENGLISH: HelpTexts = HelpTexts {
    keys_title: "Keys",
    language_title: "Query language",
    keys: &[
        ("/", "search"),
        ("j k", "next, previous record"),
        ("Enter", "show all fields"),
        ("f F", "only, exclude the focused value"),
        ("c", "context of the record"),
        ("t", "trace of the record"),
        ("Space", "pause, resume"),
        ("End", "newest record"),
        ("e", "errors only"),
        ("w", "wrap lines"),
        ("[ ]", "earlier, later time range"),
        ("b", "fields and their values"),
        ("y", "copy link"),
        ("d", "theme"),
        ("Esc", "close"),
        ("?", "help"),
    ],
    language: &[
        ("timeout", "message contains it (case-insensitive)"),
        ("\"connection reset\"", "phrase"),
        ("level:error  level>=warn", "level"),
        ("service:api,web", "any of these values"),
        ("path:/api/*", "values with this prefix"),
        ("status>=500", "numeric comparison"),
        ("user_id:*", "records that have the field"),
        ("message:/re(gex)?/", "regular expression"),
        ("-health   NOT health", "not"),
        ("a OR (b c)", "either; AND is implicit"),
    ],
};

const KOREAN: HelpTexts = HelpTexts {
    keys_title: "단축키",
    language_title: "검색 문법",
    keys: &[
        ("/", "검색"),
        ("j k", "다음, 이전 로그"),
        ("Enter", "모든 필드 보기"),
        ("f F", "포커스된 값만 보기, 제외"),
        ("c", "전후 로그"),
        ("t", "트레이스"),
        ("Space", "일시정지, 재개"),
        ("End", "최신 로그로"),
        ("e", "오류만"),
        ("w", "줄바꿈"),
        ("[ ]", "이전, 다음 시간 범위"),
        ("b", "필드와 값"),
        ("y", "링크 복사"),
        ("d", "테마"),
        ("Esc", "닫기"),
        ("?", "도움말"),
    ],
    language: &[
        ("timeout", "메시지에 포함 (대소문자 무시)"),
        ("\"connection reset\"", "구문"),
        ("level:error  level>=warn", "레벨"),
        ("service:api,web", "나열한 값 중 하나"),
        ("path:/api/*", "이 접두사로 시작하는 값"),
        ("status>=500", "숫자 비교"),
        ("user_id:*", "이 필드가 있는 로그"),
        ("message:/re(gex)?/", "정규 표현식"),
        ("-health   NOT health", "제외"),
        ("a OR (b c)", "둘 중 하나. AND는 생략 가능"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_explain_the_same_keys_and_queries() {
        let names = |list: &[(&'static str, &'static str)]| list.iter().map(|entry| entry.0).collect::<Vec<_>>();
        assert_eq!(names(ENGLISH.keys), names(KOREAN.keys));
        assert_eq!(names(ENGLISH.language), names(KOREAN.language));
    }
}
