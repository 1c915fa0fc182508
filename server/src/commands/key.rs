//! `logboom key`: creates, lists and revokes keys.

use std::{io::Write as _, time::Duration};

use access::DOORS;
use anyhow::{Context as _, bail};
use bytesize::ByteSize;
use clap::{Args, Subcommand};
use model::{access_views::KeyView, time::format_rfc3339};
use pipeline::clock::Clock;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    listing::{self, ListOptions, to_second},
    place::{Api, Place},
    printable,
};

/// Actions on keys.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key and print it, this once: KEY=$(logboom key add shop --write).
    Add(Box<AddOptions>),
    /// List the keys: public part, name, what they may, expiry, last use and creator.
    List(ListOptions),
    /// Revoke a key. Its open calls end.
    Revoke(RevokeOptions),
}

/// The key to create.
#[derive(Debug, Args)]
pub(crate) struct AddOptions {
    /// A name for people, such as that of the sender.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The key may send records.
    #[arg(long)]
    pub write: bool,

    /// The key may read records.
    #[arg(long)]
    pub read: bool,

    /// The key may do everything.
    #[arg(long)]
    pub admin: bool,

    /// With --write: the service of all records, whatever the sender writes.
    #[arg(long, value_name = "NAME", requires = "write")]
    pub service: Option<String>,

    /// With --write: an attribute of all records; may be given several times.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = parse_field, requires = "write")]
    pub fields: Vec<(String, String)>,

    /// With --write: a door that takes the key; may be given several times. Without it, all doors take it.
    #[arg(long = "door", value_name = "DOOR", value_parser = DOORS, requires = "write")]
    pub doors: Vec<String>,

    /// With --write: the maximum number of records per second. Past it, senders are told to retry later.
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..), requires = "write")]
    pub rate: Option<u32>,

    /// With --write: the maximum size of the records of a day, such as 10GB or 500MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "write")]
    pub bytes_per_day: Option<ByteSize>,

    /// With --read: the only records that the key reads, such as 'service:shop'.
    #[arg(long, value_name = "QUERY", requires = "read")]
    pub filter: Option<String>,

    /// With --read: a field that the key does not see; may be given several times.
    #[arg(long = "hide", value_name = "FIELD", requires = "read")]
    pub hidden: Vec<String>,

    /// The time from now on after which the key is refused, such as 90d or 12h. Without it, the key does not expire.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub expires: Option<Duration>,

    #[command(flatten)]
    pub place: Place,
}

/// The key to revoke.
#[derive(Debug, Args)]
pub(crate) struct RevokeOptions {
    /// The public part, as listed by `logboom key list`: the 8 characters after lb_.
    #[arg(value_name = "ID")]
    pub id: String,

    #[command(flatten)]
    pub place: Place,
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} has no name and value; write it as env=production")),
    }
}

fn parse_size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a size; write it as 10GB or 500MiB"))
}

/// # Errors
/// The place cannot be reached, or refuses the call.
pub(crate) async fn run(options: &KeyOptions) -> anyhow::Result<()> {
    match &options.command {
        KeyCommand::Add(options) => {
            let body = options.body(Clock::system().now())?;
            let Created { id, secret } = add(&options.place.open().await?, &body).await?;
            let (id, name) = (printable::field(&id), printable::field(&options.name));
            let _ = writeln!(
                std::io::stderr(),
                "the key lb_{id} ({name}) is shown this once; senders give it as `Authorization: Bearer KEY`, and \
                 `logboom key revoke {id}` ends it"
            );
            // Alone on its line, for $(…).
            writeln!(std::io::stdout(), "{}", printable::field(&secret))?;
            Ok(())
        }
        KeyCommand::List(options) => list(options).await,
        KeyCommand::Revoke(options) => {
            let id = public_part(&options.id);
            options.place.open().await?.call(Method::DELETE, &["keys", id], None).await?;
            writeln!(std::io::stdout(), "{}: revoked", printable::field(id))?;
            Ok(())
        }
    }
}

#[derive(Deserialize)]
struct Created {
    id: String,
    secret: String,
}

async fn add(api: &Api, body: &Value) -> anyhow::Result<Created> {
    let answer = api.call(Method::POST, &["keys"], Some(body)).await?;
    serde_json::from_slice(&answer).context("the answer is none of Logboom's API; check the address")
}

impl AddOptions {
    /// The body of the call. `now` in nanoseconds.
    fn body(&self, now: i64) -> anyhow::Result<Value> {
        let scopes = [("write", self.write), ("read", self.read), ("admin", self.admin)];
        let scopes: Vec<&str> = scopes.into_iter().filter(|(_, is_given)| *is_given).map(|(scope, _)| scope).collect();
        if scopes.is_empty() {
            bail!("the key may do nothing; give some of --write, --read and --admin");
        }
        let fields: Map<String, Value> = self.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        if fields.len() < self.fields.len() {
            bail!("a --field is given twice; give each name once");
        }
        let expires = match self.expires {
            None => None,
            Some(after) => {
                let at = i64::try_from(after.as_nanos()).ok().and_then(|after| now.checked_add(after));
                Some(format_rfc3339(at.context("--expires is after the year 2262; leave it out")?))
            }
        };
        let mut body = json!({ "name": self.name, "scopes": scopes });
        for (name, value) in [
            ("service", self.service.as_ref().map(|service| json!(service))),
            ("fields", Some(Value::Object(fields)).filter(|fields| *fields != json!({}))),
            ("doors", (!self.doors.is_empty()).then(|| json!(self.doors))),
            ("records_per_second", self.rate.map(|rate| json!(rate))),
            ("bytes_per_day", self.bytes_per_day.map(|bytes| json!(bytes.as_u64()))),
            ("filter", self.filter.as_ref().map(|filter| json!(filter))),
            ("hidden", (!self.hidden.is_empty()).then(|| json!(self.hidden))),
            ("expires", expires.map(|expires| json!(expires))),
        ] {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        Ok(body)
    }
}

async fn list(options: &ListOptions) -> anyhow::Result<()> {
    let keys: Vec<KeyView> = options.place.open().await?.get(&["keys"]).await?;
    listing::print(&keys, options.json, row)
}

/// A key as fields between tabs.
fn row(key: &KeyView) -> String {
    let expires = key.expires.as_deref().map_or("never".to_owned(), to_second);
    let fields = [
        format!("lb_{}", key.id),
        key.name.clone(),
        terms(key),
        format!("expires {expires}"),
        last_use(key),
        format!("by {}", key.created_by),
    ];
    fields.each_ref().map(|text| printable::field(text)).join("\t")
}

/// When a key was last used, and from where.
fn last_use(key: &KeyView) -> String {
    let Some(time) = &key.last_used else { return "unused".to_owned() };
    let from = key.last_address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
    format!("used {}{from}", to_second(time))
}

/// What a key may, as its options.
fn terms(key: &KeyView) -> String {
    let mut terms: Vec<String> = key.scopes.clone();
    let named = |name: &'static str| move |value: &String| format!("{name} {value}");
    terms.extend(key.service.iter().map(named("service")));
    terms.extend(key.fields.iter().map(|(name, value)| format!("{name}={value}")));
    terms.extend(key.doors.iter().map(named("door")));
    terms.extend(key.records_per_second.map(|rate| format!("{rate} records/s")));
    terms.extend(key.bytes_per_day.map(|bytes| format!("{bytes} bytes/day")));
    terms.extend(key.filter.iter().map(named("filter")));
    terms.extend(key.hidden.iter().map(named("hide")));
    terms.join(", ")
}

/// The public part of a key, of which more may have been pasted.
fn public_part(id: &str) -> &str {
    let id = id.strip_prefix("lb_").unwrap_or(id);
    id.split_once('_').map_or(id, |(public, _)| public)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        commands::place::tests::used_folder,
        config::{Cli, Command},
    };

    fn parse(line: &str) -> Result<KeyCommand, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.into_command() {
            Command::Key(options) => Ok(options.command),
            other => Err(format!("{other:?}")),
        }
    }

    fn body(line: &str) -> anyhow::Result<Value> {
        let KeyCommand::Add(options) = parse(line).map_err(anyhow::Error::msg)? else { bail!("another command") };
        options.body(1_700_000_000_000_000_000)
    }

    #[test]
    fn options_become_the_terms_of_the_key() {
        assert_eq!(body("logboom key add shop --write").unwrap(), json!({ "name": "shop", "scopes": ["write"] }));
        let line = "logboom key add shop --write --read --service shop --field env=a=b --field zone=kr --door otlp \
                    --door loki --rate 100 --bytes-per-day 1MiB --filter service:shop --hide password --expires 1d";
        assert_eq!(
            body(line).unwrap(),
            json!({
                "name": "shop", "scopes": ["write", "read"], "service": "shop",
                "fields": { "env": "a=b", "zone": "kr" }, "doors": ["otlp", "loki"], "records_per_second": 100,
                "bytes_per_day": 1 << 20, "filter": "service:shop", "hidden": ["password"],
                "expires": "2023-11-15T22:13:20.000000000Z"
            })
        );
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_the_way_out() {
        for (line, part) in [
            ("logboom key add shop", "--write, --read and --admin"),
            ("logboom key add shop --read --rate 1", "--write"),
            ("logboom key add shop --write --hide a", "--read"),
            ("logboom key add shop --write --door smtp", "otlp"),
            ("logboom key add shop --write --field a", "env=production"),
            ("logboom key add shop --write --field a=1 --field a=2", "twice"),
            ("logboom key add shop --write --bytes-per-day much", "500MiB"),
            ("logboom key add shop --write --rate 0", "1.."),
            ("logboom key add shop --write --expires 999y", "2262"),
        ] {
            let error = body(line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn a_key_is_one_line_without_controls() {
        let key = KeyView {
            id: "ab12cd34".to_owned(),
            name: "shop\n\x1b[31m".to_owned(),
            scopes: vec!["write".to_owned()],
            service: Some("shop\ta".to_owned()),
            fields: [("env".to_owned(), "x".to_owned())].into(),
            doors: vec!["otlp".to_owned()],
            records_per_second: Some(5),
            bytes_per_day: None,
            filter: None,
            hidden: Vec::new(),
            created: "2026-11-19T14:00:00.5Z".to_owned(),
            created_by: "user kim".to_owned(),
            expires: Some("2027-01-02T03:04:05.678Z".to_owned()),
            last_used: Some("2026-11-20T14:00:00.000Z".to_owned()),
            last_address: Some("10.0.0.7".to_owned()),
        };
        assert_eq!(
            row(&key),
            "lb_ab12cd34\tshop\\n\\u{1b}[31m\twrite, service shop\\ta, env=x, door otlp, 5 records/s\t\
             expires 2027-01-02T03:04:05Z\tused 2026-11-20T14:00:00Z from 10.0.0.7\tby user kim"
        );
        assert!(row(&KeyView { last_used: None, ..key }).contains("\tunused\t"));
    }

    #[test]
    fn the_secret_part_of_a_pasted_key_is_left_out() {
        for id in ["ab12cd34", "lb_ab12cd34", "lb_ab12cd34_0123456789"] {
            assert_eq!(public_part(id), "ab12cd34");
        }
    }

    #[tokio::test]
    async fn a_key_is_made_listed_and_revoked_while_no_server_runs() {
        let (_data, place) = used_folder().await;
        let api = place.open().await.unwrap();
        let made = add(&api, &body("logboom key add shop --write --service shop").unwrap()).await.unwrap();
        assert!(made.secret.starts_with(&format!("lb_{}_", made.id)), "{}", made.id);
        let keys: Vec<KeyView> = api.get(&["keys"]).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].id.as_str(), keys[0].created_by.as_str()), (made.id.as_str(), "data folder"));
        api.call(Method::DELETE, &["keys", &made.id], None).await.unwrap();
        let error = api.call(Method::DELETE, &["keys", &made.id], None).await.unwrap_err().to_string();
        assert!(error.contains(&made.id), "{error}");
        assert!(api.get::<Vec<KeyView>>(&["keys"]).await.unwrap().is_empty());
        let error = api.call(Method::POST, &["keys"], Some(&json!({ "name": "a", "scopes": [], "colour": 1 }))).await;
        assert!(error.unwrap_err().to_string().contains("`colour`"));
    }
}
