//! The secret by which this program calls its own doors, as the canary does.

use std::sync::LazyLock;

use subtle::ConstantTimeEq as _;

use crate::{
    Caller, Principal, PrincipalKind,
    principal::{Doors, Powers},
};

/// The environment variable by which the workers of a machine, which answer each other's calls, have one secret. The
/// supervising process sets it.
pub const INTERNAL_VARIABLE: &str = "LOGBOOM_INTERNAL_SECRET";
/// The least length of the secret, in bytes.
const LEAST: usize = 64;

static SECRET: LazyLock<String> = LazyLock::new(|| {
    let given = std::env::var(INTERNAL_VARIABLE).ok().filter(|secret| secret.len() >= LEAST);
    given.unwrap_or_else(|| format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()))
});

/// May write and read.
static PRINCIPAL: LazyLock<Principal> = LazyLock::new(|| {
    let powers = Powers { write: Doors::All, read: true, ..Powers::NONE };
    Principal::new("logboom itself", PrincipalKind::Key, powers)
});

/// The secret of this process and of the workers beside it. It is written nowhere.
pub fn internal_secret() -> &'static str {
    &SECRET
}

/// The principal of a caller on this machine with the secret.
pub(crate) fn decide(caller: &Caller<'_>) -> Option<Principal> {
    let secret = caller.secret?;
    let is_ours = caller.address.is_loopback() && bool::from(secret.as_bytes().ct_eq(SECRET.as_bytes()));
    is_ours.then(|| PRINCIPAL.clone())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::Need;

    #[test]
    fn the_secret_counts_on_this_machine_alone_and_changes_nothing() {
        let caller = |address: IpAddr, secret| {
            decide(&Caller { address, secret, session: None, certificate: None, forwarded: false })
        };
        let principal = caller(Ipv4Addr::LOCALHOST.into(), Some(internal_secret())).unwrap();
        let needs = [Need::Write("json"), Need::Read, Need::Edit, Need::Admin];
        assert_eq!(needs.map(|need| principal.may(need).is_ok()), [true, true, false, false]);
        assert!(caller(Ipv4Addr::new(10, 0, 0, 1).into(), Some(internal_secret())).is_none());
        assert!(caller(Ipv4Addr::LOCALHOST.into(), Some(&internal_secret()[1..])).is_none());
        assert!(caller(Ipv4Addr::LOCALHOST.into(), Some("")).is_none());
        assert!(caller(Ipv4Addr::LOCALHOST.into(), None).is_none());
    }
}
