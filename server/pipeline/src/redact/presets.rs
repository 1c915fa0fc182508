//! The presets: secrets that many services write by accident.
//!
//! A preset is an expression for candidates, and a check that keeps the right ones. It prefers one match too many to a
//! secret that stays, but it must leave times, versions and hashes alone: records have many of them.

use std::ops::Range;

use super::{addresses, groups, luhn, phone};

/// The names of the presets.
pub const PRESETS: [&str; 9] = ["card", "email", "ipv4", "ipv6", "bearer", "jwt", "aws-key", "krrn", "phone"];

/// A preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    Card,
    Email,
    Ipv4,
    Ipv6,
    Bearer,
    Jwt,
    AwsKey,
    Krrn,
    Phone,
}

const ALL: [Preset; 9] = [
    Preset::Card,
    Preset::Email,
    Preset::Ipv4,
    Preset::Ipv6,
    Preset::Bearer,
    Preset::Jwt,
    Preset::AwsKey,
    Preset::Krrn,
    Preset::Phone,
];

/// Digits in groups, at least 13 of them.
const DIGITS: &str = "[0-9](?:[ .-]?[0-9]){12,}";
/// Either `::`, or six groups. Bounded: the second form must not need a search for `::` in the rest of the text.
const IPV6: &str = "[0-9A-Fa-f:]{0,40}::[0-9A-Fa-f:.]{0,45}|(?:[0-9A-Fa-f]{1,4}:){6,7}[0-9A-Fa-f.]{1,15}";
const BEARER: &str = r#"(?i-u:\bbearer)[ \t:="']{1,4}([A-Za-z0-9._~+/=-]{8,})"#;
const JWT: &str = r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}";
/// The id of an access key; a secret key or a session token after its name.
const AWS_KEY: &str = concat!(
    r"(?-u:\b)((?:AKIA|ASIA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16})(?-u:\b)",
    r#"|(?i-u:secret[_-]?(?:access[_-]?)?key)["' ]{0,3}[:=]["' ]{0,3}([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)"#,
    r#"|(?i-u:session[_-]?token)["' ]{0,3}[:=]["' ]{0,3}([A-Za-z0-9/+=]{100,})"#,
);
const AWS_KEY_FILTER: &str = concat!(
    "(?:AKIA|ASIA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}",
    "|(?i-u:secret[_-]?(?:access[_-]?)?key)|(?i-u:session[_-]?token)",
);
/// The length of a secret key of AWS.
const AWS_SECRET_BYTES: usize = 40;
/// Words after `bearer` are tokens if they have a digit, or at least so many bytes.
const TOKEN_BYTES: usize = 24;

impl Preset {
    pub(super) fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|preset| preset.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        PRESETS[self as usize]
    }

    /// Matches the candidates; if it has groups, they are the candidates.
    pub(super) fn expression(self) -> &'static str {
        match self {
            Self::Card | Self::Krrn => DIGITS,
            Self::Email => r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+",
            Self::Ipv4 => r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
            Self::Ipv6 => IPV6,
            Self::Bearer => BEARER,
            Self::Jwt => JWT,
            Self::AwsKey => AWS_KEY,
            Self::Phone => phone::EXPRESSION,
        }
    }

    /// Matches every text that has a candidate, and is cheaper.
    pub(super) fn filter(self) -> &'static str {
        match self {
            Self::Email => "@",
            Self::Bearer => "(?i-u:bearer)",
            Self::Jwt => "eyJ",
            Self::AwsKey => AWS_KEY_FILTER,
            Self::Ipv6 => "::|(?:[0-9A-Fa-f]{1,4}:){6}",
            Self::Phone => phone::FILTER,
            Self::Card | Self::Krrn => "[0-9](?:[ .-]?[0-9]){12}",
            Self::Ipv4 => self.expression(),
        }
    }

    /// The least number that can match.
    pub(super) fn numbers_from(self) -> Option<u64> {
        match self {
            Self::Card | Self::Krrn => Some(1_000_000_000_000),
            _ => None,
        }
    }

    /// Calls `found` for what is right in a candidate.
    pub(super) fn check(self, text: &str, candidate: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
        match self {
            Self::Card => luhn::cards(text, candidate, found),
            Self::Krrn => groups::resident_numbers(text, candidate, found),
            Self::Email => addresses::email(text, candidate).into_iter().for_each(found),
            Self::Ipv4 => addresses::ipv4(text, candidate).into_iter().for_each(found),
            Self::Ipv6 => addresses::ipv6(text, candidate).into_iter().for_each(found),
            Self::Phone => phone::number(text, candidate).into_iter().for_each(found),
            Self::Bearer => {
                let token = &text[candidate.clone()];
                if token.len() >= TOKEN_BYTES || token.bytes().any(|byte| byte.is_ascii_digit()) {
                    found(candidate);
                }
            }
            Self::Jwt | Self::AwsKey => found(candidate),
        }
    }

    /// Whether the value of the attribute is a secret because of the attribute's name.
    pub(super) fn is_secret_by_name(self, attribute: &str, value: &str) -> bool {
        if self != Self::AwsKey || value.len() < AWS_SECRET_BYTES {
            return false;
        }
        let name: String =
            attribute.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
        let is_key = name.ends_with("secretaccesskey") || name.ends_with("awssecretkey");
        (is_key && value.len() == AWS_SECRET_BYTES) || name.ends_with("awssessiontoken")
    }

    /// A form that does not depend on how the value is written.
    pub(super) fn canonical(self, secret: &str) -> String {
        match self {
            Self::Card | Self::Krrn => secret.chars().filter(char::is_ascii_digit).collect(),
            Self::Email | Self::Ipv6 => secret.to_lowercase(),
            Self::Phone => phone::canonical(secret),
            Self::Ipv4 | Self::Bearer | Self::Jwt | Self::AwsKey => secret.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Redaction;

    /// What a preset leaves of a text.
    fn left(preset: &str, text: &str) -> String {
        let redaction = Redaction::new([preset], None).unwrap();
        redaction.text(text).replace(&format!("[{preset}]"), "#")
    }

    #[test]
    fn presets_find_secrets_and_leave_similar_texts_alone() {
        for (preset, cases) in [
            (
                "card",
                &[
                    ("pay 4111111111111111 now", "pay # now"),
                    ("4111 1111 1111 1111, 5500-0000-0000-0004", "#, #"),
                    ("378282246310005 3782 822463 10005", "# #"),
                    ("4222222222222 and 6304000000000000", "# and #"),
                    ("4111.1111.1111.1111", "#"),
                    ("카드4111111111111111번", "카드#번"),
                    ("pan4111111111111111", "pan#"),
                    ("1234 4111 1111 1111 1111", "1234 #"),
                    // No checksum, a time, a fraction, an id and a hash.
                    ("4111111111111112", "4111111111111112"),
                    ("1767323045123 1767323045000000000", "1767323045123 1767323045000000000"),
                    ("0.4111111111111111", "0.4111111111111111"),
                    ("2026-01-02 030405123456", "2026-01-02 030405123456"),
                    ("a4111111111111111b0", "a4111111111111111b0"),
                    ("41111111111111111111", "41111111111111111111"),
                ][..],
            ),
            (
                "email",
                &[
                    ("to Alice.B+x@mail.example.com.", "to #."),
                    ("메일은test@example.com입니다", "메일은#입니다"),
                    ("<사용자@예시.한국>", "<#>"),
                    ("'bob@example.org'", "'#'"),
                    ("react@18.2.0 a@b @home", "react@18.2.0 a@b @home"),
                    ("bob@example.com.", "#."),
                ],
            ),
            (
                "ipv4",
                &[
                    ("from 10.0.0.7:443, 192.168.1.255.", "from #:443, #."),
                    ("256.1.1.1 1.2.3 v1.2.3.4 1.2.3.4.5", "256.1.1.1 1.2.3 v1.2.3.4 1.2.3.4.5"),
                ],
            ),
            (
                "ipv6",
                &[
                    ("[2001:db8::1]:443 fe80::1: down", "[#]:443 #: down"),
                    ("2001:0db8:0000:0000:0000:ff00:0042:8329", "#"),
                    ("12:34:56 std::vec a::b aa:bb:cc:dd:ee:ff ::", "12:34:56 std::vec a::b aa:bb:cc:dd:ee:ff ::"),
                ],
            ),
            (
                "bearer",
                &[
                    ("Authorization: Bearer abc123DEF456", "Authorization: Bearer #"),
                    ("BEARER  abcdefghijklmnopqrstuvwxyz", "BEARER  #"),
                    ("bearer authentication failed", "bearer authentication failed"),
                ],
            ),
            ("jwt", &[("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl;", "t=#;"), ("eyJhbGciOi", "eyJhbGciOi")]),
            (
                "aws-key",
                &[
                    ("AKIAIOSFODNN7EXAMPLE used", "# used"),
                    (
                        r#"{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}"#,
                        r##"{"SecretAccessKey": "#"}"##,
                    ),
                    ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key=#"),
                    ("AKIASHORT", "AKIASHORT"),
                ],
            ),
            (
                "krrn",
                &[
                    ("주민번호 830101-1234567 입니다", "주민번호 # 입니다"),
                    ("번호830101 1234567끝", "번호#끝"),
                    // 13 digits need the checksum, or a birth since October 2020.
                    ("9001011234568 9001011234567", "# 9001011234567"),
                    ("2010013234567", "#"),
                    ("831301-1234567 20260101-123456", "831301-1234567 20260101-123456"),
                ],
            ),
            (
                "phone",
                &[
                    ("010-1234-5678 01012345678 010 1234 5678", "# # #"),
                    ("call +82 10-1234-5678 or +1 (555) 123-4567", "call # or #"),
                    ("02-123-4567, (02) 1234-5678", "#, #"),
                    ("0171 1234567, 06 12 34 56 78", "#, #"),
                    ("(555) 123-4567 555-123-4567", "# #"),
                    ("01-02-2026 10.0.0.1 1767323045123 12:34", "01-02-2026 10.0.0.1 1767323045123 12:34"),
                ],
            ),
        ] {
            for (text, expected) in cases {
                assert_eq!(&left(preset, text), expected, "{preset}: {text}");
            }
        }
    }
}
