//! Whether an option was given on the command line, where other users of the machine can read its value.

use std::ffi::OsString;

/// Whether the command line of this process has an option, such as `--sink`. Its environment variable does not count:
/// clap reads the variable only if the command line lacks the option.
pub(crate) fn is_on_command_line(option: &str) -> bool {
    has_option(std::env::args_os().skip(1), option)
}

fn has_option(arguments: impl Iterator<Item = OsString>, option: &str) -> bool {
    arguments
        // Arguments after `--` are positional.
        .take_while(|argument| argument != "--")
        .any(|argument| {
            let rest = argument.as_encoded_bytes().strip_prefix(option.as_bytes());
            rest.is_some_and(|rest| matches!(rest, [] | [b'=', ..]))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_with_and_without_an_equals_sign() {
        for (line, has) in [
            ("serve --sink a=http://u:p@host", true),
            ("serve --sink=a=http://u:p@host", true),
            ("--sink a=http://host --data x", true),
            ("serve --sinks a=http://host", false),
            ("serve --data x", false),
            ("serve -- --sink", false),
            ("", false),
        ] {
            assert_eq!(has_option(line.split(' ').map(OsString::from), "--sink"), has, "{line}");
        }
    }
}
