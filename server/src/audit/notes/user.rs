//! The user of the operating system who runs the command.

use std::{fs::File, io::Read as _};

const PASSWD: &str = "/etc/passwd";
/// The most bytes of that file that are read.
const PASSWD_BYTES: u64 = 1 << 20;
/// The most bytes of a name.
const NAME_BYTES: usize = 100;

/// The name of the user of this process, or `uid 1000` for one whom this machine's own list does not have. Variables of
/// the environment such as `USER` are not read: whoever runs the command writes them.
pub(super) fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let mut passwd = Vec::new();
    // Without the file, the number says who it was.
    let _ = File::open(PASSWD).and_then(|file| file.take(PASSWD_BYTES).read_to_end(&mut passwd));
    name_in(&String::from_utf8_lossy(&passwd), uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// The name of a user in the text of passwd(5).
fn name_in(passwd: &str, uid: u32) -> Option<&str> {
    let (name, _) = passwd.lines().filter_map(user_of).find(|(_, id)| *id == uid)?;
    let is_fit = (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    is_fit.then_some(name)
}

/// The name and the number in a line.
fn user_of(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    Some((name, fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nkim:x:1000:1000::/home/kim:/bin/sh\n\
                      again:x:1000:1::/:/bin/sh\na\tb:x:7:7::/:/bin/sh\n:x:8:8::/:/bin/sh\n";
        for (uid, name) in [(0, Some("root")), (1000, Some("kim")), (7, None), (8, None), (1, None)] {
            assert_eq!(name_in(passwd, uid), name, "{uid}");
        }
        assert!(!user_name().is_empty());
    }
}
