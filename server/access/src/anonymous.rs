//! Callers without credentials, let in by address: by `--anonymous write=10.0.0.0/8`, or by the networks that admins set.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use crate::{
    Principal, PrincipalKind,
    principal::{Doors, Powers},
};

/// What a rule allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnonymousGrant {
    /// To write through every door.
    Write,
    /// To read every record.
    Read,
}

/// A rule: callers of these addresses may do this without credentials. Written `write=10.0.0.0/8` or `read=::1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnonymousRule {
    pub grant: AnonymousGrant,
    pub network: IpNet,
}

/// The text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rule; write it as write=CIDR or read=CIDR, as in write=10.0.0.0/8")]
pub struct InvalidRule(String);

impl FromStr for AnonymousRule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let read = || {
            let (grant, network) = text.split_once('=')?;
            let grant = match grant {
                "write" => AnonymousGrant::Write,
                "read" => AnonymousGrant::Read,
                _ => return None,
            };
            Some(Self { grant, network: self::network(network)? })
        };
        read().ok_or_else(|| InvalidRule(text.to_owned()))
    }
}

/// A network from its text. An address alone is the network of that address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

impl fmt::Display for AnonymousRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grant = match self.grant {
            AnonymousGrant::Write => "write",
            AnonymousGrant::Read => "read",
        };
        write!(f, "{grant}={}", self.network)
    }
}

/// The rules, and the principals that they make.
#[derive(Debug)]
pub(crate) struct Anonymous {
    rules: Vec<AnonymousRule>,
    writer: Principal,
    reader: Principal,
    both: Principal,
}

impl Anonymous {
    pub(crate) fn new(rules: Vec<AnonymousRule>) -> Self {
        let principal = |write: bool, read| {
            let write = if write { Doors::All } else { Doors::None };
            Principal::new("anonymous", PrincipalKind::Anonymous, Powers { write, read, ..Powers::NONE })
        };
        Self { rules, writer: principal(true, false), reader: principal(false, true), both: principal(true, true) }
    }

    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether these are the rules.
    pub(crate) fn has(&self, rules: &[AnonymousRule]) -> bool {
        self.rules == rules
    }

    /// The principals by which callers are let in.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &Principal> {
        [&self.writer, &self.reader, &self.both].into_iter()
    }

    /// The principal of the rules that apply to the address. An IPv4 address in IPv6 form counts as IPv4.
    pub(crate) fn principal(&self, address: IpAddr) -> Option<&Principal> {
        let address = address.to_canonical();
        let may = |grant| self.rules.iter().any(|rule| rule.grant == grant && rule.network.contains(&address));
        match (may(AnonymousGrant::Write), may(AnonymousGrant::Read)) {
            (true, true) => Some(&self.both),
            (true, false) => Some(&self.writer),
            (false, true) => Some(&self.reader),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Need;

    #[test]
    fn rules_are_written_as_they_are_read() {
        for text in ["write=10.0.0.0/8", "read=::1/128", "read=0.0.0.0/0"] {
            assert_eq!(text.parse::<AnonymousRule>().unwrap().to_string(), text);
        }
        assert_eq!("write=10.0.0.7".parse::<AnonymousRule>().unwrap().to_string(), "write=10.0.0.7/32");
        for text in ["", "write", "write=", "admin=10.0.0.0/8", "write=10.0.0.0/33", "write=host", "Write=10.0.0.0/8"] {
            let error = text.parse::<AnonymousRule>().unwrap_err();
            assert!(error.to_string().contains("write=CIDR or read=CIDR"), "{error}");
        }
    }

    #[test]
    fn an_address_gets_what_its_rules_allow() {
        let rules = ["write=10.0.0.0/8", "read=10.1.0.0/16", "read=fd00::/8"].map(|text| text.parse().unwrap());
        let anonymous = Anonymous::new(rules.to_vec());
        for (address, write, read) in [
            ("10.2.0.1", true, false),
            ("10.1.0.1", true, true),
            ("::ffff:10.1.0.1", true, true),
            ("fd00::7", false, true),
            ("127.0.0.1", false, false),
            ("fe80::1", false, false),
        ] {
            let principal = anonymous.principal(address.parse().unwrap());
            let may = |need| principal.is_some_and(|principal| principal.may(need).is_ok());
            assert_eq!((may(Need::Write("tcp")), may(Need::Read)), (write, read), "{address}");
            assert!(!may(Need::Edit) && !may(Need::Admin));
            assert!(principal.is_none_or(|principal| principal.sight().is_whole()));
        }
    }
}
