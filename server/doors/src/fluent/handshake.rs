//! The handshake of the forward protocol: a client proves that it has the shared key, and so does the server.
//!
//! The server greets with `HELO` and a nonce. The client answers `PING` with a digest over its salt, its name, the nonce
//! and the key; the server answers `PONG` with a digest of its own. User names and passwords are not used.

use std::{fmt, sync::Arc};

use rmpv::{Value, ValueRef};
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;

use super::value_of;

/// The size limit of the message of a client that has not proven the key yet, in bytes.
pub(super) const HANDSHAKE_BYTES: usize = 4 << 10;
/// The name of the server. Clients refuse one with a name of their own.
const SERVER: &str = "logboom";

/// What a client has to prove.
#[derive(Clone)]
pub struct Challenge {
    /// The shared key.
    pub key: Arc<str>,
    /// Random, and another one for each connection.
    pub nonce: String,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

/// What the first message of a client is.
pub(super) enum Checked {
    /// The client has the key, and gets this answer.
    Proven(Vec<u8>),
    /// It does not have the key, and gets this answer.
    Wrong(Vec<u8>),
    /// It does not take part in the handshake.
    NoPing,
}

impl Challenge {
    /// The greeting.
    pub(super) fn helo(&self) -> Vec<u8> {
        let options = vec![
            ("nonce".into(), self.nonce.as_str().into()),
            ("auth".into(), "".into()),
            ("keepalive".into(), true.into()),
        ];
        encoded(&Value::Array(vec!["HELO".into(), Value::Map(options)]))
    }

    /// Checks the first message.
    pub(super) fn check(&self, message: &[u8]) -> Checked {
        let Ok(ValueRef::Array(parts)) = value_of(&mut &*message) else { return Checked::NoPing };
        if parts.first().and_then(raw) != Some(&b"PING"[..]) {
            return Checked::NoPing;
        }
        let [_, client, salt, digest, ..] = &parts[..] else { return self.wrong("the message PING is incomplete") };
        let (Some(client), Some(salt), Some(digest)) = (raw(client), raw(salt), raw(digest)) else {
            return self.wrong("the message PING has a part that is not text");
        };
        if !bool::from(self.digest(salt, client).as_bytes().ct_eq(digest)) {
            return self.wrong("the shared key is wrong");
        }
        let own = self.digest(salt, SERVER.as_bytes());
        Checked::Proven(pong(true, "", SERVER, &own))
    }

    fn wrong(&self, reason: &str) -> Checked {
        Checked::Wrong(pong(false, reason, "", ""))
    }

    /// The proof of a side by its name, in hexadecimal.
    fn digest(&self, salt: &[u8], name: &[u8]) -> String {
        let digest = Sha512::new_with_prefix(salt).chain_update(name).chain_update(&self.nonce);
        hex::encode(digest.chain_update(self.key.as_bytes()).finalize())
    }
}

fn pong(is_proven: bool, reason: &str, server: &str, digest: &str) -> Vec<u8> {
    encoded(&Value::Array(vec!["PONG".into(), is_proven.into(), reason.into(), server.into(), digest.into()]))
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = rmpv::encode::write_value(&mut bytes, value);
    bytes
}

/// The bytes of a text. Some clients send a salt that is not UTF-8 as a text.
fn raw<'a>(value: &'a ValueRef<'_>) -> Option<&'a [u8]> {
    match value {
        ValueRef::String(text) => Some(text.as_bytes()),
        ValueRef::Binary(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::{
        fluent::Forward,
        stream::{Frame, Proof, Protocol as _},
    };

    const KEY: &str = "lb_abcdefgh_0123456789abcdef0123456789abcdef";
    /// A salt that is not UTF-8, as Fluent Bit sends it.
    const SALT: [u8; 16] = [0xff; 16];

    fn forward() -> Forward {
        Forward::guarded(Challenge { key: KEY.into(), nonce: "0123456789abcdef".to_owned() })
    }

    /// The proof as a client computes it from the greeting.
    fn ping(helo: &[u8], key: &str) -> Vec<u8> {
        let helo = rmpv::decode::read_value(&mut &*helo).unwrap();
        assert_eq!(helo[0], "HELO".into());
        assert_eq!((&helo[1]["auth"], &helo[1]["keepalive"]), (&"".into(), &true.into()));
        let nonce = helo[1]["nonce"].as_str().unwrap();
        let digest = Sha512::new_with_prefix(SALT).chain_update("web-1").chain_update(nonce).chain_update(key);
        let salt = Value::Binary(SALT.to_vec());
        let digest = hex::encode(digest.finalize());
        encoded(&Value::Array(vec!["PING".into(), "web-1".into(), salt, digest.into(), "".into(), "".into()]))
    }

    fn message() -> Vec<u8> {
        let record = Value::Map(vec![("log".into(), "paid".into())]);
        encoded(&Value::Array(vec!["shop".into(), 0.into(), record]))
    }

    fn read(forward: &mut Forward, bytes: &[u8]) -> (Result<(), String>, Frame) {
        let mut frame = Frame::default();
        (forward.read(&mut BytesMut::from(bytes), &mut frame), frame)
    }

    #[test]
    fn both_sides_prove_the_key_before_records_are_taken() {
        let mut forward = forward();
        assert_eq!(forward.proof(), Proof::Awaited);
        let helo = forward.greeting();
        let (read_well, frame) = read(&mut forward, &ping(&helo, KEY));
        assert_eq!((read_well, frame.closed, forward.proof()), (Ok(()), true, Proof::Given));
        let pong = rmpv::decode::read_value(&mut &*frame.answer).unwrap();
        assert_eq!((&pong[0], &pong[1], &pong[3]), (&"PONG".into(), &true.into(), &"logboom".into()));
        let own = Sha512::new_with_prefix(SALT).chain_update("logboom").chain_update("0123456789abcdef");
        assert_eq!(pong[4].as_str(), Some(hex::encode(own.chain_update(KEY).finalize()).as_str()));
        let (read_well, frame) = read(&mut forward, &message());
        assert_eq!((read_well, frame.records.len()), (Ok(()), 1));
    }

    #[test]
    fn without_the_key_no_record_is_taken() {
        let mut wrong = forward();
        let helo = wrong.greeting();
        let (read_well, frame) = read(&mut wrong, &[ping(&helo, "another"), message()].concat());
        assert!(read_well.is_err_and(|reason| reason.contains("shared key")) && frame.records.is_empty());
        let pong = rmpv::decode::read_value(&mut &*frame.answer).unwrap();
        assert_eq!((&pong[1], pong[2].as_str()), (&false.into(), Some("the shared key is wrong")));
        assert_eq!(wrong.proof(), Proof::Awaited);
        for bytes in [message(), b"GET / HTTP/1.1\r\n\r\n".to_vec(), [vec![0xdb, 0, 1, 0, 0], vec![0; 5000]].concat()] {
            let (read_well, frame) = read(&mut forward(), &bytes);
            assert!(read_well.is_err() && frame.records.is_empty(), "{bytes:?}");
        }
    }
}
