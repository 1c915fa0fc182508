//! What is stored about callers without credentials: the networks that may write.

use ipnet::IpNet;
use pipeline::{Document, Error, Kind, Result, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::anonymous::{AnonymousGrant, AnonymousRule, network};

/// The kind of the networks.
pub(crate) const ANONYMOUS: Kind = Kind {
    name: "anonymous",
    format: 1,
    plural: "lists of networks that may write without a key",
    most_bytes: 16 << 10,
    most_documents: 1,
    check: unchecked,
};

/// The name of the only document.
pub(crate) const NETWORKS: &str = "networks";
/// The maximum number of networks.
const MOST_NETWORKS: usize = 100;
/// The maximum size of a quoted text in characters.
const QUOTED: usize = 60;

/// The stored networks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AnonymousDocument {
    /// Such as `10.0.0.0/8`.
    pub(crate) write: Vec<String>,
}

impl AnonymousDocument {
    /// # Errors
    /// `Corrupt` if the document does not read.
    pub(crate) fn read(document: &Document) -> Result<Self> {
        let read: Result<Self> = document.body.read();
        read.and_then(|stored| parse_networks(&stored.write).map(|_| stored)).map_err(|error| {
            Error::corrupt(format!("the list of networks that may write without a key does not read: {error}"))
        })
    }

    /// The networks as rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = AnonymousRule> {
        let networks = self.write.iter().filter_map(|text| network(text));
        networks.map(|network| AnonymousRule { grant: AnonymousGrant::Write, network })
    }
}

/// Reads the networks that an admin wants to let in: sorted, each once, without the bits of hosts.
///
/// # Errors
/// `Invalid`, naming the field `write`.
pub(crate) fn parse_networks(texts: &[String]) -> Result<Vec<IpNet>> {
    let parse = |text: &String| {
        network(text.trim()).map(|network| network.trunc()).ok_or_else(|| {
            let text: String = text.chars().take(QUOTED).collect();
            Error::invalid(format!(
                "write: {text:?} is no network; write it as 10.0.0.0/8, or 10.0.0.7 for one address"
            ))
        })
    };
    let mut networks = texts.iter().map(parse).collect::<Result<Vec<_>>>()?;
    networks.sort_unstable();
    networks.dedup();
    if networks.len() > MOST_NETWORKS {
        return Err(Error::invalid(format!(
            "write has {} networks; it may have {MOST_NETWORKS}: give larger networks",
            networks.len()
        )));
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    fn parse(texts: &[&str]) -> Result<Vec<String>> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Ok(parse_networks(&texts)?.iter().map(IpNet::to_string).collect())
    }

    #[test]
    fn networks_are_kept_once_and_without_the_bits_of_hosts() {
        let networks = parse(&[" 192.168.7.1/16", "10.0.0.7", "192.168.0.0/16", "fd00::1/8"]).unwrap();
        assert_eq!(networks, ["10.0.0.7/32", "192.168.0.0/16", "fd00::/8"]);
        assert!(parse(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_text_that_is_no_network_is_named_with_the_way_out() {
        let long = "x".repeat(1000);
        for text in ["", "host", "10.0.0.0/33", "write=10.0.0.0/8", &long] {
            let error = parse(&["10.0.0.0/8", text]).unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
            let parts = ["write: \"", "write it as 10.0.0.0/8"];
            assert!(parts.iter().all(|part| error.message.contains(part)) && error.message.len() < 200, "{error}");
        }
        let many: Vec<String> = (0..=MOST_NETWORKS).map(|number| format!("10.0.{number}.0/24")).collect();
        let error = parse_networks(&many).unwrap_err();
        assert!(error.message.contains("101 networks; it may have 100"), "{error}");
        assert_eq!(parse_networks(&many[1..]).unwrap().len(), MOST_NETWORKS);
    }
}
