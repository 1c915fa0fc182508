//! The device prefix of UniFi access points before the tag: address, model and version, as in
//! `788a20aabbcc,UAP-AC-Pro-Gen2-6.5.28+14491: hostapd[2451]: …`.

use super::tag::{self, Tag};

/// The parsed device, and the tag after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device<'a> {
    pub(super) text: &'a str,
    /// The hardware address, used as the node if no host is named.
    pub(super) address: &'a str,
    pub(super) tag: Tag<'a>,
}

/// Parses a device followed by a tag. Older versions use `("…")` or another order.
pub(super) fn read(text: &str) -> Option<Device<'_>> {
    let (word, rest) = text.split_once(' ')?;
    let bracketed = word.strip_prefix("(\"").and_then(|word| word.strip_suffix("\")"));
    let device = bracketed.or_else(|| word.strip_suffix(':'))?;
    let is_address = |part: &&str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let address = device.split(',').find(is_address).filter(|address| address.len() < device.len())?;
    Some(Device { text: device, address, tag: tag::read(rest)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_an_address_and_a_tag() {
        for (text, address) in [
            ("788a20aabbcc,UAP-AC-Pro-Gen2-6.5.28+14491: hostapd[2451]: x", Some("788a20aabbcc")),
            ("U7PG2,788a20aabbcc,v4.3.20.11298: hostapd: x", Some("788a20aabbcc")),
            ("(\"U7PG2,788a20aabbcc,v4.0.80.10875\") hostapd: x", Some("788a20aabbcc")),
            ("788a20aabbcc: hostapd: x", None),
            ("788a20aabbcc,UAP: two words", None),
            ("a,b: hostapd: x", None),
            ("788a20aabbcc,UAP hostapd: x", None),
        ] {
            assert_eq!(read(text).map(|device| device.address), address, "{text}");
        }
    }
}
